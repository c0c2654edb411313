"""One caller's way to the agents' phones, whatever carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.config import Agent


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
