"""回访 by a call of the line's: what it asks and tells the cases, and keeps until they have it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ivr.cases.late import LateRegister
from ivr.cases.moves import Move, Refused
from ivr.cases.opinions import Opinion, Said, by_line

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0


def end_calling(register: LateRegister, number: str, why: str) -> None:
    """The line calls no more, and says why; blocks. Harmless where that is so already."""
    with suppress(Refused):
        register.act(number, by_line(Move.CALLED, why))


class FollowUps(Protocol):
    """Whom the dialogue of such a call asks and tells."""

    async def is_wanted(self, number: str) -> bool:
        """Whether the caller of this case has still to be asked."""

    async def keep(self, number: str, opinion: Opinion) -> bool:
        """What the caller has answered; False: it is not kept."""


class NobodyAsked:
    """There are no cases: in a terminal, where nothing is kept."""

    async def is_wanted(self, number: str) -> bool:
        """As if."""
        return True

    async def keep(self, number: str, opinion: Opinion) -> bool:
        """It is forgotten."""
        return True


@dataclass(frozen=True, slots=True)
class RegisterFollowUps:
    """By the register of a running service."""

    register: LateRegister
    patience: float = ANSWER_SECONDS
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def is_wanted(self, number: str) -> bool:
        """Where nobody can say, asking once too often does no harm."""
        try:
            async with asyncio.timeout(self.patience):
                return await asyncio.to_thread(self._is_wanted, number)
        except Exception as fault:  # noqa: BLE001  whatever it is, somebody is on the line
            log.error("whether to ask about %s: %s", number, type(fault).__name__)  # noqa: TRY400
            return True

    def _is_wanted(self, number: str) -> bool:
        """What waits is looked for first: it may be brought meanwhile."""
        return number not in self.register.said() and (
            self.register.case(number).call_wanted is not None
        )

    async def keep(self, number: str, opinion: Opinion) -> bool:
        """On this machine's disk first, and in the case at once where that can be reached."""
        said = Said(number, opinion, self.clock())
        is_kept = await asyncio.to_thread(self._waits, said)
        try:
            async with asyncio.timeout(self.patience):
                await asyncio.to_thread(self.register.enter_said, said)
        except Exception as fault:  # noqa: BLE001  as above
            kind = type(fault).__name__
            log.error("what was said of %s %s: %s", number, "waits" if is_kept else "is lost", kind)  # noqa: TRY400
            return is_kept
        return True

    def _waits(self, said: Said) -> bool:
        try:
            self.register.keep_said(said)
        except OSError as full:
            log.warning("what was said of %s has no place to wait: %s", said.number, full.strerror)
            return False
        return True
