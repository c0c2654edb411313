"""Whose phones answer key 0: who is there, who is free, and in which order they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from ivr.config import Agent, AgentsSettings

Strategy = Literal["in_order", "all_at_once", "longest_idle"]
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

    def agent(self, extension: str) -> Agent:
        """Whose phone this is; one that the settings have no more is known by its number."""
        known = (agent for agent in self.settings.phones if agent.extension == extension)
        return next(known, Agent(name=extension, extension=extension))

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
