"""The questions of an analyst: one SQL file each, whose first line is its title."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from analytics.answering.asking import Answer, CannotAnswer, answer

USUAL_DAYS = 30
WITHIN_SECONDS = (15.0, 20.0)
"""Limits within which an agent should answer, where the settings name no others."""
_FOLDER = Path(__file__).resolve().parent / "questions"


@dataclass(frozen=True, slots=True)
class Chart:
    """How an answer is best drawn: which column along, which as heights or shades."""

    kind: str
    """bars, lines, funnel or heat."""
    along: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question by name; `$since` and `$until` are days of Beijing time, both included."""

    name: str
    title: str
    sql: str
    chart: Chart | None

    def answer(
        self,
        facts: duckdb.DuckDBPyConnection,
        days: Days,
        *,
        within: tuple[float, float] = WITHIN_SECONDS,
    ) -> Answer:
        """Its answer from a snapshot; `within` are the limits of an agent's answer, in seconds."""
        return answer(facts, self.sql, self.values(days, within=within))

    def values(
        self, days: Days, *, within: tuple[float, float] = WITHIN_SECONDS
    ) -> dict[str, object]:
        """What the parameters in its SQL stand for."""
        short, long = within
        known = {"since": days.first, "until": days.last, "short": short, "long": long}
        return {name: known[name] for name in set(re.findall(r"\$(\w+)", self.sql))}


@dataclass(frozen=True, slots=True)
class Days:
    """A range of days, both included."""

    first: date
    last: date

    @classmethod
    def asked_for(cls, since: date | None, until: date | None, today: date) -> Days:
        """What was asked for; the last 30 days where nothing was."""
        last = until or max(today, since or today)
        first = since or last - timedelta(days=USUAL_DAYS - 1)
        if first > last:
            raise CannotAnswer(f"--from {first} is after --to {last}")
        return cls(first, last)


def questions() -> dict[str, Question]:
    """All of them, by name."""
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.sql"))}


def find(name: str) -> Question:
    """The question of that name; CannotAnswer names those that exist."""
    known = questions()
    if name not in known:
        raise CannotAnswer(f"there is no question {name!r}; there are: {', '.join(known)}")
    return known[name]


def _read(path: Path) -> Question:
    sql = path.read_text()
    drawn = re.search(r"^-- chart: (\w+) (\w+) (.+)$", sql, re.MULTILINE)
    chart = Chart(drawn[1], drawn[2], tuple(drawn[3].split())) if drawn else None
    return Question(path.stem, sql.splitlines()[0].removeprefix("--").strip(), sql, chart)
