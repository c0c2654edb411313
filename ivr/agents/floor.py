"""Where a phone is rung by one call of the whole line: what the switchboard asks before it rings.

A machine by itself has nobody to ask. Where several share their agents, see `agents.together`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ivr.agents.desks import Remembered
from ivr.agents.queue import Waiting
from ivr.config import Agent


class Floor(Protocol):
    """All nodes of a line, as one of them asks them."""

    def begin(self, before: Iterable[Remembered]) -> None:
        """This service serves from now on; `before`: how agents were for the one before it."""

    async def take(self, agents: Sequence[Agent], place: Waiting | None) -> tuple[Agent, ...]:
        """Whose phones are this node's to ring now, for who has that place; nobody else's then.

        They are until the desks have them engaged no more.
        """

    def tell(self) -> None:
        """Something has changed here that the others go by; nobody waits until they know."""


class ByItself:
    """One machine: all its phones are its own."""

    def begin(self, before: Iterable[Remembered]) -> None:
        """There is nobody to tell."""

    async def take(self, agents: Sequence[Agent], place: Waiting | None) -> tuple[Agent, ...]:
        """All of them."""
        del place
        return tuple(agents)

    def tell(self) -> None:
        """There is nobody."""
