"""Facts of many machines: DuckLake, its catalog in PostgreSQL, its Parquet on shared storage.

The same tables, questions and load as on one machine. Every node's loader writes by itself; the
catalog makes each part of a spool, with the place up to which it was read, one transaction.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

import duckdb

from analytics.answering.asking import (
    LIMITS,
    CannotAnswer,
    Limits,
    NothingPublished,
    confined,
)
from analytics.answering.views import TIME, literal, make_views_of_lake
from analytics.loading.horizon import first_days, kept_from
from analytics.loading.intake import Reader, insist, rolled_back
from analytics.loading.spools import KEEP, retire
from analytics.loading.store import FactsFolder, migrate

log = logging.getLogger(__name__)

PREFIX = "ducklake:"
EXTENSIONS = ("postgres_scanner", "ducklake")
PERIOD_SECONDS = 10.0
"""Between two transactions of one loader: each makes small files, which are merged later."""
SETTLED_SECONDS = 0.5
"""So long the making of a new lake takes at most."""
KEPT = "1 day"
"""How long snapshots, and what they read, outlive their successors."""


@dataclass(frozen=True, slots=True)
class Lake:
    """Where it is: `ducklake:postgres:dbname=… host=…`, and the folder of its Parquet."""

    target: str
    data: Path

    def attached(self) -> duckdb.DuckDBPyConnection:
        """A connection whose tables are the lake's; CannotAnswer where that cannot be.

        A second attempt, since of two nodes that make a new lake at once one is refused.
        """
        try:
            return self._attached(read_only=False)
        except duckdb.Error:
            time.sleep(SETTLED_SECONDS)
        try:
            return self._attached(read_only=False)
        except duckdb.Error as fault:
            raise CannotAnswer(f"the lake cannot be opened: {fault}") from fault

    def opened(
        self, *, reach: Path | None = None, limits: Limits = LIMITS
    ) -> duckdb.DuckDBPyConnection:
        """To ask only; as `analytics.answering.asking.opened` does for one machine."""
        try:
            return confined(self._attached(read_only=True, limits=limits), self.data, reach)
        except duckdb.Error as fault:
            raise NothingPublished(f"the lake cannot be read: {fault}") from fault

    def _attached(self, *, read_only: bool, limits: Limits = LIMITS) -> duckdb.DuckDBPyConnection:
        lake = duckdb.connect(config=limits)
        for name in EXTENSIONS:
            lake.execute(f"LOAD {literal(str(extension(name)))}")
        writing = f"DATA_PATH {literal(f'{self.data}/')}, DATA_INLINING_ROW_LIMIT 0"
        options = "READ_ONLY" if read_only else writing
        lake.execute(f"ATTACH {literal(self.target)} AS lake ({options})")
        lake.execute("USE lake")
        return lake


def extension(name: str) -> Path:
    """A DuckDB extension from its pinned package; CannotAnswer says which are lacking."""
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    folder = Path(found.origin).parent if found and found.origin else None
    files = list(folder.rglob(f"v{duckdb.__version__}/*.duckdb_extension")) if folder else []
    if not files:
        raise CannotAnswer(
            f"DuckDB {duckdb.__version__} has no extension {name} here: install the extra"
            " `ducklake`, which pins the DuckDB for which it exists"
        )
    return files[0]


class LakeLoader:
    """One node's loader: its spools into the lake that it shares with others."""

    def __init__(self, folder: FactsFolder, lake: Lake) -> None:
        self._folder = folder
        self._store = lake.attached()
        insist(self._make)
        scratch = folder.lock.with_name("incoming.jsonl")
        self._reader = Reader(self._store, folder.spool, scratch, partial(kept_from, folder))

    @property
    def period(self) -> float:
        """Seconds between two passes."""
        return PERIOD_SECONDS

    def load(self) -> int:
        """Read what the spools have gained until now; each part is seen by all at once."""
        return sum(self._reader.parts())

    def publish(self) -> bool:
        """Everything loaded is published already."""
        return False

    def tidy(self, now: datetime) -> Iterator[None]:
        """Drop what is past its age, merge small files, let go of what no snapshot needs."""
        horizon = kept_from(self._folder)
        if horizon is not None:
            for table, first in first_days(horizon):
                insist(partial(self._drop, table, first))
                yield
        try:
            for care in _CARE:
                self._store.execute(care)
                yield
        except duckdb.Error as met:  # whoever comes second leaves it
            log.info("another loader tidies the lake: %s", met)
        retire(self._store, self._folder.spool, now - KEEP, now=now)

    def close(self) -> None:
        """Let go of the lake."""
        self._store.close()

    def _drop(self, table: str, first: date) -> None:
        """The rows before a table's first day, which are mostly none."""
        past = f"{TIME.get(table, 'happened')} < DATE {literal(str(first))} - INTERVAL 8 HOUR"
        if self._store.execute(f"SELECT 1 FROM hot.{table} WHERE {past} LIMIT 1").fetchall():
            self._store.execute(f"DELETE FROM hot.{table} WHERE {past}")

    def _make(self) -> None:
        with rolled_back(self._store):
            migrate(self._store)
            self._store.begin()
            make_views_of_lake(self._store)
            self._store.commit()


_CARE = (
    "CALL ducklake_rewrite_data_files('lake')",  # of which nearly all rows were deleted
    "CALL ducklake_merge_adjacent_files('lake')",
    f"CALL ducklake_expire_snapshots('lake', older_than => now() - INTERVAL {KEPT})",
    f"CALL ducklake_cleanup_old_files('lake', older_than => now() - INTERVAL {KEPT})",
)
