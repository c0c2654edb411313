"""Facts past their age: whole months of closed days are dropped by the loader, which owns them.

`ivr retention run` writes down from which day on facts are kept; a loader that runs obeys when it
tidies, and one is run for it otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from analytics.answering.asking import ask
from analytics.answering.views import FACT_TABLES
from analytics.loading.store import FactsFolder

_COMPLAINTS = frozenset({"recording_saved", "recording_move"})

_OVERDUE = """
SELECT fact_table, count(*), sum(rows)::BIGINT FROM hot.parquet_file
WHERE fact_table NOT IN ('step_day', 'visit_day')
  AND last_day < if(fact_table IN ('recording_saved', 'recording_move'), $complaints, $calls)
GROUP BY fact_table ORDER BY fact_table
"""
_NEEDED = """
SELECT DISTINCT person FROM recording WHERE happened >= $complaints AND person IS NOT NULL
UNION SELECT person FROM survey_vote WHERE happened >= $calls
"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """The first days that are kept."""

    calls: date
    complaints: date

    def of(self, table: str) -> date:
        """The first day of a table that is kept."""
        return self.complaints if table in _COMPLAINTS else self.calls


@dataclass(frozen=True, slots=True)
class Overdue:
    """What of one table is past its age."""

    table: str
    files: int
    rows: int


def overdue(published: Path, horizon: Horizon) -> tuple[Overdue, ...]:
    """What goes; NothingPublished while there are no facts."""
    answer = ask(published, _OVERDUE, _days(horizon))
    return tuple(
        Overdue(str(table), int(str(files)), int(str(rows))) for table, files, rows in answer.rows
    )


def needed_people(published: Path, horizon: Horizon) -> frozenset[str]:
    """Tokens of everybody whom a complaint or a vote that is kept names."""
    return frozenset(str(person) for (person,) in ask(published, _NEEDED, _days(horizon)).rows)


def keep_from(folder: FactsFolder, horizon: Horizon) -> None:
    """Write down for the loader from which days on facts are kept."""
    note = _note(folder)
    note.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = note.with_name(f".{note.name}")
    scratch.write_text(json.dumps({name: str(day) for name, day in _days(horizon).items()}))
    scratch.replace(note)


def kept_from(folder: FactsFolder) -> Horizon | None:
    """From which days on; None where nobody has asked for anything to be dropped."""
    try:
        days = json.loads(_note(folder).read_text())
        return Horizon(date.fromisoformat(days["calls"]), date.fromisoformat(days["complaints"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def first_days(horizon: Horizon) -> Iterator[tuple[str, date]]:
    """Every table with the first of its days that is kept; counts by day, of nobody, stay."""
    return ((table, horizon.of(table)) for table in FACT_TABLES)


def _days(horizon: Horizon) -> Mapping[str, date]:
    return {"calls": horizon.calls, "complaints": horizon.complaints}


def _note(folder: FactsFolder) -> Path:
    return folder.private.with_name("retention.json")
