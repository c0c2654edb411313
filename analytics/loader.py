"""Spool files into the private database: rows and place in the file in one transaction."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from analytics.archive import HOT_DAYS, Archive
from analytics.publish import publish
from analytics.questioning import BEIJING
from analytics.retention import first_days, kept_from
from analytics.spools import retire
from analytics.store import FactsFolder, fact_columns, open_store, shrink

log = logging.getLogger(__name__)

PERIOD_SECONDS = 2.0
REST = 2.0
"""The loader rests this many times as long as it worked, and leaves the machine to the calls."""
TIDY_SECONDS = 600.0
"""How often it looks for closed days, and for files that nobody needs any more."""
MOST_BYTES = 32_000_000
"""Of one file in one transaction; bounds memory, and what is done again after a crash."""
MOST_HOT_ROWS = 2_000_000
"""Steps in the database; when history is loaded, its days are filed on the way."""

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
    WHERE getvariable('since') < last_day + INTERVAL 1 DAY);
"""
"""How far back the batch reaches: where known facts are looked for, and since when."""


class AlreadyLoading(Exception):
    """Another loader works on the same facts."""


class Loader:
    """One pass after another over the spools; `load` reads what is new, `publish` shows it."""

    def __init__(self, folder: FactsFolder) -> None:
        self._folder = folder
        self._unpublished = True
        self._tidy_at = 0.0
        self._open()

    def load(self) -> int:
        """Read what the spools have gained until now; the number of lines that were read.

        What is written meanwhile is left for the next pass: a busy line never stops writing.
        """
        lines = 0
        for path in sorted(self._folder.spool.glob("facts-*.jsonl")):
            end = path.stat().st_size
            while read := self._load_part(path, end):
                lines += read
        return lines

    def publish(self) -> bool:
        """Show analysts what was loaded since the last time; whether there was anything."""
        if not self._unpublished and self._folder.published.exists():
            return False
        publish(self._store, self._folder.private, self._folder.published)
        self._unpublished = False
        return True

    def tidy(self, now: datetime) -> None:
        """File closed days, remove what nobody needs any more, give disk space back."""
        if self._archive.close_days(last_closed(now)):
            self._unpublished = True
            self._shrink()
        horizon = kept_from(self._folder)
        if horizon is not None and self._archive.drop(first_days(horizon)):
            self._unpublished = True
        self._archive.sweep()
        retire(self._store, self._folder.spool, now)

    def tidy_when_due(self) -> None:
        """Tidy at first, and now and then."""
        if time.monotonic() >= self._tidy_at:
            self.tidy(datetime.now(UTC))
            self._tidy_at = time.monotonic() + TIDY_SECONDS

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def _open(self) -> None:
        self._store = open_store(self._folder)
        self._archive = Archive(self._store, self._folder.parquet)
        self._archive.open()

    # --- loading ------------------------------------------------------------------------------

    def _load_part(self, path: Path, end: int) -> int:
        """The next whole lines of one file before `end`; 0 when there are none."""
        begin = self._bytes_read(path.name)
        if end < begin:  # not the file that was read; facts that are known are dropped
            begin = 0
        if end == begin:
            return 0
        content = _whole_lines(path, begin, min(end - begin, MOST_BYTES))
        if not content:
            return 0
        part = self._folder.private.with_name("incoming.jsonl")
        try:
            part.write_bytes(content)
            self._take(part, path.name, begin + len(content))
        finally:
            part.unlink(missing_ok=True)
        self._file_history()
        return content.count(b"\n")

    def _take(self, part: Path, name: str, end: int) -> None:
        self._store.begin()
        try:
            self._store.execute(_INCOMING, [str(part)])
            self._store.execute(_PLACE, {"name": name, "end": end})
            self._store.execute(_LOAD.format(known=self._known()))
            self._store.commit()
        except duckdb.Error:
            self._store.rollback()
            raise
        self._unpublished = True

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

    # --- keeping the database small -----------------------------------------------------------

    def _file_history(self) -> None:
        """While much history is loaded, file its days on the way; today's line never comes here."""
        ((steps,),) = self._store.execute("SELECT count(*) FROM hot.call_step").fetchall()
        if steps > MOST_HOT_ROWS:
            ((newest,),) = self._store.execute("SELECT getvariable('newest')").fetchall()
            self._archive.close_days(
                last_closed(min(newest.replace(tzinfo=UTC), datetime.now(UTC)))
            )

    def _shrink(self) -> None:
        """Copying for analysts takes as long as the file is large: give back what days left."""
        self._store.execute("CHECKPOINT")
        ((blocks, unused),) = self._store.execute(
            "SELECT total_blocks, free_blocks FROM pragma_database_size()"
        ).fetchall()
        if unused > blocks / 2:
            self.close()
            try:
                shrink(self._folder)
            finally:
                self._open()


def last_closed(now: datetime) -> date:
    """The newest day of Beijing time that leaves the database."""
    return now.astimezone(BEIJING).date() - timedelta(days=HOT_DAYS)


def run(folder: FactsFolder, *, once: bool = False, stop: threading.Event | None = None) -> None:
    """Load and publish until told to stop; raises AlreadyLoading when another loader does.

    A full disk or the like is told and tried again: the spools keep what is not loaded yet.
    """
    stop = stop or threading.Event()
    with _alone(folder.lock):
        loader = Loader(folder)
        try:
            if once:
                loader.load()
                loader.tidy_when_due()
                loader.publish()
                return
            while not stop.is_set():
                began = time.monotonic()
                loader = _pass(loader, folder)
                stop.wait(max(PERIOD_SECONDS, REST * (time.monotonic() - began)))
            _pass(loader, folder)
        finally:
            loader.close()


def _pass(loader: Loader, folder: FactsFolder) -> Loader:
    """One round; after a fault of the database the loader to go on with, opened anew."""
    try:
        lines = loader.load()
        loader.tidy_when_due()
        if loader.publish():
            log.info("published, with %d new facts", lines)
    except duckdb.Error as fault:
        log.error("facts are not loaded, and tried again: %s", fault)  # noqa: TRY400  the database's own words say it
        loader.close()
        return Loader(folder)
    except OSError as fault:
        log.error("facts are not published, and tried again: %s", fault)  # noqa: TRY400  as above
    return loader


def _whole_lines(path: Path, begin: int, most: int) -> bytes:
    """Up to the last end of a line: what follows is being written, or was torn by a crash."""
    with path.open("rb") as file:
        file.seek(begin)
        content = file.read(most)
    return content[: content.rfind(b"\n") + 1]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold the lock, which the system releases however this process ends."""
    lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyLoading(f"another loader holds {lock}; one is enough") from None
    try:
        yield
    finally:
        os.close(descriptor)
