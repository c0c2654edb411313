"""Who waits for an agent, and whose phone rings for whom: the queue in front of the desks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import islice

from ivr.agents.desks import Desks
from ivr.agents.estimate import Minutes, minutes_to_wait
from ivr.agents.floor import ByItself, Floor
from ivr.agents.notes import Talked
from ivr.agents.queue import Queue, Waiting
from ivr.config import Agent, AgentsSettings, Skill

STOPPING_SECONDS = 5.0
"""So long at most does a phone ring on for a caller who has gone."""
AGAIN_SECONDS = 20.0
"""A phone that rang for nothing rings for the same caller again after so long."""
PHONES_SECONDS = 10.0
"""How old the knowledge of who is registered may be, while somebody waits."""
SAMPLES = 30
"""Of the last conversations, the wait is estimated by so many."""
Round = tuple[Agent, ...]
"""Phones that ring together."""


@dataclass(slots=True)
class Switchboard:
    """All who wait for the agents, and the desks they wait for: one for the whole service.

    A phone rings for one caller at a time and is not taken while it only rings: who comes later
    waits until it is free for them. Of those who want a phone, whoever is next gets it; so with
    all phones ringing at once, whoever answers takes the caller who is next, and the other phones
    go on ringing for the one after.
    """

    desks: Desks
    queue: Queue = field(default_factory=Queue)
    floor: Floor = field(default_factory=ByItself)
    """The other nodes of the line, which ring the same phones."""
    _online: frozenset[str] = frozenset()
    """Phones that are registered, when somebody looked last."""
    _looked: float = float("-inf")
    _ringing: dict[str, Waiting] = field(default_factory=dict)
    """For whom each phone rings, by extension."""
    _talks: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    """Seconds that agents were taken by their last conversations."""

    def __post_init__(self) -> None:
        self.desks.changed = self.look_again

    @property
    def settings(self) -> AgentsSettings:
        """The rules that hold now."""
        return self.desks.settings

    def adopt(self, settings: AgentsSettings) -> None:
        """Other agents or rules from now on; who rings, talks or waits goes on as they began."""
        self.desks.adopt(settings)
        ours = {agent.extension for agent in settings.phones}
        for place in self.queue.in_order():
            place.left[:] = [agent for agent in place.left if agent.extension in ours]
        self.look_again()

    @property
    def one_by_one(self) -> bool:
        """Whether a caller's phones ring one after the other, and not together."""
        return self.settings.strategy != "all_at_once"

    def waits(self) -> tuple[float, ...]:
        """Since when each caller of this node waits who has no agent yet, whoever is next first."""
        waiting = self.queue.waiting()
        return tuple(each.since for each in waiting if not (each.is_wish or each.is_elsewhere))

    def longest_wait(self) -> float:
        """Seconds that whoever has waited longest has had no agent; 0 where nobody waits."""
        return self.desks.clock() - min(self.waits(), default=self.desks.clock())

    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return len(self.queue) >= self.settings.queue_most

    # --- who is there -------------------------------------------------------------------------

    async def look(self, online: Callable[[], Awaitable[frozenset[str]]], within: float) -> None:
        """Ask who is registered, unless somebody has within so many seconds."""
        if self.desks.clock() - self._looked >= within:
            self._looked = self.desks.clock()
            self._online = await online()

    def present(self, skill: Skill | None = None) -> tuple[Agent, ...]:
        """The agents who are there now for a caller, on a call or not."""
        return self.desks.present(self._online, skill)

    def minutes(self, place: Waiting) -> Minutes | None:
        """How long this caller will wait, where that can be said."""
        return minutes_to_wait(
            self.queue.ahead_of(place), len(self.present(place.skill)), self._talks
        )

    def look_again(self) -> None:
        """Somebody may be free now: whoever waits looks."""
        self.floor.tell()
        for place in self.queue.in_order():
            place.wake()

    # --- waiting, and phones that ring --------------------------------------------------------

    @contextmanager
    def waiting(self, place: Waiting) -> Iterator[Waiting]:
        """Stand in the queue.

        Phones that ring at the end stay this caller's until `free`, or for a moment: who hangs up
        is not followed by the next caller's ring before Asterisk has stopped the last one.
        """
        place.left = self.desks.in_order(self.present(place.skill))
        self.queue.enter(place)
        self.floor.tell()
        try:
            yield place
        finally:
            self.queue.leave(place)
            self.look_again()
            asyncio.get_running_loop().call_later(STOPPING_SECONDS, self.free_all_of, place)

    def expect(self, place: Waiting) -> None:
        """Keep a place for a caller who is found again by a new service, until `waiting`."""
        place.is_expected = True
        self.queue.enter(place)
        self.floor.tell()

    def give_up(self, who: str) -> None:
        """A place that was kept for somebody who does not come."""
        if self.queue.give_up(who):
            self.look_again()

    def may_answer(self, place: Waiting) -> bool:
        """Whether somebody is left who could: a phone that rings for others may come free."""
        return any(map(self.desks.may_come, place.left))

    def is_anybody_engaged(self) -> bool:
        """Whether some phone that is there rings or talks now."""
        return not all(self.desks.is_free(agent) for agent in self.present())

    async def claim(self, place: Waiting) -> Round:
        """The phones that ring for this caller from now on: all there are, or the next one.

        Chosen here by what this node knows, and rung only when no other node rings them: whoever
        was quicker, or has somebody who is next before, has them.
        """
        chosen = self._chosen(place)
        if not chosen:
            return ()
        mine = await self.floor.take(chosen, place)
        for agent in chosen:
            if agent not in mine:
                self._give_back(agent, place)
        if mine:
            self.look_again()
        return mine

    def _chosen(self, place: Waiting) -> Round:
        """Kept for this caller from now on, before anybody else here has a turn."""
        for each in self.queue.waiting():
            self._look_who_may_ring(each)
        wanted = self._wanted_before(place)
        free = (
            agent
            for agent in self._for(place)
            if agent.extension not in wanted and self.desks.is_free(agent)
        )
        mine = list(islice(free, 1 if self._rings_one(place) else None))
        for agent in mine:
            place.left.remove(agent)
            place.is_ringing = True
            self._ringing[agent.extension] = place
            self.desks.rings(agent)
        return tuple(mine)

    def _give_back(self, agent: Agent, place: Waiting) -> None:
        """Another node has it: it has not rung here, and may the next time."""
        if self._ringing.get(agent.extension) is place:
            del self._ringing[agent.extension]
            self.desks.rings_no_more(agent)
            place.is_ringing = place in self._ringing.values()
            place.left.append(agent)

    def _for(self, place: Waiting) -> list[Agent]:
        """Whom an agent has passed the caller on to comes first, and alone."""
        chosen = place.passed_to
        if chosen is None or chosen not in place.left or not self.desks.may_come(chosen):
            is_ringing = chosen is not None and self._ringing.get(chosen.extension) is place
            return [] if is_ringing else place.left
        return [chosen]

    def _look_who_may_ring(self, place: Waiting) -> None:
        """In a queue people come and go, and who was tried is tried again after a while."""
        if place.stays and not place.is_elsewhere:
            since = self.desks.clock() - AGAIN_SECONDS
            place.left = [
                agent
                for agent in self.desks.in_order(self.present(place.skill))
                if self._ringing.get(agent.extension) is not place
                and place.tried.get(agent.extension, since) <= since
            ]

    def free(self, agent: Agent) -> None:
        """A phone rings no more."""
        place = self._ringing.pop(agent.extension, None)
        if place is not None:
            self.desks.rings_no_more(agent)
            place.tried[agent.extension] = self.desks.clock()
            place.is_ringing = place in self._ringing.values()
            if place.passed_to == agent:
                place.passed_to = None
            self.look_again()

    def free_all_of(self, place: Waiting) -> None:
        """None rings for this caller any more."""
        for extension in [each for each, whose in self._ringing.items() if whose is place]:
            self.free(self.desks.agent(extension))

    def _wanted_before(self, place: Waiting) -> frozenset[str]:
        """Phones that somebody who is next before this one is to have first."""
        earlier = filter(self._wants_more, self.queue.before(place))
        return frozenset(agent.extension for each in earlier for agent in each.left)

    def _wants_more(self, place: Waiting) -> bool:
        return not (self._rings_one(place) and place.is_ringing)

    def _rings_one(self, place: Waiting) -> bool:
        """Who is called back needs one agent, who then waits for them."""
        return self.one_by_one or place.is_wish

    # --- answered -----------------------------------------------------------------------------

    @contextmanager
    def talks(self, agent: Agent, talked: Talked | None = None) -> Iterator[None]:
        """An agent is on a call that nobody waited for."""
        with self.serving(agent, None), self.desks.talks(agent, talked):
            yield

    @contextmanager
    def serving(self, agent: Agent, place: Waiting | None) -> Iterator[None]:
        """Nobody else is rung for that place: this agent, or a colleague since, looks after it."""
        self._serve(place, served=True)
        self.free(agent)
        try:
            yield
        finally:
            self._serve(place, served=False)
            self.look_again()

    def talked(self, seconds: float) -> None:
        """A conversation of so long has just ended."""
        self._talks.append(seconds)

    def remember(self, talks: Iterator[float]) -> None:
        """Conversations that the service before has seen, the last one last; in seconds."""
        self._talks.extend(talks)

    @contextmanager
    def engaged(self, agent: Agent, talked: Talked) -> Iterator[None]:
        """The same until its end; a service that ends leaves it as it is."""
        is_over = True
        try:
            with self.talks(agent, talked):
                yield
        except asyncio.CancelledError:
            is_over = False
            raise
        finally:
            if is_over:
                self.desks.hung_up(agent)

    @asynccontextmanager
    async def rung(self, agent: Agent) -> AsyncIterator[bool]:
        """A phone rings for a call that the line makes, and for nobody else meanwhile.

        False where it is another node's.
        """
        is_claimed = agent.extension in self._ringing
        self.desks.rings(agent)
        try:
            yield is_claimed or bool(await self.floor.take([agent], None))
        finally:
            self.free(agent)
            self.desks.rings_no_more(agent)
            self.look_again()

    @asynccontextmanager
    async def reserved(self, agent: Agent) -> AsyncIterator[bool]:
        """Nobody else's call rings this phone as long as this lasts; False: another's does."""
        self.desks.set_aside(agent)
        try:
            yield bool(await self.floor.take([agent], None))
        finally:
            self.desks.back_from_aside(agent)

    def _serve(self, place: Waiting | None, *, served: bool) -> None:
        if place is not None:
            place.is_served = served
