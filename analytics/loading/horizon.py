"""Facts past their age: dropped by the loader, which owns them.

`ivr retention run` writes down from which day on facts are kept; a loader that runs obeys when it
tidies, and one is run for it otherwise. On one machine whole months of closed days go, in a lake
rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from analytics.answering.asking import answer
from analytics.answering.views import FACT_TABLES, TIME
from analytics.loading.losses import Loss
from analytics.loading.store import FactsFolder
from ivr.hours import BEIJING
from ivr.records.durable import write

_COMPLAINTS = {
    "recording_saved": "Recorded",
    "recording_move": "RecordingMoved",
    "case_move": "CaseMoved",
    "talk_recording": "TalkRecorded",
}
"""The tables that are kept as long as complaints, and the facts that they are made of."""
PAST_AGE = f"""
DELETE FROM incoming WHERE (happened + INTERVAL 8 HOUR)::DATE
    < if(fact IN {tuple(_COMPLAINTS.values())}, $complaints::DATE, $calls::DATE)
"""
"""What has just been read and is not to be kept; its parameters are `bounds`."""

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

_NAMING = frozenset({"recording_saved", "survey_vote"})
"""The tables that these people come from."""
_BEGIN = """
SELECT min(day) FROM (
    SELECT min(day) AS day FROM step_day
    UNION ALL SELECT min(day) FROM call_local
    UNION ALL SELECT min(local_time(happened)::DATE) FROM recording_saved)
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
    rows = answer(facts, _PAST, bounds(horizon)).rows
    return {str(table): number for table, number in rows if isinstance(number, int) and number}


def needed_people(facts: duckdb.DuckDBPyConnection, horizon: Horizon) -> frozenset[str]:
    """Tokens of everybody whom a complaint or a vote that is kept names."""
    rows = answer(facts, _NEEDED, bounds(horizon)).rows
    return frozenset(str(person) for (person,) in rows if person is not None)


def records_begin(facts: duckdb.DuckDBPyConnection) -> date | None:
    """The first day of which anything is known; None where nothing is. Counts by day never go."""
    ((first,),) = answer(facts, _BEGIN).rows
    return first if isinstance(first, date) else None


@dataclass(frozen=True, slots=True)
class Gap:
    """Days of which records that name people are lost."""

    first: date
    last: date
    what: str
    """What is lost, and since when, for the operator."""


def gaps(lost: Iterable[Loss], horizon: Horizon) -> tuple[Gap, ...]:
    """Lost files that may name people whom what is kept would name."""
    return tuple(
        Gap(
            max(loss.first_day, horizon.of(loss.fact_table)),
            loss.last_day,
            f"{loss.first_day:%Y-%m} {loss.name}（{loss.since.astimezone(BEIJING):%Y-%m-%d} 起）",
        )
        for loss in lost
        if loss.fact_table in _NAMING and loss.last_day >= horizon.of(loss.fact_table)
    )


def keep_from(folder: FactsFolder, horizon: Horizon) -> None:
    """Write down for the loader from which days on facts are kept; on disk when it returns."""
    days = {name: str(day) for name, day in bounds(horizon).items()}
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


def bounds(horizon: Horizon) -> Mapping[str, date]:
    """As the parameters of a query."""
    return {"calls": horizon.calls, "complaints": horizon.complaints}


def _note(folder: FactsFolder) -> Path:
    return folder.private.with_name("retention.json")
