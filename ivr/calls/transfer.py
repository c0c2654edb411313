"""The verb that hands a caller over to an agent: music and ringing, a conversation, and back.

wish -> nobody's phone is there                        none_there
     -> ringing -> all engaged, or declining           busy
                -> nobody answers in time              no_answer
                -> the caller presses `*`              abandoned
                -> answered -> talking -> hung up      answered
     -> Asterisk refuses to join them                  failed
The caller who hangs up: abandoned before the answer, answered after it (seed, section 七).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ivr.agents.desks import Desks
from ivr.agents.exchange import Exchange, ExchangeFailed, Talk
from ivr.agents.switchboard import Switchboard, Waiting
from ivr.calls.call import Call
from ivr.calls.inbox import Key, LegGone, Parted, PhoneFreed, PickedUp
from ivr.config import Agent
from ivr.records.facts import TransferOutcome, Transferred

NEWS_SECONDS = 3600.0
"""A conversation has no limit; its end is waited for in stretches of this length."""

# Hang-up causes (Q.850) that say why a phone was not answered; any other: it was not reached.
_ENGAGED = frozenset({17, 21})
_RANG_OUT = frozenset({None, 0, 16, 18, 19, 102})
_UNANSWERED = frozenset({18, 19, 102})
"""Of these, the ones that say that it rang and nobody came."""
_BUSY, _NOT_REACHED = 17, 20


async def transfer(call: Call, announced: Iterable[str] = ()) -> TransferOutcome:
    """Find an agent for the caller; back when they have talked, or when there is nobody.

    The prompts `announced` are said first; who hangs up in them has wished for an agent already.
    A conversation that an earlier service began is gone on with.
    """
    wish = _Wish(call, _now())
    async with call.in_midst_of(wish):
        try:
            wish.outcome = await wish.fulfilled(announced)
        except ExchangeFailed:
            wish.outcome = "failed"
    return wish.outcome


@dataclass(slots=True)
class _Wish:
    """One caller's wish for an agent, from the first ring to the last word."""

    call: Call
    began: float
    outcome: TransferOutcome = "abandoned"
    agent: Agent | None = None
    """Who answered, or was rung last."""
    answered: float | None = None
    ring_ms: int = 0
    legs: dict[str, Agent] = field(default_factory=dict)
    """Phones that ring or talk."""
    causes: list[int | None] = field(default_factory=list)
    """Why the phones that were rung ring no more."""
    place: Waiting | None = None
    """In the queue of all who wait."""
    rung: float = 0.0
    """When a phone was rung last."""
    has_rung_long: bool = False
    """It would make room for another, were there one."""

    @property
    def exchange(self) -> Exchange:
        """The way to the phones."""
        return self.call.exchange

    @property
    def switchboard(self) -> Switchboard:
        """Who waits, for all calls of the line."""
        return self.call.means.switchboard

    @property
    def desks(self) -> Desks:
        """Who is free, for all calls of the line."""
        return self.switchboard.desks

    async def fulfilled(self, announced: Iterable[str]) -> TransferOutcome:
        """Wait among the others until somebody has talked with the caller."""
        if (talk := self.exchange.talking) is not None:
            return await self._go_on(talk)
        for prompt in announced:
            await self.call.say(prompt)
        self.began = _now()
        present = self.desks.present(await self.exchange.online(), self.call.trail.skill)
        if not present:
            return "none_there"
        await self.exchange.music()
        with self.switchboard.waiting(present, self._wake) as self.place:
            return await self._wait(self.place)

    async def settle(self) -> None:
        """Note how it went; then no phone rings, no bridge stands, no music plays any more."""
        self._note()
        for leg in self.legs:
            await self.exchange.drop(leg)
        if self.place is not None:
            self.switchboard.free_all_of(self.place)
        await self.exchange.part()
        await self.exchange.quiet()
        self.call.inbox.forget_keys()

    # --- ringing ------------------------------------------------------------------------------

    def _wake(self) -> None:
        self.call.inbox.put(PhoneFreed())

    async def _wait(self, place: Waiting) -> TransferOutcome:
        """Let phones ring until one is answered, `*` is pressed, or nobody is left to ask."""
        deadline = self.began + self.call.means.settings.agents.ring_seconds
        while self.legs or self.switchboard.may_answer(place):
            await self._ring(place)
            until = self._until(place, deadline)
            match await self.call.inbox.get(until):
                case PickedUp(leg) if leg in self.legs:
                    agent = self.legs[leg]
                    if await self._converse(leg):
                        return "answered"
                    self.desks.hung_up(agent)
                case LegGone(leg, cause) if leg in self.legs:
                    self._rings_no_more(leg, cause)
                case Key("*"):
                    return "abandoned"
                case None if until < deadline:
                    self.has_rung_long = True
                case None:
                    await self._all_ring_out()
                    return "no_answer"
        if place.left:
            engaged = any(map(self.desks.is_engaged, place.left))
            self.causes.append(_BUSY if engaged else None)
        return self._why_nobody()

    async def _ring(self, place: Waiting) -> None:
        """Ring what is free for this caller.

        One by one: a phone that has rung long enough stops when there is another to ring.
        """
        one_by_one = self.switchboard.one_by_one
        if one_by_one and self.legs and not self.has_rung_long:
            return
        phones = self.switchboard.claim(place)
        if one_by_one and phones:
            await self._all_ring_out()
        for agent in phones:
            await self._rung(agent)

    async def _rung(self, agent: Agent) -> None:
        self.agent, self.has_rung_long, self.rung = agent, False, _now()
        leg = await self.exchange.ring(agent, self.call.trail.screen())
        if leg is None:
            self.causes.append(_NOT_REACHED)
            self.switchboard.free(agent)
        else:
            self.legs[leg] = agent

    def _until(self, place: Waiting, deadline: float) -> float:
        """When to look at the phones again: the last one that is left rings to the end."""
        is_last = self.has_rung_long or not self.legs or not place.left
        if is_last or not self.switchboard.one_by_one:
            return deadline
        return min(deadline, self.rung + self.call.means.settings.agents.next_after_seconds)

    def _rings_no_more(self, leg: str, cause: int | None) -> None:
        """A phone is out by itself: declined, gone, or stopped by Asterisk."""
        agent = self.legs.pop(leg)
        self.causes.append(cause)
        if cause in _ENGAGED:
            self.desks.is_there(agent)
        elif cause in _UNANSWERED:
            self.desks.rang_out(agent)
        self.switchboard.free(agent)

    async def _all_ring_out(self) -> None:
        """Those that ring have had their time."""
        for leg, agent in tuple(self.legs.items()):
            await self._stop(leg)
            self.causes.append(None)
            self.desks.rang_out(agent)
            self.switchboard.free(agent)

    async def _stop(self, leg: str) -> None:
        del self.legs[leg]
        await self.exchange.drop(leg)

    def _why_nobody(self) -> TransferOutcome:
        causes = set(self.causes)
        if causes & _RANG_OUT:
            return "no_answer"
        return "busy" if causes & _ENGAGED or not causes else "none_there"

    # --- talking ------------------------------------------------------------------------------

    async def _converse(self, leg: str) -> bool:
        """Let them talk until the agent hangs up; False when the agent was gone at once."""
        self.agent = self.legs[leg]
        with self.switchboard.talks(self.agent, self.place):
            for other, agent in [each for each in self.legs.items() if each[0] != leg]:
                await self._stop(other)
                self.switchboard.free(agent)
            if not await self.exchange.connect(leg):
                await self._missed(leg)
                return False
            self._picked_up(waited_ms=round((_now() - self.began) * 1000))
            await self._until_gone(leg)
        return True

    async def _missed(self, leg: str) -> None:
        """Who answered has gone already: the caller waits on."""
        self.causes.append(None)
        await self._stop(leg)
        await self.exchange.part()
        await self.exchange.music()

    async def _go_on(self, talk: Talk) -> TransferOutcome:
        """A conversation found in Asterisk: neither of the two notices that we are new."""
        self.agent = self.desks.agent(talk.extension)
        self.legs[talk.leg] = self.agent
        self._picked_up(waited_ms=talk.ring_ms)
        talked = (datetime.now(UTC) - talk.since).total_seconds()
        self.answered = _now() - max(0.0, talked)
        with self.switchboard.talks(self.agent):
            await self._until_gone(talk.leg)
        return "answered"

    def _picked_up(self, *, waited_ms: int) -> None:
        self.outcome, self.answered, self.ring_ms = "answered", _now(), waited_ms

    async def _until_gone(self, leg: str) -> None:
        """Until the agent hangs up, or somebody else takes the two apart."""
        while True:
            match await self.call.inbox.get(_now() + NEWS_SECONDS):
                case LegGone(which) if which == leg:
                    del self.legs[leg]
                    return
                case Parted(which) if which == leg:
                    return

    def _note(self) -> None:
        now = _now()
        talked = 0.0 if self.answered is None else now - self.answered
        waited = round((now - self.began) * 1000) if self.answered is None else self.ring_ms
        if self.answered is not None and self.agent is not None:
            self.desks.hung_up(self.agent)
        self.call.talked(talked)
        self.call.note(
            Transferred(
                session=self.call.session,
                agent=None if self.agent is None else self.agent.name,
                outcome=self.outcome,
                ring_ms=waited,
                talk_ms=round(talked * 1000),
            )
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
