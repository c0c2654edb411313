"""The questions of an analyst: one SQL file each, whose first line is its title."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import duckdb

from analytics.answering.asking import CannotAnswer, ResultSet, answer
from analytics.answering.comparing import usual_days
from ivr.hours import BEIJING, AgentHours

USUAL_DAYS = 30
_FOLDER = Path(__file__).resolve().parent / "questions"


@dataclass(frozen=True, slots=True)
class Chart:
    """How an answer is best drawn: which column along, which as heights or shades."""

    kind: str
    """bars, ranking, lines, funnel or heat."""
    along: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What answers depend on besides the facts and the days: the settings, and the moment."""

    now: datetime
    """Aware of its zone."""
    within: tuple[float, float] = (15.0, 20.0)
    """Seconds within which an agent should answer: a short and a long limit."""
    hours: AgentHours = field(default_factory=AgentHours)
    """Which days are worked, and which are holidays."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question by name; `$since` and `$until` are days of Beijing time, both included."""

    name: str
    title: str
    sql: str
    chart: Chart | None

    @property
    def chinese(self) -> str:
        """Its title for people."""
        return self.title.partition(" · ")[0]

    def answer(self, facts: duckdb.DuckDBPyConnection, days: Days, terms: Terms) -> ResultSet:
        """Its answer from a snapshot."""
        return answer(facts, self.sql, self.values(days, terms))

    def values(self, days: Days, terms: Terms) -> dict[str, object]:
        """What the parameters in its SQL stand for."""
        short, long = terms.within
        known = {
            "since": days.first,
            "until": days.last,
            "short": short,
            "long": long,
            "now": terms.now.astimezone(BEIJING).replace(tzinfo=None),
            "usual": list(usual_days(days.last, terms.hours)),
            "tomorrow": list(usual_days(days.last + timedelta(days=1), terms.hours)),
        }
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


def question_called(name: str) -> Question:
    """The question of that name, or of that Chinese title; CannotAnswer says which come near."""
    known = questions()
    called = {**known, **{each.chinese: each for each in known.values()}}
    wanted = name.strip().lower().replace("-", "_").replace(" ", "_")
    if wanted in called:
        return called[wanted]
    near = [called[each] for each in get_close_matches(wanted, called, n=3, cutoff=0.5)]
    near += [each for title, each in called.items() if wanted and wanted in title]
    meant = dict.fromkeys(f"{each.name}（{each.chinese}）" for each in near)
    hint = f"您要找的是：{'、'.join(meant)}？" if meant else f"有这些报表：{', '.join(known)}"
    raise CannotAnswer(f"没有报表“{name}”（there is no question {name!r}）。{hint}")


def _read(path: Path) -> Question:
    sql = path.read_text()
    drawn = re.search(r"^-- chart: (\w+) (\w+) (.+)$", sql, re.MULTILINE)
    chart = Chart(drawn[1], drawn[2], tuple(drawn[3].split())) if drawn else None
    return Question(path.stem, sql.splitlines()[0].removeprefix("--").strip(), sql, chart)
