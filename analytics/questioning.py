"""The questions of an analyst: one SQL file each, whose first line is its title."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from pathlib import Path

from analytics.asking import Answer, CannotAnswer, ask

BEIJING = timezone(timedelta(hours=8))
USUAL_DAYS = 30
_FOLDER = Path(__file__).resolve().parent / "questions"


@dataclass(frozen=True, slots=True)
class Question:
    """A question by name; `$since` and `$until` are days of Beijing time, both included."""

    name: str
    title: str
    sql: str

    def answer(self, published: Path, days: Days) -> Answer:
        """Its answer from the newest published facts."""
        known = {"since": days.first, "until": days.last}
        wanted = set(re.findall(r"\$(\w+)", self.sql))
        return ask(published, self.sql, {name: known[name] for name in wanted})


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
    return Question(path.stem, sql.splitlines()[0].removeprefix("--").strip(), sql)
