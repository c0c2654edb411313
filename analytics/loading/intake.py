"""What the spools have gained, into the tables: rows and place in the file in one transaction."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import cast

import duckdb

from analytics.loading.horizon import PAST_AGE, Horizon, bounds
from analytics.loading.store import fact_columns
from ivr.records.facts import NOT_CALLERS

log = logging.getLogger(__name__)

MOST_BYTES = 32_000_000
"""Of one file in one transaction; bounds memory, and what is done again after a crash."""
MOST_TRIES = 20
"""Of a transaction that meets another writer's."""
_LOAD = (Path(__file__).resolve().parent / "load.sql").read_text()
_COLUMNS = ", ".join(f"'{name}': '{kind}'" for name, kind in fact_columns().items())
_INCOMING = f"""
CREATE OR REPLACE TEMP TABLE incoming AS SELECT DISTINCT ON (id) * RENAME ("at" AS happened)
FROM read_json(?, format = 'newline_delimited', columns = {{{_COLUMNS}}}, ignore_errors = true)
WHERE id IS NOT NULL AND "at" IS NOT NULL
"""


_PLACE = """
MERGE INTO hot.spool USING (
    SELECT any_value(node) AS node, max(happened) AS newest FROM incoming) AS part ON name = $name
WHEN MATCHED THEN
    UPDATE SET bytes_read = $end, newest = greatest(spool.newest, part.newest)
WHEN NOT MATCHED THEN INSERT VALUES ($name, part.node, $end, part.newest)
"""
_REACH = """
SET VARIABLE oldest = (SELECT min(happened) FROM incoming);
SET VARIABLE newest = (SELECT max(happened) FROM incoming);
-- A call of which neither the beginning nor a row in `hot` is at hand may be of any day.
SET VARIABLE anywhere = (EXISTS (
    SELECT session FROM incoming WHERE session IS NOT NULL
    EXCEPT SELECT session FROM hot.call_session
    EXCEPT SELECT session FROM incoming WHERE fact = 'SessionStarted'));
SET VARIABLE since = (
    SELECT if(getvariable('anywhere'), '-infinity'::TIMESTAMP, least(
        getvariable('oldest'),
        (SELECT min(started) FROM hot.call_session WHERE session IN (SELECT session FROM incoming))
    ) - INTERVAL 1 DAY));
SET VARIABLE late = (
    SELECT count(*) > 0 FROM hot.parquet_file
    WHERE getvariable('since') < last_day + INTERVAL 16 HOUR);  -- its end in Beijing
"""
"""How far back the batch reaches: where known facts are looked for, and since when."""


class Reader:
    """Reads the spools under `spool` into a store; `scratch` is a file of its own.

    What is past its age by `kept` is not taken: a spool that is read again after its days have gone
    would bring them back, and count them twice in what outlives them.
    """

    def __init__(
        self,
        store: duckdb.DuckDBPyConnection,
        spool: Path,
        scratch: Path,
        kept: Callable[[], Horizon | None] = lambda: None,
    ) -> None:
        self._store = store
        self._spool = spool
        self._scratch = scratch
        self._kept = kept

    def parts(self) -> Iterator[int]:
        """Read what there is until now, part by part; the number of lines of each.

        What is written meanwhile is left for the next time: a busy line never stops writing.
        """
        for path in sorted(self._spool.glob("facts-*.jsonl")):
            end = path.stat().st_size
            while read := self._read_part(path, end):
                yield read

    @property
    def newest(self) -> datetime:
        """Time of the newest fact of the last part, UTC."""
        ((newest,),) = self._store.execute("SELECT getvariable('newest')").fetchall()
        return cast(datetime, newest)

    def _read_part(self, path: Path, end: int) -> int:
        """The next whole lines of one file before `end`; 0 when there are none."""
        begin = self._bytes_read(path.name)
        if end < begin:  # not the file that was read; facts that are known are dropped
            begin = 0
        if end == begin:
            return 0
        content = _whole_lines(path, begin, min(end - begin, MOST_BYTES))
        if not content:
            return 0
        lines = content.count(b"\n")
        try:
            self._scratch.write_bytes(content)
            self._store.execute(_INCOMING, [str(self._scratch)])
        finally:
            self._scratch.unlink(missing_ok=True)
        ((facts,),) = self._store.execute("SELECT count(*) FROM incoming").fetchall()
        if facts < lines:
            log.warning("%s: %d lines are no facts, or come twice", path.name, lines - facts)
        self.take_incoming(path.name, begin + len(content))
        return lines

    def take_incoming(self, name: str, end: int) -> None:
        """Take the facts of the table `incoming`, which were read from a file up to `end`.

        Calls of our own caller (拨测) are left out here: no table and no answer has them.
        """
        for ours in NOT_CALLERS:
            self._store.execute("DELETE FROM incoming WHERE starts_with(session, ?)", [ours])
        insist(lambda: self._take(name, end))

    def _take(self, name: str, end: int) -> None:
        self._store.begin()
        with rolled_back(self._store):
            self._store.execute(_PLACE, {"name": name, "end": end})
            known = self._known()
            if (horizon := self._kept()) is not None:
                self._store.execute(PAST_AGE, bounds(horizon))
            self._store.execute(_LOAD.format(known=known))
            self._store.commit()

    def _known(self) -> str:
        """Where to look for what is known already: in `hot`, or in `main` with the closed days."""
        self._store.execute(_REACH)
        ((late,),) = self._store.execute("SELECT getvariable('late')").fetchall()
        return "main" if late else "hot"

    def _bytes_read(self, name: str) -> int:
        row = self._store.execute(
            "SELECT bytes_read FROM hot.spool WHERE name = ?", [name]
        ).fetchone()
        return int(row[0]) if row else 0


def insist(attempt: Callable[[], None]) -> None:
    """Try again what another node's transaction was in the way of; on one machine none ever is."""
    for tries in range(1, MOST_TRIES):
        try:
            return attempt()
        except (duckdb.TransactionException, duckdb.CatalogException):
            time.sleep(random.uniform(0, 0.05 * tries))  # noqa: S311  so that two do not meet again
    return attempt()


@contextmanager
def rolled_back(store: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """On a fault the open transaction is undone; a commit that failed has ended it already."""
    try:
        yield
    except duckdb.Error:
        with suppress(duckdb.TransactionException):
            store.rollback()
        raise


def _whole_lines(path: Path, begin: int, most: int) -> bytes:
    """Up to the last end of a line: what follows is being written, or was torn by a crash."""
    with path.open("rb") as file:
        file.seek(begin)
        content = file.read(most)
    return content[: content.rfind(b"\n") + 1]
