"""Facts past their age: dropped by the loader, which owns them.

`ivr retention run` writes down from which day on facts are kept; a loader that runs obeys when it
tidies, and one is run for it otherwise. On one machine whole months of closed days go, in a lake
rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from analytics.answering.asking import answer
from analytics.answering.views import FACT_TABLES, TIME
from analytics.loading.store import FactsFolder
from ivr.records.durable import write

_COMPLAINTS = frozenset({"recording_saved", "recording_move"})

_PAST = " UNION ALL ".join(
    f"SELECT '{table}', count(*) FROM {table}"
    f" WHERE local_time({TIME.get(table, 'happened')})::DATE <"
    f" {'$complaints' if table in _COMPLAINTS else '$calls'}"
    for table in sorted(FACT_TABLES)
)
_NEEDED = """
SELECT person FROM recording WHERE local_time(happened)::DATE >= $complaints
UNION SELECT person FROM survey_vote WHERE local_time(happened)::DATE >= $calls
"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """The first days that are kept."""

    calls: date
    complaints: date

    def of(self, table: str) -> date:
        """The first day of a table that is kept."""
        return self.complaints if table in _COMPLAINTS else self.calls


def overdue(facts: duckdb.DuckDBPyConnection, horizon: Horizon) -> Mapping[str, int]:
    """How many rows of which tables are past their age."""
    rows = answer(facts, _PAST, _days(horizon)).rows
    return {str(table): number for table, number in rows if isinstance(number, int) and number}


def needed_people(facts: duckdb.DuckDBPyConnection, horizon: Horizon) -> frozenset[str]:
    """Tokens of everybody whom a complaint or a vote that is kept names."""
    rows = answer(facts, _NEEDED, _days(horizon)).rows
    return frozenset(str(person) for (person,) in rows if person is not None)


def keep_from(folder: FactsFolder, horizon: Horizon) -> None:
    """Write down for the loader from which days on facts are kept; on disk when it returns."""
    days = {name: str(day) for name, day in _days(horizon).items()}
    write(_note(folder), json.dumps(days).encode())


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
