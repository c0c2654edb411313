"""Whose phones answer key 0: who is there, who is free, and in which order they are tried."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from ivr.config import Agent, AgentsSettings

log = logging.getLogger(__name__)

STOPPING_SECONDS = 5.0
"""So long at most does a phone ring on for a caller who has gone."""
DeskState = Literal["free", "ringing", "talking", "passed_over", "absent"]
Round = tuple[Agent, ...]
"""Phones that ring together."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation with an agent that goes on: found by a service that was started anew."""

    leg: str
    extension: str
    since: datetime
    """UTC."""
    ring_ms: int


class ExchangeFailed(Exception):
    """No phone can be asked for or joined now, by a fault that is not the phones'."""


class Exchange(Protocol):
    """One caller's way to the agents' phones, whatever carries it; each phone rung is a leg.

    News of a leg enters the call's inbox: PickedUp, LegGone. `online`, `music` and `connect` may
    raise ExchangeFailed: the transfer has failed, the call goes on.
    """

    talking: Talk | None
    """The conversation that the caller is in already."""

    async def online(self) -> frozenset[str]:
        """The extensions that are registered."""

    async def ring(self, agent: Agent, screen: Mapping[str, str]) -> str | None:
        """Let a phone ring, with `screen` for its display; the leg, or None when it cannot."""

    async def drop(self, leg: str) -> None:
        """Stop a phone that rings or talks; it may have stopped already."""

    async def connect(self, leg: str) -> bool:
        """Let caller and agent hear each other; False when the agent has just gone."""

    async def part(self) -> None:
        """End the conversation for the caller, who stays with us."""

    async def music(self) -> None:
        """Something to hear while waiting, at once."""

    async def quiet(self) -> None:
        """No more music."""


class NoPhones:
    """An exchange where nobody is there: in a terminal, and in tests."""

    talking: Talk | None = None

    async def online(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    async def ring(self, agent: Agent, screen: Mapping[str, str]) -> str | None:
        """Never asked for, since nobody is online."""
        return None

    async def drop(self, leg: str) -> None:
        """There is no leg."""

    async def connect(self, leg: str) -> bool:
        """There is no leg."""
        return False

    async def part(self) -> None:
        """There is no conversation."""

    async def music(self) -> None:
        """A terminal has none."""

    async def quiet(self) -> None:
        """It is."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A caller who waits for an agent."""

    left: list[Agent]
    """Whose phones have not rung for this caller yet."""
    wake: Callable[[], None]
    """Called when it is worth looking again: a phone has become free."""
    since: float = 0.0
    """When it began, by the switchboard's clock."""
    is_ringing: bool = False
    """Some phone rings for this caller now."""
    is_served: bool = False
    """An agent has answered: no other phone is wanted, unless that agent is gone at once."""


@dataclass(slots=True)
class Switchboard:
    """All agents and all who wait for them: one for the whole service.

    A phone rings for one caller at a time and is not taken while it only rings: who comes later
    waits until it is free for them. Of those who want a phone, whoever has waited longest gets it;
    so with all phones ringing at once, whoever answers takes the caller who has waited longest,
    and the other phones go on ringing for the next.
    """

    settings: AgentsSettings
    clock: Callable[[], float]
    """Seconds; only differences count."""
    _queue: list[Waiting] = field(default_factory=list)
    """By arrival."""
    _ringing: dict[str, Waiting] = field(default_factory=dict)
    _talking: set[str] = field(default_factory=set)
    _busy_since: dict[str, float] = field(default_factory=dict)
    """Since when a phone rings or talks."""
    _idle_since: dict[str, float] = field(default_factory=dict)
    _unanswered: dict[str, int] = field(default_factory=dict)
    """Calls in a row that rang for nothing."""
    _passed_over: dict[str, float] = field(default_factory=dict)
    """Until when."""

    def adopt(self, settings: AgentsSettings) -> None:
        """Other agents or rules from now on; who rings, talks or waits goes on as they began."""
        self.settings = settings
        ours = {agent.extension for agent in settings.phones}
        for extension in [each for each in self._passed_over if each not in ours]:
            self.is_there(self.agent(extension))
        for place in self._queue:
            place.left[:] = [agent for agent in place.left if agent.extension in ours]
        self._wake_all()

    @property
    def one_by_one(self) -> bool:
        """Whether a caller's phones ring one after the other, and not together."""
        return self.settings.strategy != "all_at_once"

    def agent(self, extension: str) -> Agent:
        """Whose phone this is; one that the settings have no more is known by its number."""
        known = (agent for agent in self.settings.phones if agent.extension == extension)
        return next(known, Agent(name=extension, extension=extension))

    def present(self, online: frozenset[str]) -> tuple[Agent, ...]:
        """The agents whose phones are registered, on a call or not, and are not passed over."""
        away = {agent.extension for agent, _ in self.passed_over()}
        return tuple(agent for agent in self.settings.phones if agent.extension in online - away)

    def passed_over(self) -> tuple[tuple[Agent, float], ...]:
        """Whose phones are not rung now since they were not answered, and for how many seconds."""
        now = self.clock()
        return tuple(
            (self.agent(extension), until - now)
            for extension, until in self._passed_over.items()
            if until > now
        )

    def waits(self) -> tuple[float, ...]:
        """Since when each caller waits who has no agent yet, the longest first."""
        return tuple(place.since for place in self._queue if not place.is_served)

    def desks(self, online: frozenset[str]) -> tuple[tuple[Agent, DeskState, float | None], ...]:
        """Every agent's phone: how it is, and since when, by the clock, where that is known."""
        away = {agent.extension for agent, _ in self.passed_over()}
        return tuple((agent, *self._desk(agent.extension, online, away)) for agent in self._known())

    def _known(self) -> Iterator[Agent]:
        """Those of the settings, and those who are still on a call that began before."""
        yield from self.settings.phones
        ours = {agent.extension for agent in self.settings.phones}
        yield from (self.agent(each) for each in sorted(self._talking - ours))

    def _desk(
        self, extension: str, online: frozenset[str], away: set[str]
    ) -> tuple[DeskState, float | None]:
        if extension in self._talking:
            return "talking", self._busy_since.get(extension)
        if extension in self._ringing:
            return "ringing", self._busy_since.get(extension)
        if extension in away:
            return "passed_over", None
        if extension not in online:
            return "absent", None
        return "free", self._idle_since.get(extension)

    # --- waiting, and phones that ring --------------------------------------------------------

    @contextmanager
    def waiting(self, present: Sequence[Agent], wake: Callable[[], None]) -> Iterator[Waiting]:
        """Stand in the queue, for these agents.

        Phones that ring at the end stay this caller's until `free`, or for a moment: who hangs up
        is not followed by the next caller's ring before Asterisk has stopped the last one.
        """
        place = Waiting(self._ordered(present), wake, self.clock())
        self._queue.append(place)
        try:
            yield place
        finally:
            self._queue.remove(place)
            self._wake_all()
            asyncio.get_running_loop().call_later(STOPPING_SECONDS, self.free_all_of, place)

    def may_answer(self, place: Waiting) -> bool:
        """Whether somebody is left who could: a phone that rings for others may come free."""
        return any(agent.extension not in self._talking for agent in place.left)

    def claim(self, place: Waiting) -> Round:
        """The phones that ring for this caller from now on: all there are, or the next one."""
        free = [agent for agent in place.left if self._is_free(agent)]
        mine = [agent for agent in free if not self._wanted_before(agent, place)]
        mine = mine[:1] if self.one_by_one else mine
        for agent in mine:
            place.left.remove(agent)
            place.is_ringing = True
            self._ringing[agent.extension] = place
            self._busy_since[agent.extension] = self.clock()
        if mine:
            self._wake_all(but=place)
        return tuple(mine)

    def free(self, agent: Agent) -> None:
        """A phone rings no more."""
        place = self._ringing.pop(agent.extension, None)
        if place is not None:
            place.is_ringing = place in self._ringing.values()
            self._wake_all()

    def free_all_of(self, place: Waiting) -> None:
        """None rings for this caller any more."""
        for extension in [each for each, whose in self._ringing.items() if whose is place]:
            self.free(self.agent(extension))

    def _is_free(self, agent: Agent) -> bool:
        return agent.extension not in self._talking and agent.extension not in self._ringing

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

    def _ordered(self, agents: Sequence[Agent]) -> list[Agent]:
        """As the strategy wants them tried."""
        if self.settings.strategy == "longest_idle":
            return sorted(agents, key=self._when_idle)
        return list(agents)

    def _when_idle(self, agent: Agent) -> float:
        return self._idle_since.get(agent.extension, float("-inf"))

    def is_engaged(self, extension: str) -> bool:
        """Whether a phone rings or talks."""
        return extension in self._talking or extension in self._ringing

    # --- answered or not ----------------------------------------------------------------------

    @contextmanager
    def talks(self, agent: Agent, place: Waiting | None = None) -> Iterator[None]:
        """An agent is on a call, with the caller of that place, and dialled for nobody else."""
        self.is_there(agent)
        self._serve(place, served=True)
        self._talking.add(agent.extension)
        self._busy_since[agent.extension] = self.clock()
        self.free(agent)
        try:
            yield
        finally:
            self._talking.discard(agent.extension)
            self._serve(place, served=False)
            self._wake_all()

    def _serve(self, place: Waiting | None, *, served: bool) -> None:
        if place is not None:
            place.is_served = served

    def talked(self, agent: Agent) -> None:
        """An agent has just put the receiver down."""
        self._idle_since[agent.extension] = self.clock()

    def is_there(self, agent: Agent) -> None:
        """Somebody has answered, or declined."""
        self._unanswered.pop(agent.extension, None)
        self._passed_over.pop(agent.extension, None)

    def rang_out(self, agent: Agent) -> None:
        """A phone rang as long as it should, and nobody answered."""
        settings, times = self.settings, self._unanswered.get(agent.extension, 0) + 1
        self._unanswered[agent.extension] = times
        if 0 < settings.unanswered_calls <= times:
            self._passed_over[agent.extension] = self.clock() + settings.passed_over_seconds
            log.warning(
                "the phone of %s has rung for nothing %d times in a row: passed over for %g s",
                agent.name,
                times,
                settings.passed_over_seconds,
            )
