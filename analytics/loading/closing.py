"""Closed days leave the database for Parquet: written once, named uniquely, merged by month.

No file is ever changed. Analysts hold snapshots that list files, so that one which no longer
counts stays readable for a grace time; that it was retired is its time of modification. Then it is
set apart, and goes thirty days later.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import crc32

import duckdb

from analytics.answering.views import ALL, FACT_TABLES, ROLL_UPS, TIME, listed, literal, make_views
from analytics.loading import listing, losses, quarantine
from analytics.loading.intake import rolled_back
from analytics.loading.store import passes
from ivr.records.durable import sync

log = logging.getLogger(__name__)

HOT_DAYS = 2
"""Today and yesterday stay in the database."""
PATIENCE_DAYS = 7
"""A call without an end stays in the database as long: its end may still be noted."""
GRACE_SECONDS = 24 * 3600.0
"""How long a retired file can be read by snapshots that are still open."""
CHECK_DAYS = 28
"""Within so many days every value of every file has been read once."""
_FOOTER = "SELECT num_rows FROM parquet_file_metadata({})"
"""A few kilobytes of a file, however large it is."""
_EVERY_VALUE = "SELECT bit_xor(hash(each_row)) FROM read_parquet({}) AS each_row"


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

    def close_days(self, until: date) -> Iterator[None]:
        """File every day up to `until`, and merge its months: step by step, each whole by itself.

        Between two steps the loader may load and publish.
        """
        self._ensure_at_hand()
        for period in self._open_periods(until):
            self._file(period, until)
            yield
        for month in self._scattered_months(until):
            for table in ALL:
                if len(files := self._files_of(table, month)) > 1:
                    self._merge(files, month)
                    yield

    def drop(self, first_days: Iterable[tuple[str, date]]) -> int:
        """Let no file count whose days are all before the first that its table keeps; how many."""
        firsts = dict(first_days)
        old = [f for f in self._files() if f.table in firsts and f.period.last < firsts[f.table]]
        if old:
            self._swap(old, [])
        return len(old)

    def sweep(self, now: datetime) -> None:
        """Set apart what has been retired for the grace time, and the torn files of a crash."""
        self._ensure_at_hand()
        counting = {file.name for file in self._files()}
        for path in self._parquet.glob("*.parquet"):
            if path.name not in counting and time.time() - path.stat().st_mtime > GRACE_SECONDS:
                quarantine.set_apart(path, now)
        lost = {loss.name for loss in losses.noted(self._parquet)}
        quarantine.empty(self._parquet, now, but=lost)

    def open(self, now: datetime) -> None:
        """Make the views; files that are lost or damaged are left out, so that all others count.

        Of each file the footer is read. Raises Away where files cannot be reached now, which says
        nothing of them.
        """
        self._ensure_at_hand()
        self._leave_out([file for file in self._files() if not self._readable(file)], now)

    def check(self, now: datetime, *, every: bool = False) -> int:
        """As `open`, but every value is read, for blocks rot unseen; how many were left out.

        Of the files whose turn it is, or of all of them.
        """
        self._ensure_at_hand()
        damaged = [
            file
            for file in self._files()
            if not self._readable(
                file, _EVERY_VALUE if every or _has_its_turn(file, now) else _FOOTER
            )
        ]
        self._leave_out(damaged, now)
        return len(damaged)

    def _leave_out(self, damaged: Sequence[Listed], now: datetime) -> None:
        """What is lost is noted first: nobody may be forgotten whom it names.

        Then the spools are read anew: what the files held comes again where a spool still has it.
        """
        losses.note(self._parquet, (_lost(file, now) for file in damaged))
        for file in damaged:
            log.error("a file of closed days is lost or damaged: %s", file.name)
            quarantine.set_apart(self._parquet / file.name, now)
        if damaged:
            self._swap(damaged, [], "DELETE FROM hot.spool")
            self._count_anew(damaged)
        else:
            self._store.begin()
            with rolled_back(self._store):
                make_views(self._store, self._parquet)
                self._store.commit()

    def take_back(self) -> int:
        """Let lost files count again that were put back; how many.

        Of their rows those that came again from the spools meanwhile are left out.
        """
        back = [loss for loss in losses.noted(self._parquet) if self._is_back(loss)]
        counting = {file.name for file in self._files()}
        for loss in back:
            if loss.name not in counting:
                self._take_back(_listed_as(loss))
        losses.settle(self._parquet, {loss.name for loss in back})
        return len(back)

    def _is_back(self, loss: losses.Loss) -> bool:
        return (self._parquet / loss.name).exists() and self._readable(
            _listed_as(loss), _EVERY_VALUE
        )

    def _take_back(self, file: Listed) -> None:
        """As a new file of what nobody knows by now; counts, where the month has none left."""
        log.info("a file of closed days is back, with %d rows: %s", file.rows, file.name)
        if file.table in ROLL_UPS:
            if not self._files_of(file.table, Period.month(file.period.first)):
                self._swap([], [file])
            return
        key = "session" if file.table == "call_session" else "event"
        rows = (
            f"FROM read_parquet({self._paths([file])})"
            f" WHERE {key} NOT IN (SELECT {key} FROM {file.table})"
        )
        self._swap([], [self._written(file.table, file.period, rows)])
        self._count_anew([file])

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
        """A period's rows into files and out of the tables, in one step for every reader.

        A call that a late fact has renewed leaves its old file in the same step: a row is never
        in the database alone when its spool has gone.
        """
        closed = {table: _closed(table, period, until) for table in ALL}
        held = self._with_rows(closed)
        new = [
            self._written(
                table,
                period,
                f"FROM hot.{table} WHERE {closed[table]} ORDER BY {TIME.get(table, 'happened')}",
            )
            for table in held
        ]
        filed = f"SELECT session FROM hot.call_session WHERE {closed['call_session']}"
        renewed = list(self._renewed(filed))
        self._swap(
            [old for old, _ in renewed],
            [*new, *(kept for _, kept in renewed)],
            f"DELETE FROM hot.superseded WHERE session IN ({filed})",
            *(
                f"DELETE FROM hot.{table} WHERE {closed[table]}"
                for table in held
                if table not in ROLL_UPS
            ),
        )

    def _with_rows(self, closed: Mapping[str, str]) -> list[str]:
        """Tables that have rows of their condition: of a day most have none, and get no file."""
        asked = " UNION ALL ".join(
            f"SELECT {literal(table)} AS name WHERE EXISTS (FROM hot.{table} WHERE {where})"
            for table, where in closed.items()
        )
        found = {name for (name,) in self._rows(asked)}
        return [table for table in closed if table in found]

    def _renewed(self, filed: str) -> Iterator[tuple[Listed, Listed]]:
        """Files with rows of calls that are filed again now, and the same files without them."""
        renewed = f"session IN (FROM hot.superseded) AND session IN ({filed})"
        files = [file for file in self._files() if file.table == "call_session"]
        for file in files if self._rows(f"FROM hot.superseded WHERE {renewed} LIMIT 1") else []:
            rows = f"FROM read_parquet({self._paths([file])}) WHERE"
            if self._rows(f"SELECT 1 {rows} {renewed} LIMIT 1"):
                yield file, self._written(file.table, file.period, f"{rows} NOT ({renewed})")

    def _scattered_months(self, until: date) -> list[Period]:
        """Closed months of which some table has more than one file."""
        rows = self._rows(
            "SELECT date_trunc('month', first_day)::DATE AS month FROM hot.parquet_file"
            " GROUP BY month, fact_table HAVING count(*) > 1 ORDER BY month"
        )
        months = [Period.month(month) for month in dict.fromkeys(row[0] for row in rows)]
        return [month for month in months if month.last <= until]

    def _merge(self, files: Sequence[Listed], month: Period) -> None:
        """One file of these of a table's month; rows stay in the order of their days."""
        rows = f"FROM read_parquet({self._paths(files)}, union_by_name = true)"
        self._swap(files, [self._written(files[0].table, month, rows)])

    def _count_anew(self, changed: Iterable[Listed]) -> None:
        """The roll-ups of the months of these files, from the files that are left.

        Others stay as they are: counts outlive what was counted.
        """
        for roll_up, (source, macro) in ROLL_UPS.items():
            for month in {
                Period.month(file.period.first)
                for file in changed
                if file.table in (roll_up, source)
            }:
                files, new = self._files_of(source, month), []
                if files:
                    self._store.execute(
                        "CREATE OR REPLACE TEMP VIEW remaining AS"
                        f" (FROM hot.{source} LIMIT 0) UNION ALL BY NAME"
                        f" (FROM read_parquet({self._paths(files)}, union_by_name = true))"
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
        sync(path)
        return Listed(name, table, period, rows)

    def _swap(self, old: Sequence[Listed], new: Sequence[Listed], *also: str) -> None:
        """Let `new` count instead of `old`, together with other changes, in one transaction."""
        sync(self._parquet)
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
            for change in (*also, listing.CHANGED):
                self._store.execute(change)
            make_views(self._store, self._parquet)
            self._store.commit()
        listing.keep(self._store, self._parquet)
        for file in old:
            _retire(self._parquet / file.name)

    def _readable(self, file: Listed, query: str = _FOOTER) -> bool:
        """Whether the query finds the file whole. Away where the system refuses."""
        path = self._parquet / file.name
        try:
            path.open("rb").close()
            self._rows(query.format(literal(str(path))))
        except FileNotFoundError:
            return False
        except duckdb.Error as fault:
            if passes(fault):
                raise listing.Away(f"{path}: {fault}") from fault
            return False
        except OSError as refused:
            raise listing.Away(
                f"{path} 现在无法读取，没有改动任何内容 · cannot be read now: {refused.strerror}"
            ) from refused
        return True

    def _ensure_at_hand(self) -> None:
        listing.ensure_at_hand(self._store, self._parquet)

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
    moment = TIME[table]
    return (
        f"on_days({moment}, {first}, {last})"
        f" AND (ended IS NOT NULL OR on_days({moment}, {first}, {patience}))"
    )


def _has_its_turn(file: Listed, now: datetime) -> bool:
    """On one day of each round, by its name: about as much is read on every day."""
    return crc32(file.name.encode()) % CHECK_DAYS == now.toordinal() % CHECK_DAYS


def _lost(file: Listed, now: datetime) -> losses.Loss:
    first, last = file.period.first, file.period.last
    return losses.Loss(file.name, file.table, first, last, file.rows, since=now)


def _listed_as(loss: losses.Loss) -> Listed:
    return Listed(loss.name, loss.fact_table, Period(loss.first_day, loss.last_day), loss.rows)


def _retire(path: Path) -> None:
    """The grace of a file begins now; nothing to do for one that is lost."""
    if path.exists():
        os.utime(path)
