"""The agents' desks: whose phones can be rung now, and how each of them is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from ivr.config import Agent, AgentsSettings

log = logging.getLogger(__name__)

DeskState = Literal["free", "ringing", "talking", "passed_over", "absent"]


@dataclass(slots=True)
class Desks:
    """Every agent's phone, whoever it rings for; one for the whole service.

    A phone rings for one caller at a time; one that rings or talks is rung for nobody else.
    """

    settings: AgentsSettings
    clock: Callable[[], float]
    """Seconds; only differences count."""
    _ringing: set[str] = field(default_factory=set)
    _talking: set[str] = field(default_factory=set)
    _busy_since: dict[str, float] = field(default_factory=dict)
    """Since when a phone rings or talks."""
    _idle_since: dict[str, float] = field(default_factory=dict)
    _unanswered: dict[str, int] = field(default_factory=dict)
    """Calls in a row that rang for nothing."""
    _passed_over: dict[str, float] = field(default_factory=dict)
    """Until when."""

    def adopt(self, settings: AgentsSettings) -> None:
        """Other agents or rules from now on; who rings or talks goes on as they began."""
        self.settings = settings
        ours = {agent.extension for agent in settings.phones}
        for extension in [each for each in self._passed_over if each not in ours]:
            self.is_there(self.agent(extension))

    def agent(self, extension: str) -> Agent:
        """Whose phone this is; one that the settings have no more is known by its number."""
        known = (agent for agent in self.settings.phones if agent.extension == extension)
        return next(known, Agent(name=extension, extension=extension))

    # --- who can be rung ----------------------------------------------------------------------

    def present(self, online: frozenset[str]) -> tuple[Agent, ...]:
        """The agents whose phones are registered, on a call or not, and are not passed over."""
        away = {agent.extension for agent, _ in self.passed_over()}
        return tuple(agent for agent in self.settings.phones if agent.extension in online - away)

    def in_order(self, agents: Sequence[Agent]) -> list[Agent]:
        """As the strategy wants them tried."""
        if self.settings.strategy == "longest_idle":
            return sorted(agents, key=self._when_idle)
        return list(agents)

    def is_free(self, agent: Agent) -> bool:
        """Whether this phone neither rings nor talks."""
        return agent.extension not in self._talking and agent.extension not in self._ringing

    def is_talking(self, agent: Agent) -> bool:
        """Whether this agent is on a call."""
        return agent.extension in self._talking

    def _when_idle(self, agent: Agent) -> float:
        return self._idle_since.get(agent.extension, float("-inf"))

    # --- how they are -------------------------------------------------------------------------

    def passed_over(self) -> tuple[tuple[Agent, float], ...]:
        """Whose phones are not rung now since they were not answered, and for how many seconds."""
        now = self.clock()
        return tuple(
            (self.agent(extension), until - now)
            for extension, until in self._passed_over.items()
            if until > now
        )

    def states(self, online: frozenset[str]) -> tuple[tuple[Agent, DeskState, float | None], ...]:
        """Every agent's phone: how it is, and since when, by the clock, where that is known."""
        away = {agent.extension for agent, _ in self.passed_over()}
        return tuple(
            (agent, *self._state(agent.extension, online, away)) for agent in self._known()
        )

    def _known(self) -> Iterator[Agent]:
        """Those of the settings, and those who are still on a call that began before."""
        yield from self.settings.phones
        ours = {agent.extension for agent in self.settings.phones}
        yield from (self.agent(each) for each in sorted(self._talking - ours))

    def _state(
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

    # --- what happens there -------------------------------------------------------------------

    def rings(self, agent: Agent) -> None:
        """A phone rings from now on."""
        self._ringing.add(agent.extension)
        self._busy_since[agent.extension] = self.clock()

    def rings_no_more(self, agent: Agent) -> None:
        """A phone has stopped, or is answered."""
        self._ringing.discard(agent.extension)

    @contextmanager
    def talks(self, agent: Agent) -> Iterator[None]:
        """An agent is on a call, and rung for nobody else."""
        self.is_there(agent)
        self._talking.add(agent.extension)
        self._busy_since[agent.extension] = self.clock()
        try:
            yield
        finally:
            self._talking.discard(agent.extension)

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
