"""Whose phones answer key 0: who is there, who is free, and in which order they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from ivr.config import Agent, AgentsSettings

Strategy = Literal["in_order", "all_at_once", "longest_idle"]
Round = tuple[Agent, ...]
"""Phones that ring together."""


def rounds(
    free: Sequence[Agent], strategy: Strategy, idle_since: Callable[[Agent], float]
) -> tuple[Round, ...]:
    """In which order the free agents are tried; pure."""
    match strategy:
        case "all_at_once":
            return (tuple(free),) if free else ()
        case "longest_idle":
            return tuple((agent,) for agent in sorted(free, key=idle_since))
        case "in_order":
            return tuple((agent,) for agent in free)


@dataclass(slots=True)
class Switchboard:
    """All agents of the line: one for the whole service, so that nobody is dialled twice."""

    settings: AgentsSettings
    clock: Callable[[], float]
    """Seconds; only differences count."""
    _engaged: set[str] = field(default_factory=set)
    _idle_since: dict[str, float] = field(default_factory=dict)

    def present(self, online: frozenset[str]) -> tuple[Agent, ...]:
        """The agents whose phones are registered, on a call or not."""
        return tuple(agent for agent in self.settings.phones if agent.extension in online)

    def rounds(self, present: Sequence[Agent]) -> tuple[Round, ...]:
        """Those of them who are free, as the strategy wants them tried."""
        free = [agent for agent in present if agent.extension not in self._engaged]
        return rounds(free, self.settings.strategy, self._when_idle)

    @contextmanager
    def engaged(self, agents: Round) -> Iterator[Round]:
        """Keep those who are still free from being dialled for anybody else meanwhile."""
        taken = tuple(agent for agent in agents if agent.extension not in self._engaged)
        self._engaged.update(agent.extension for agent in taken)
        try:
            yield taken
        finally:
            self._engaged.difference_update(agent.extension for agent in taken)

    def talked(self, agent: Agent) -> None:
        """An agent has just put the receiver down."""
        self._idle_since[agent.extension] = self.clock()

    def _when_idle(self, agent: Agent) -> float:
        return self._idle_since.get(agent.extension, float("-inf"))
