"""The phones that ring for one caller: rung when it is this caller's turn, stopped in the end."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.calls.call import Call
from ivr.config import Agent
from ivr.records.facts import TransferOutcome

# Hang-up causes (Q.850) that say why a phone was not answered; any other: it was not reached.
_ENGAGED = frozenset({17, 21})
_RANG_OUT = frozenset({None, 0, 16, 18, 19, 102})
_UNANSWERED = frozenset({18, 19, 102})
"""Of these, the ones that say that it rang and nobody came."""
BUSY = 17
_NOT_REACHED = 20


@dataclass(slots=True)
class Ringing:
    """One caller's phones."""

    call: Call
    place: Waiting
    legs: dict[str, Agent] = field(default_factory=dict)
    """Those that ring, or talk."""
    causes: list[int | None] = field(default_factory=list)
    """Why those that were rung ring no more."""
    agent: Agent | None = None
    """Who was rung last."""
    _rung: float = 0.0
    """When."""

    @property
    def switchboard(self) -> Switchboard:
        """Who waits and who is free, for all calls of the line."""
        return self.call.means.switchboard

    async def ring(self) -> None:
        """Ring what is free for this caller.

        One by one: a phone that has rung long enough stops when there is another to ring.
        """
        one_by_one = self.switchboard.one_by_one
        if one_by_one and self.legs and not self._has_rung_long():
            return
        phones = await self.switchboard.claim(self.place)
        if one_by_one and phones:
            await self.all_ring_out()
        for agent in phones:
            await self._ring(agent)

    def until(self) -> float:
        """When to look for the next phone; the last one that is left rings to the end."""
        is_last = not self.legs or not self.place.left or self._has_rung_long()
        if is_last or not self.switchboard.one_by_one:
            return math.inf
        return self._rung + self.call.means.settings.agents.next_after_seconds

    def _has_rung_long(self) -> bool:
        """It would make room for another, were there one."""
        return _now() >= self._rung + self.call.means.settings.agents.next_after_seconds

    async def _ring(self, agent: Agent) -> None:
        self.agent, self._rung = agent, _now()
        leg = await self.call.exchange.ring(agent, self.call.trail.screen())
        if leg is None:
            self.causes.append(_NOT_REACHED)
            self.switchboard.free(agent)
        else:
            self.legs[leg] = agent

    def rings_no_more(self, leg: str, cause: int | None) -> None:
        """A phone is out by itself: declined, gone, or stopped by Asterisk."""
        agent = self.legs.pop(leg)
        self.causes.append(cause)
        if cause in _ENGAGED:
            self.switchboard.desks.is_there(agent)
        elif cause in _UNANSWERED:
            self.switchboard.desks.rang_out(agent)
        self.switchboard.free(agent)

    async def all_ring_out(self) -> None:
        """Those that ring have had their time."""
        for leg, agent in tuple(self.legs.items()):
            await self.stop(leg)
            self.causes.append(None)
            self.switchboard.desks.rang_out(agent)
            self.switchboard.free(agent)

    async def all_but(self, leg: str) -> None:
        """Another was quicker."""
        for other, agent in [each for each in self.legs.items() if each[0] != leg]:
            await self.stop(other)
            self.switchboard.free(agent)

    async def stop(self, leg: str) -> None:
        """It rings no more, or its agent has gone at once."""
        del self.legs[leg]
        await self.call.exchange.drop(leg)

    async def stop_all(self) -> None:
        """The end of the wish; what a cancelled command has left is Asterisk's to stop."""
        for leg in self.legs:
            await self.call.exchange.drop(leg)
        self.switchboard.free_all_of(self.place)

    def is_nobody_there(self, since: float) -> bool:
        """Every phone was tried a moment ago, none is engaged, no agent was heard of since then."""
        if not self.causes or self.place.left or self.switchboard.is_anybody_engaged():
            return False
        return self.switchboard.desks.heard_of() < since

    def why_nobody(self) -> TransferOutcome:
        """What it came to when no phone is left."""
        causes = set(self.causes)
        if causes & _RANG_OUT:
            return "no_answer"
        return "busy" if causes & _ENGAGED or not causes else "none_there"


def _now() -> float:
    return asyncio.get_running_loop().time()
