"""Cases that wait on this machine's disk go to their database by themselves when it is back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ivr.cases.late import LateRegister
from ivr.cases.opening import CannotReach
from ivr.recordings.numbering import Numbers

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class BringingCases:
    """What the service looks at again and again; nobody waits for it."""

    register: LateRegister
    numbers: Numbers
    waiting: Callable[[], int]
    """How many there are, recordings among them."""
    file_left_over: Callable[[], None]
    """Opens the cases of recordings whose calls are over."""

    async def look(self) -> None:
        """Bring those without a recording first: they show whether the database answers."""
        if not self.register.may_wait() and not self.waiting():
            return
        try:
            await asyncio.to_thread(self.register.bring_waiting, self.numbers.next)
        except CannotReach as away:
            log.info("cases wait: %s", away)
            return
        if self.waiting():
            self.file_left_over()
