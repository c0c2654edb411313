"""Agents' phones that vanish in the midst of a conversation, missed before Asterisk gives them up.

Two signs are needed: Asterisk reaches the phone no more (OPTIONS, or its registration), and nothing
comes from it. A phone that is muted, or suppresses silence, answers OPTIONS; one that answers none
and is heard all the same is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ivr.ari.client import Ari
from ivr.ari.errors import AriError
from ivr.config import Agent
from ivr.lifecycle.tending import Tending

LOOK_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 10.0
"""So long has nothing come from a phone that is not reached."""


@dataclass(frozen=True, slots=True)
class _Silent:
    """A phone that is not reached."""

    received: int
    """Packets of its speech, all together."""
    since: float
    """When there were so many for the first time (by the clock)."""


@dataclass(slots=True)
class Missing:
    """Looks after those who talk; costs nothing while nobody does."""

    ari: Ari
    legs: Callable[[], Mapping[str, Agent]]
    """Of all agents who talk."""
    told: Callable[[str], None]
    """Hears of a leg whose phone has vanished."""
    clock: Callable[[], float] = lambda: asyncio.get_running_loop().time()
    """Seconds; only differences count."""
    _silent: dict[str, _Silent] = field(default_factory=dict)
    _looks: Tending = field(init=False)

    def __post_init__(self) -> None:
        self._looks = Tending("missing agents' phones", self.look, LOOK_SECONDS)

    def begin(self) -> None:
        """Harmless where it has begun."""
        self._looks.begin()

    async def stop(self) -> None:
        """Nobody is missed any more."""
        await self._looks.stop()

    async def look(self) -> None:
        """Whoever is not reached, and was not heard of for a while, has vanished."""
        legs = self.legs()
        try:
            online = await self.ari.endpoints.online() if legs else frozenset()
        except AriError:
            return
        lost = [leg for leg, agent in legs.items() if agent.extension not in online]
        self._silent = {leg: heard for leg in lost if (heard := await self._heard(leg)) is not None}
        for leg, silent in tuple(self._silent.items()):
            if self.clock() - silent.since >= SILENT_SECONDS:
                del self._silent[leg]
                self.told(leg)

    async def _heard(self, leg: str) -> _Silent | None:
        """None where Asterisk does not say: most likely it has gone just now."""
        try:
            received = await self.ari.channels.received(leg)
        except AriError:
            return None
        before = self._silent.get(leg)
        if before is not None and before.received == received:
            return before
        return _Silent(received, self.clock())
