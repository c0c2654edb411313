"""Who waits for an agent, and whose phone rings for whom: the queue in front of the desks."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ivr.agents.desks import Desks
from ivr.config import Agent, AgentsSettings

STOPPING_SECONDS = 5.0
"""So long at most does a phone ring on for a caller who has gone."""
Round = tuple[Agent, ...]
"""Phones that ring together."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A caller who waits for an agent."""

    left: list[Agent]
    """Whose phones have not rung for this caller yet."""
    wake: Callable[[], None]
    """Called when it is worth looking again: a phone has become free."""
    since: float = 0.0
    """When it began, by the desks' clock."""
    is_ringing: bool = False
    """Some phone rings for this caller now."""
    is_served: bool = False
    """An agent has answered: no other phone is wanted, unless that agent is gone at once."""


@dataclass(slots=True)
class Switchboard:
    """All who wait for the agents, and the desks they wait for: one for the whole service.

    A phone rings for one caller at a time and is not taken while it only rings: who comes later
    waits until it is free for them. Of those who want a phone, whoever has waited longest gets it;
    so with all phones ringing at once, whoever answers takes the caller who has waited longest,
    and the other phones go on ringing for the next.
    """

    desks: Desks
    _queue: list[Waiting] = field(default_factory=list)
    """By arrival."""
    _ringing: dict[str, Waiting] = field(default_factory=dict)
    """For whom each phone rings, by extension."""

    def __post_init__(self) -> None:
        self.desks.changed = self._wake_all

    @property
    def settings(self) -> AgentsSettings:
        """The rules that hold now."""
        return self.desks.settings

    def adopt(self, settings: AgentsSettings) -> None:
        """Other agents or rules from now on; who rings, talks or waits goes on as they began."""
        self.desks.adopt(settings)
        ours = {agent.extension for agent in settings.phones}
        for place in self._queue:
            place.left[:] = [agent for agent in place.left if agent.extension in ours]
        self._wake_all()

    @property
    def one_by_one(self) -> bool:
        """Whether a caller's phones ring one after the other, and not together."""
        return self.settings.strategy != "all_at_once"

    def waits(self) -> tuple[float, ...]:
        """Since when each caller waits who has no agent yet, the longest first."""
        return tuple(place.since for place in self._queue if not place.is_served)

    # --- waiting, and phones that ring --------------------------------------------------------

    @contextmanager
    def waiting(self, present: Sequence[Agent], wake: Callable[[], None]) -> Iterator[Waiting]:
        """Stand in the queue, for these agents.

        Phones that ring at the end stay this caller's until `free`, or for a moment: who hangs up
        is not followed by the next caller's ring before Asterisk has stopped the last one.
        """
        place = Waiting(self.desks.in_order(present), wake, self.desks.clock())
        self._queue.append(place)
        try:
            yield place
        finally:
            self._queue.remove(place)
            self._wake_all()
            asyncio.get_running_loop().call_later(STOPPING_SECONDS, self.free_all_of, place)

    def may_answer(self, place: Waiting) -> bool:
        """Whether somebody is left who could: a phone that rings for others may come free."""
        return any(map(self.desks.may_come, place.left))

    def claim(self, place: Waiting) -> Round:
        """The phones that ring for this caller from now on: all there are, or the next one."""
        free = [agent for agent in place.left if self.desks.is_free(agent)]
        mine = [agent for agent in free if not self._wanted_before(agent, place)]
        mine = mine[:1] if self.one_by_one else mine
        for agent in mine:
            place.left.remove(agent)
            place.is_ringing = True
            self._ringing[agent.extension] = place
            self.desks.rings(agent)
        if mine:
            self._wake_all(but=place)
        return tuple(mine)

    def free(self, agent: Agent) -> None:
        """A phone rings no more."""
        place = self._ringing.pop(agent.extension, None)
        if place is not None:
            self.desks.rings_no_more(agent)
            place.is_ringing = place in self._ringing.values()
            self._wake_all()

    def free_all_of(self, place: Waiting) -> None:
        """None rings for this caller any more."""
        for extension in [each for each, whose in self._ringing.items() if whose is place]:
            self.free(self.desks.agent(extension))

    def _wanted_before(self, agent: Agent, place: Waiting) -> bool:
        """Whether somebody who has waited longer is to have this phone first."""
        earlier = itertools.takewhile(lambda each: each is not place, self._queue)
        return any(agent in each.left and self._wants_more(each) for each in earlier)

    def _wants_more(self, place: Waiting) -> bool:
        return not place.is_served and not (self.one_by_one and place.is_ringing)

    def _wake_all(self, *, but: Waiting | None = None) -> None:
        for place in self._queue:
            if place is not but:
                place.wake()

    # --- answered -----------------------------------------------------------------------------

    @contextmanager
    def talks(self, agent: Agent, place: Waiting | None = None) -> Iterator[None]:
        """An agent is on a call with the caller of that place."""
        self._serve(place, served=True)
        try:
            with self.desks.talks(agent):
                self.free(agent)
                yield
        finally:
            self._serve(place, served=False)
            self._wake_all()

    @contextmanager
    def engaged(self, agent: Agent) -> Iterator[None]:
        """An agent is on a call that nobody waited for; a service that ends leaves it as it is."""
        is_over = True
        try:
            with self.talks(agent):
                yield
        except asyncio.CancelledError:
            is_over = False
            raise
        finally:
            if is_over:
                self.desks.hung_up(agent)

    def _serve(self, place: Waiting | None, *, served: bool) -> None:
        if place is not None:
            place.is_served = served
