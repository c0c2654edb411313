"""A conversation's room in Asterisk: each step is taken there first, and then known here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.agents.exchange import Exchange, ExchangeFailed, Talk
from ivr.config import Agent
from ivr.desk.members import Members
from ivr.recordings.taping import Recorder

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Room:
    """The caller is in it unless held. What Asterisk refuses is ExchangeFailed."""

    name: str
    """The bridge's: that of the leg it began with."""
    exchange: Exchange
    members: Members
    screen: Callable[[], Mapping[str, str]]
    """What a colleague's phone shows who is asked."""
    recorder: Recorder | None = None
    """None: what is said here is not to be recorded."""
    caller_is_away: Callable[[], bool] = lambda: False
    """Whether the caller's own telephone has the line on hold."""
    is_held: bool = False

    # --- the caller ---------------------------------------------------------------------------

    async def hold(self) -> None:
        """The caller hears music, and nobody of the room."""
        self.is_held = True
        await self.exchange.hold()
        if self.caller_is_away():
            await self.caller_is_back()

    async def retrieve(self) -> None:
        """The caller is in the room again."""
        await self.exchange.retrieve()
        self.is_held = False
        await self.await_caller()

    async def await_caller(self) -> None:
        """Who is alone with a caller who has the line on hold hears music, not silence."""
        if self.caller_is_away() and not self.is_held and len(self.members.inside) == 1:
            await self._let_wait(on=True)

    async def caller_is_back(self) -> None:
        """No more music for the agent in charge, who hears whoever is in the room."""
        await self._let_wait(on=False)

    async def _let_wait(self, *, on: bool) -> None:

        try:
            await self.exchange.let_wait(self.members.leg, on=on)
        except ExchangeFailed:
            log.warning("an agent hears what the caller's telephone says of the hold")

    # --- agents -------------------------------------------------------------------------------

    async def mute(self, leg: str, *, on: bool) -> None:
        """Nothing of what is said there is heard, or it is again."""
        await self.exchange.mute(leg, on=on)
        self.members.set_muted(leg, on=on)

    async def ask(self, colleague: Agent) -> bool:
        """Let a colleague's phone ring; False where it rings for another node meanwhile."""
        async with self.members.switchboard.reserved(colleague) as is_ours:
            if is_ours:
                self.members.ask(await self.exchange.ask(colleague, self.screen()), colleague)
            return is_ours

    async def ask_to_listen(self, supervisor: Agent) -> None:
        """Let a supervisor's phone ring."""
        leg = await self.exchange.ring_watcher(supervisor, self.screen())
        self.members.watch(leg, supervisor)

    async def come_in(self, leg: str) -> None:
        """Who was asked, or listened, hears those in the room and is heard."""
        await self.exchange.admit(leg)
        self.members.come_in(leg)

    async def overhear(self, watcher: str) -> None:
        """A supervisor hears what the agent in charge hears and says."""
        await self.exchange.overhear(watcher, self.members.leg)
        self.members.listens(watcher)

    async def drop(self, leg: str) -> None:
        """Whoever it is leaves, by our own doing: nothing that is told of it later counts."""
        await self.exchange.drop(leg)
        self.members.forget(leg)
        await self.await_caller()

    async def free(self, colleague: Agent) -> bool:
        """Whether this colleague's phone may be rung now."""
        switchboard = self.members.switchboard
        await switchboard.look(self.exchange.reachable, 0.0)
        return colleague in switchboard.present() and switchboard.desks.is_free(colleague)

    # --- recorded -----------------------------------------------------------------------------

    async def be_recorded(self) -> None:
        """As it has to be with who is in the room now."""
        if self.recorder is not None:
            names = [agent.name for agent in self.members.inside.values()]
            await self.recorder.follow(names, is_held=self.is_held)

    # --- as Asterisk has it -------------------------------------------------------------------

    async def look(self) -> Talk | None:
        """The conversation as Asterisk has it now; None where that is not known, or none is."""
        try:
            return await self.exchange.look()
        except ExchangeFailed:
            return None

    def become(self, talk: Talk) -> None:
        """Be as that; who is gone is let go."""
        members = self.members
        ringing = [leg for leg in members.watching if leg not in members.listening]
        inside = self._agents(talk.leg, *talk.others)
        asked, watching = self._agents(*talk.asked), self._agents(*talk.watchers, *ringing)
        for leg in {*members.inside} - {*inside} | {*members.asked} - {*asked}:
            members.forget(leg)
        self.name, self.is_held = talk.bridge, talk.is_held
        members.inside, members.asked, members.watching = inside, asked, watching
        members.listening = {*talk.watchers}
        members.muted = {leg for leg in talk.muted if leg in inside or leg in members.listening}
        for leg in inside:
            members.engage(leg)
        for supervisor in watching.values():
            members.switchboard.desks.set_aside(supervisor)

    def _agents(self, *legs: str) -> dict[str, Agent]:
        members, desks = self.members, self.members.switchboard.desks
        known = members.inside | members.asked | members.watching
        return {
            leg: known[leg] if leg in known else desks.agent(self.exchange.extension(leg))
            for leg in legs
        }
