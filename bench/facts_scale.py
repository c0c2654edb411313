"""A year of a busy hotline from a seed: how long questions, publishing and loading take.

`python -m bench.facts_scale [--calls 1000000] [--seed 12329] [--home FOLDER]`

Every day of the year is made by `traffic.sql` (hours, weekdays and ends of months as they are in
such a centre) and goes through the loader's own SQL and into Parquet as closed days do. Then one
more day comes through the spool, which tells how many facts a second the loader takes.
"""

from __future__ import annotations

import argparse
import calendar
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

from analytics.answering.asking import opened
from analytics.answering.daily import page
from analytics.answering.questioning import Days, Terms, question_called, questions
from analytics.answering.words import Vocabulary
from analytics.loading.closing import ClosedDays
from analytics.loading.intake import Reader
from analytics.loading.publish import publish
from analytics.loading.store import FactsFolder, fact_columns, open_store

FIRST_DAY = date(2025, 11, 1)
DAYS = 365
WEEKDAYS = (1.35, 1.15, 1.05, 1.0, 1.05, 0.35, 0.25)
"""Monday is the busiest; few call at the weekend."""
MONTH_END = 1.4
"""The last three days of a month and the first two: contributions are booked, loans are paid."""
TIMES = 5

TRAFFIC = (Path(__file__).resolve().parent / "traffic.sql").read_text()


class History:
    """A store that is filled day by day, as a loader would have done."""

    def __init__(self, folder: FactsFolder, seed: int) -> None:
        self.folder = folder
        self.store = open_store(folder)
        self.closed_days = ClosedDays(self.store, folder.parquet)
        self.closed_days.open(datetime.now(UTC))
        self.reader = Reader(self.store, folder.spool, folder.private.with_name("scratch"))
        self.store.execute(f"SET VARIABLE seed = '{seed}'; SET VARIABLE node = 'n1'")

    def make(self, day: date, calls: int) -> None:
        """The facts of a day, as the table `traffic`."""
        self.store.execute(f"SET VARIABLE day = DATE '{day}'; SET VARIABLE calls = {calls}")
        self.store.execute(TRAFFIC)

    def take(self, day: date) -> int:
        """What was made, into the tables; the number of facts."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in fact_columns().items())
        self.store.execute(f"CREATE OR REPLACE TEMP TABLE incoming ({columns})")
        self.store.execute("INSERT INTO incoming BY NAME FROM traffic")
        self.store.execute('ALTER TABLE incoming RENAME COLUMN "at" TO happened')
        ((facts,),) = self.store.execute("SELECT count(*) FROM incoming").fetchall()
        self.reader.take_incoming(f"{day}", 1)
        return int(facts)

    def spool(self, path: Path) -> None:
        """What was made, as a spool file."""
        self.folder.spool.mkdir(exist_ok=True)
        self.store.execute(
            f"COPY (SELECT *, 'n1' AS node FROM traffic ORDER BY \"at\") TO '{path}' (FORMAT json)"
        )


def calls_of_days(calls: int) -> dict[date, int]:
    """A year's calls, spread over its days as they come."""
    weights = {day: _weight(day) for day in (FIRST_DAY + timedelta(n) for n in range(DAYS))}
    whole = sum(weights.values())
    return {day: round(calls * weight / whole) for day, weight in weights.items()}


def _weight(day: date) -> float:
    last = calendar.monthrange(day.year, day.month)[1]
    near_the_end = day.day > last - 3 or day.day <= 2
    return WEEKDAYS[day.weekday()] * (MONTH_END if near_the_end else 1.0)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Make the year, measure, print."""
    options = argparse.ArgumentParser()
    options.add_argument("--calls", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=12329)
    options.add_argument("--home", type=Path)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as scratch:
        folder = FactsFolder(asked.home or Path(scratch))
        history = History(folder, asked.seed)
        fill(history, calls_of_days(asked.calls))
        measure_publishing(history)
        measure_loading(history)
        history.store.close()
        measure_questions(folder.published)


def fill(history: History, plan: dict[date, int]) -> None:
    """Every day but the last two is closed, whole months are one file each."""
    facts, began = 0, time.perf_counter()
    for day, calls in plan.items():
        history.make(day, calls)
        facts += history.take(day)
        if (day + timedelta(days=3)).day == 1 or day == max(plan):
            for _ in history.closed_days.close_days(day - timedelta(days=2)):
                pass
            print(f"{day}: {facts:,} facts, {time.perf_counter() - began:.0f} s", flush=True)
    files = [path.stat().st_size for path in history.folder.parquet.glob("*.parquet")]
    print(f"history made and filed: {facts:,} facts in {time.perf_counter() - began:.0f} s")
    print(f"Parquet that counts or is retired: {sum(files) / 1e6:.0f} MB in {len(files)} files")


def measure_publishing(history: History) -> None:
    """With two days in the database."""
    folder = history.folder
    took = [
        seconds(lambda: publish(history.store, folder.private, folder.published))
        for _ in range(TIMES)
    ]
    size = folder.published.stat().st_size / 1e6
    print(
        f"publishing: median {median(took):.2f} s, most {max(took):.2f} s; snapshot {size:.0f} MB"
    )


def measure_loading(history: History) -> None:
    """A day that comes through the spool, while all the others are there."""
    day = FIRST_DAY + timedelta(days=DAYS)
    history.make(day, 40_000)
    history.spool(history.folder.spool / "facts-00000001.jsonl")
    began = time.perf_counter()
    lines = sum(history.reader.parts())
    took = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"loading: {lines:,} facts in {took:.1f} s: {lines / took:,.0f} facts/s")
    print(f"memory of all this at most: {memory:.0f} MB")
    publish(history.store, history.folder.private, history.folder.published)


def measure_questions(published: Path) -> None:
    """Each from a snapshot of its own, as a command opens it."""
    day = FIRST_DAY + timedelta(days=DAYS - 5)
    for label, days in (
        ("one day", Days(day, day)),
        ("a month", Days(day - timedelta(days=29), day)),
        ("the year", Days(FIRST_DAY, FIRST_DAY + timedelta(days=DAYS))),
    ):
        took = {name: _median(published, name, days) for name in questions()}
        slow = sorted(took.items(), key=lambda each: -each[1])
        print(f"{label}: median of questions {median(took.values()) * 1000:.0f} ms; slowest "
              + ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in slow[:6]))  # fmt: skip
    print(f"the daily page: {_median_of(lambda: _page(published, day)) * 1000:.0f} ms")


def _median(published: Path, name: str, days: Days) -> float:
    def ask() -> None:
        with opened(published) as facts:
            question_called(name).answer(facts, days, Terms(datetime.now(UTC)))

    return _median_of(ask)


def _page(published: Path, day: date) -> None:
    with opened(published) as facts:
        page(facts, Days(day, day), Terms(datetime.now(UTC)), Vocabulary())


def _median_of(work: Callable[[], object]) -> float:
    return median(seconds(work) for _ in range(TIMES))


if __name__ == "__main__":
    main()
