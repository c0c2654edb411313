"""What whoever has a case is to be told: that it is theirs now, nearly late, or late; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from ivr.cases.case import Case
from ivr.cases.clocks import Clock, Light
from ivr.cases.moves import Move, State
from ivr.records.facts import CaseKind

_GIVE: Final = frozenset({Move.ASSIGN, Move.REASSIGN, Move.REDO})
_THEIRS: Final = frozenset({State.ASSIGNED, State.WORKING})
"""In which it is the handler's to do the next step; in all others the 值班长's."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One thing to be told of one case, once."""

    number: str
    kind: CaseKind
    handler: str
    """Who has it; empty where its next step is the 值班长's."""
    about: str
    """What has come to be, in words."""
    stage: str
    due: date | None
    what: str
    """By which it is known again: told once, it is not told anew."""


def reminders(case: Case, clock: Clock | None) -> Iterator[Reminder]:
    """Of a case as it stands, and of the clock that runs."""
    handler = case.handler if case.state in _THEIRS else ""
    stage, due = (clock.stage.value, clock.due) if clock is not None else ("", None)

    def told(about: str, what: str) -> Reminder:
        return Reminder(case.number, case.filed.kind, handler, about, stage, due, what)

    if case.state is State.ASSIGNED:
        given = max(event.n for event in case.events if event.move in _GIVE)
        yield told("新派", f"given {given}")
    if clock is not None and not clock.rests and clock.light is not Light.GREEN:
        # Granted days and 重办 make a new term; whoever gets the case has not been told yet.
        term = f"{clock.stage} {case.reopened} {case.extra_days}"
        yield told(clock.light.value, f"{clock.light} {term} {handler}")
