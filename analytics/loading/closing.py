"""Closed days leave the database for Parquet: written once, named uniquely, merged by month.

No file is ever changed. Analysts hold snapshots that list files, so that one which no longer
counts stays readable for a grace time; that it was retired is its time of modification.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from analytics.answering.views import ALL, FACT_TABLES, ROLL_UPS, TIME, listed, literal, make_views
from analytics.loading import listing
from analytics.loading.intake import rolled_back

log = logging.getLogger(__name__)

HOT_DAYS = 2
"""Today and yesterday stay in the database."""
PATIENCE_DAYS = 7
"""A call without an end stays in the database as long: its end may still be noted."""
GRACE_SECONDS = 24 * 3600.0
"""How long a retired file can be read by snapshots that are still open."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days of Beijing time, both included: one, or a whole month."""

    first: date
    last: date

    @classmethod
    def of(cls, day: date, until: date) -> Period:
        """What a day is filed under when all days up to `until` are closed."""
        month = cls.month(day)
        return month if month.last <= until else cls(day, day)

    @classmethod
    def month(cls, day: date) -> Period:
        """The whole month of a day."""
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        return cls(day.replace(day=1), following - timedelta(days=1))

    @property
    def name(self) -> str:
        """As in the names of files."""
        return f"{self.first:%Y-%m-%d}" if self.first == self.last else f"{self.first:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that counts."""

    name: str
    table: str
    period: Period
    rows: int


class ClosedDays:
    """What moves rows from the store's hot tables to Parquet; the loader's thread calls it."""

    def __init__(self, store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
        self._store = store
        self._parquet = parquet.resolve()

    def close_days(self, until: date) -> int:
        """File every day up to `until`, and merge its months; the number of periods filed."""
        periods = self._open_periods(until)
        if periods:
            self._leave_out_superseded()
        for period in periods:
            self._file(period, until)
        for month in self._scattered_months(until):
            self._merge(month)
        return len(periods)

    def drop(self, first_days: Iterable[tuple[str, date]]) -> int:
        """Let no file count whose days are all before the first that its table keeps; how many."""
        firsts = dict(first_days)
        old = [f for f in self._files() if f.table in firsts and f.period.last < firsts[f.table]]
        if old:
            self._swap(old, [])
        return len(old)

    def sweep(self) -> None:
        """Remove what has been retired for the grace time, and the torn files of a crash."""
        counting = {file.name for file in self._files()}
        for path in self._parquet.glob("*.parquet"):
            if path.name not in counting and time.time() - path.stat().st_mtime > GRACE_SECONDS:
                path.unlink()

    def open(self) -> None:
        """Make the views; files that cannot be read are left out, so that all others can.

        Then the spools are read anew: what the files held comes again where a spool still has it.
        """
        damaged = [file for file in self._files() if not self._readable(file)]
        for file in damaged:
            log.error("a file of closed days is lost or damaged: %s", file.name)
        if damaged:
            self._swap(damaged, [], "DELETE FROM hot.spool")
            for month in {Period.month(file.period.first) for file in damaged}:
                self._count_anew(month)
        else:
            make_views(self._store, self._parquet)

    # --- filing and merging -------------------------------------------------------------------

    def _open_periods(self, until: date) -> list[Period]:
        """Periods of closed days that have rows in the database, the oldest first."""
        days = " UNION ".join(
            f"SELECT local_time({TIME.get(table, 'happened')})::DATE AS day FROM hot.{table}"
            f" WHERE {_closed(table, Period(date.min, until), until)}"
            for table in FACT_TABLES
        )
        rows = self._rows(f"FROM ({days}) ORDER BY day")
        return list(dict.fromkeys(Period.of(day, until) for (day,) in rows))

    def _file(self, period: Period, until: date) -> None:
        """A period's rows into files and out of the tables, in one step for every reader."""
        closed = {table: _closed(table, period, until) for table in ALL}
        new = [
            self._written(
                table,
                period,
                f"FROM hot.{table} WHERE {where} ORDER BY {TIME.get(table, 'happened')}",
            )
            for table, where in closed.items()
        ]
        leave = [f"DELETE FROM hot.{table} WHERE {closed[table]}" for table in FACT_TABLES]
        self._swap([], new, *leave)

    def _leave_out_superseded(self) -> None:
        """Write files of calls anew without the rows that a late fact has renewed."""
        files = [file for file in self._files() if file.table == "call_session"]
        renewed = "WHERE session IN (FROM hot.superseded)"
        for file in files if self._rows("FROM hot.superseded") else []:
            rows = f"FROM read_parquet({self._paths([file])})"
            if self._rows(f"SELECT 1 {rows} {renewed} LIMIT 1"):
                kept = f"{rows} {renewed.replace('IN', 'NOT IN')}"
                self._swap([file], [self._written(file.table, file.period, kept)])
        self._store.execute("DELETE FROM hot.superseded")

    def _scattered_months(self, until: date) -> list[Period]:
        """Closed months of which some table has more than one file."""
        rows = self._rows(
            "SELECT date_trunc('month', first_day)::DATE AS month FROM hot.parquet_file"
            " GROUP BY month, fact_table HAVING count(*) > 1 ORDER BY month"
        )
        months = [Period.month(month) for month in dict.fromkeys(row[0] for row in rows)]
        return [month for month in months if month.last <= until]

    def _merge(self, month: Period) -> None:
        """One file for each table of the month; rows stay in the order of their days."""
        old = [files for table in ALL if len(files := self._files_of(table, month)) > 1]
        new = [
            self._written(
                files[0].table,
                month,
                f"FROM read_parquet({self._paths(files)}, union_by_name = true)",
            )
            for files in old
        ]
        self._swap([file for files in old for file in files], new)

    def _count_anew(self, month: Period) -> None:
        """The roll-ups of a month from the files that are left."""
        for roll_up, (source, macro) in ROLL_UPS.items():
            files = self._files_of(source, month)
            new = []
            if files:
                self._store.execute(
                    "CREATE OR REPLACE TEMP VIEW remaining AS"
                    f" FROM read_parquet({self._paths(files)}, union_by_name = true)"
                )
                new.append(self._written(roll_up, month, f"FROM {macro}('remaining')"))
            self._swap(self._files_of(roll_up, month), new)

    # --- files --------------------------------------------------------------------------------

    def _written(self, table: str, period: Period, query: str) -> Listed:
        """A new file, on disk; it counts only when it is listed."""
        name = f"{table}-{period.name}-{uuid4().hex[:8]}.parquet"
        path = self._parquet / name
        ((rows,),) = self._rows(
            f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        )
        path.chmod(0o444)
        listing.sync(path)
        return Listed(name, table, period, rows)

    def _swap(self, old: Sequence[Listed], new: Sequence[Listed], *also: str) -> None:
        """Let `new` count instead of `old`, together with other changes, in one transaction."""
        listing.sync(self._parquet)
        self._store.begin()
        with rolled_back(self._store):
            for file in old:
                self._store.execute("DELETE FROM hot.parquet_file WHERE name = ?", [file.name])
            for file in new:
                if file.rows:
                    self._store.execute(
                        "INSERT INTO hot.parquet_file VALUES (?, ?, ?, ?, ?)",
                        [file.name, file.table, file.period.first, file.period.last, file.rows],
                    )
            for change in also:
                self._store.execute(change)
            make_views(self._store, self._parquet, {file.table for file in (*old, *new)})
            self._store.commit()
        listing.keep(self._store, self._parquet)
        for file in old:
            _retire(self._parquet / file.name)

    def _readable(self, file: Listed) -> bool:
        """Whether its footer is whole; reads a few kilobytes."""
        path = literal(str(self._parquet / file.name))
        try:
            self._rows(f"SELECT num_rows FROM parquet_file_metadata({path})")
        except duckdb.Error:
            return False
        return True

    def _files(self) -> list[Listed]:
        rows = self._rows(
            "SELECT name, fact_table, first_day, last_day, rows FROM hot.parquet_file"
            " ORDER BY fact_table, first_day, name"
        )
        return [Listed(name, table, Period(*days), rows) for name, table, *days, rows in rows]

    def _files_of(self, table: str, period: Period) -> list[Listed]:
        first, last = period.first, period.last
        return [
            file
            for file in self._files()
            if file.table == table and first <= file.period.first <= last
        ]

    def _paths(self, files: Sequence[Listed]) -> str:
        return listed([str(self._parquet / file.name) for file in files])

    def _rows(self, query: str) -> list[Any]:
        return self._store.execute(query).fetchall()


def _closed(table: str, period: Period, until: date) -> str:
    """The condition for rows of these days that can be filed when `until` is the last closed."""
    first, last = (f"DATE {literal(str(day))}" for day in (period.first, period.last))
    if table in ROLL_UPS:
        return f"day BETWEEN {first} AND {last}"
    if table != "call_session":
        return f"on_days(happened, {first}, {last})"
    patience = f"DATE {literal(str(until - timedelta(days=PATIENCE_DAYS)))}"
    return (
        f"on_days(started, {first}, {last})"
        f" AND (ended IS NOT NULL OR on_days(started, {first}, {patience}))"
    )


def _retire(path: Path) -> None:
    """The grace of a file begins now; nothing to do for one that is lost."""
    if path.exists():
        os.utime(path)
