"""The way out for calls that we make, whatever carries it, and what it holds of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ivr.config import Agent
from ivr.people.sensitive import Sensitive


class DiallingFailed(Exception):
    """Asterisk would not ring or join what it was asked to."""


class AgentAway(DiallingFailed):
    """There is no phone of this agent to be rung."""


class Outward(Protocol):
    """The way out, whatever carries it. Each may raise DiallingFailed."""

    async def ring_agent(self, attempt: str, agent: Agent, reference: str) -> None:
        """Let an agent's phone ring; it shows what the call is about. Raises AgentAway."""

    async def ring_number(self, attempt: str, number: Sensitive[str]) -> None:
        """Let the number ring by the trunk; an agent who waits hears that."""

    async def say_it_is_recorded(self, attempt: str) -> None:
        """Begin to say so to the number, which has answered; `Dialler.said` hears of its end."""

    async def channel(self, attempt: str) -> str:
        """The number's leg as Asterisk's console calls it."""

    async def join(self, attempt: str) -> bool:
        """Let the two hear each other; False when one has just gone."""

    async def stop(self, attempt: str) -> None:
        """Whatever rings or talks for this try; there may be nothing."""


@dataclass(frozen=True, slots=True)
class Held:
    """What Asterisk has of tries."""

    names: frozenset[str]
    """Of the tries that have any leg or bridge."""
    joined: Mapping[str, datetime]
    """Whose two hear each other, and since when."""
    picked_up: Mapping[str, datetime] = field(default_factory=dict)
    """Whose number has answered, to whom the line itself may speak; and since when it is there."""
