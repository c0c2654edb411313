"""What a caller is told of a case: with its number and a second thing that only they know.

The second thing is the last four of the ID number that was keyed with the complaint; of a message,
for which no ID number is asked, the last four of the telephone number that it was left from. Where
neither is kept nobody is told anything by telephone. Of a pair that does not fit it is never told
which half was wrong, nor whether there is such a case.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

from ivr.cases.case import Case, Event
from ivr.cases.late import LateRegister
from ivr.cases.moves import RULES, Move, State
from ivr.hours import BEIJING
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault

log = logging.getLogger(__name__)

TAIL: Final = 4
ANSWER_SECONDS = 5.0
MOST_MERGED: Final = 20
"""So many times a case is followed into another; longer chains are nobody's."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a case stands, as far as its caller is told."""

    state: State
    """Of the case itself, or of the one that it was merged into; never `merged`."""
    filed: date
    """When the caller left it, Beijing's day."""
    since: date
    """When it came to that state."""
    due: date | None
    """Until when the next step is to be done; None where that is past, or nothing is waited for."""
    merged: bool = False
    reopened: bool = False


@dataclass(frozen=True, slots=True)
class NotThatPair:
    """No case has this number and this second thing."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The database of cases, or the vault, does not answer now."""


Answer = Standing | NotThatPair | Unanswered


class Enquiries(Protocol):
    """Whom a dialogue asks."""

    async def ask(self, number: str, tail: Sensitive[str]) -> Answer:
        """Where the case of this number stands, for who knows the second thing."""


class NoCases:
    """There are none: in a terminal, where nothing is kept."""

    async def ask(self, number: str, tail: Sensitive[str]) -> Answer:
        """Nobody's."""
        return NotThatPair()


@dataclass(frozen=True, slots=True)
class RegisterEnquiries:
    """Asks the register and the vault of a running service."""

    register: LateRegister
    vault: Vault
    clock: Callable[[], datetime]
    patience: float = ANSWER_SECONDS

    async def ask(self, number: str, tail: Sensitive[str]) -> Answer:
        """In a thread, and no longer than a caller waits."""
        try:
            async with asyncio.timeout(self.patience):
                return await asyncio.to_thread(self._ask, number, tail)
        except Exception as fault:  # noqa: BLE001  whatever keeps it from answering is not the caller's
            log.error("cases cannot be asked for: %s", type(fault).__name__)  # noqa: TRY400
            return Unanswered()

    def _ask(self, number: str, tail: Sensitive[str]) -> Answer:
        try:
            case = self.register.case(number)
        except LookupError:
            return NotThatPair()
        known = self._second_thing(case)
        if known is None or not _same(known, tail):
            return NotThatPair()
        return self._standing(case)

    def _second_thing(self, case: Case) -> Sensitive[str] | None:
        token = case.filed.person or case.filed.caller
        kept = None if token is None else self.vault.reveal(token)
        return None if kept is None else Sensitive(kept.reveal()[-TAIL:])

    def _standing(self, case: Case) -> Standing:
        there = self._merged_into(case)
        now = self.clock()
        running = self.register.clocks.running(there, now)
        due = None if running is None or running.rests else running.due
        return Standing(
            there.state,
            _day(case.filed.at),
            _since(there),
            None if due is None or due < _day(now) else due,
            merged=there is not case,
            reopened=there.reopened > 0,
        )

    def _merged_into(self, case: Case) -> Case:
        for _ in range(MOST_MERGED):
            if case.state is not State.MERGED:
                return case
            case = self.register.case(case.into)
        raise LookupError("cases are merged into each other")


def _same(known: Sensitive[str], told: Sensitive[str]) -> bool:
    return hmac.compare_digest(known.reveal().upper().encode(), told.reveal().upper().encode())


def _since(case: Case) -> date:
    """The day of the last move that brought it to a state: notes and extensions leave it there."""
    moves = (event for event in reversed(case.events) if event.move is Move.OPEN or _moves(event))
    return _day(next(moves).at)


def _moves(event: Event) -> bool:
    return RULES[event.move].to is not None or event.move is Move.RESUME


def _day(moment: datetime) -> date:
    return moment.astimezone(BEIJING).date()
