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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ivr.agents.switchboard import Exchange, ExchangeFailed, Round, Switchboard, Talk
from ivr.calls.call import Call
from ivr.calls.inbox import Key, LegGone, Parted, PickedUp
from ivr.config import Agent
from ivr.records.facts import TransferOutcome, Transferred

NEWS_SECONDS = 3600.0
"""A conversation has no limit; its end is waited for in stretches of this length."""

# Hang-up causes (Q.850) that say why a phone was not answered; any other: it was not reached.
_ENGAGED = frozenset({17, 21})
_RANG_OUT = frozenset({None, 0, 16, 18, 19, 102})


async def transfer(call: Call) -> TransferOutcome:
    """Find an agent for the caller; back when they have talked, or when there is nobody.

    A conversation that an earlier service began is gone on with.
    """
    wish = _Wish(call, _now())
    async with call.in_midst_of(wish):
        try:
            wish.outcome = await wish.fulfilled()
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

    @property
    def exchange(self) -> Exchange:
        """The way to the phones."""
        return self.call.exchange

    @property
    def switchboard(self) -> Switchboard:
        """Who is free, for all calls of the line."""
        return self.call.means.switchboard

    async def fulfilled(self) -> TransferOutcome:
        """One round of phones after the other, until somebody has talked with the caller."""
        if (talk := self.exchange.talking) is not None:
            return await self._go_on(talk)
        present = self.switchboard.present(await self.exchange.online())
        if not present:
            return "none_there"
        await self.exchange.music()
        for phones, until in self._timetable(self.switchboard.rounds(present)):
            match await self._ring(phones, until):
                case str() as leg if await self._converse(leg):
                    return "answered"
                case Key():
                    return "abandoned"
        return self._why_nobody()

    async def settle(self) -> None:
        """Note how it went; then no phone rings, no bridge stands, no music plays any more."""
        self._note()
        for leg in self.legs:
            await self.exchange.drop(leg)
        await self.exchange.part()
        await self.exchange.quiet()
        self.call.inbox.forget_keys()

    # --- ringing ------------------------------------------------------------------------------

    def _timetable(self, rounds: Sequence[Round]) -> Iterator[tuple[Round, float]]:
        """Each round with the time at which it ends; the last one rings for all that is left."""
        settings = self.call.means.settings.agents
        deadline = self.began + settings.ring_seconds
        for n, phones in enumerate(rounds, start=1):
            if _now() < deadline:
                soon = _now() + settings.next_after_seconds
                yield phones, deadline if n == len(rounds) else min(deadline, soon)

    async def _ring(self, phones: Round, until: float) -> str | Key | None:
        """Let these phones ring: the leg that answered, or the caller's `*`, or nobody."""
        with self.switchboard.engaged(phones) as free:
            if len(free) < len(phones):
                self.causes.append(17)
            for agent in free:
                await self._rung(agent)
            ended = await self._news(until)
            for leg in [leg for leg in self.legs if leg != ended]:
                del self.legs[leg]
                await self.exchange.drop(leg)
        return ended

    async def _rung(self, agent: Agent) -> None:
        self.agent = agent
        leg = await self.exchange.ring(agent, self.call.trail.screen())
        if leg is None:
            self.causes.append(20)
        else:
            self.legs[leg] = agent

    async def _news(self, until: float) -> str | Key | None:
        while self.legs:
            match await self.call.inbox.get(until):
                case PickedUp(leg) if leg in self.legs:
                    return leg
                case LegGone(leg, cause) if leg in self.legs:
                    del self.legs[leg]
                    self.causes.append(cause)
                case Key("*") as given_up:
                    return given_up
                case None:
                    self.causes.append(None)
                    return None
        return None

    def _why_nobody(self) -> TransferOutcome:
        causes = set(self.causes)
        if causes & _RANG_OUT:
            return "no_answer"
        return "busy" if causes & _ENGAGED or not causes else "none_there"

    # --- talking ------------------------------------------------------------------------------

    async def _converse(self, leg: str) -> bool:
        """Let them talk until the agent hangs up; False when the agent was gone at once."""
        self.agent = self.legs[leg]
        with self.switchboard.engaged((self.agent,)):
            if not await self.exchange.connect(leg):
                self.causes.append(None)
                await self.exchange.part()
                await self.exchange.music()
                return False
            self._picked_up(waited_ms=round((_now() - self.began) * 1000))
            await self._until_gone(leg)
        return True

    async def _go_on(self, talk: Talk) -> TransferOutcome:
        """A conversation found in Asterisk: neither of the two notices that we are new."""
        self.agent = self.switchboard.agent(talk.extension)
        self.legs[talk.leg] = self.agent
        self._picked_up(waited_ms=talk.ring_ms)
        talked = (datetime.now(UTC) - talk.since).total_seconds()
        self.answered = _now() - max(0.0, talked)
        with self.switchboard.engaged((self.agent,)):
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
            self.switchboard.talked(self.agent)
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
