"""One caller's way to the agents' phones, whatever carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.config import Agent
from ivr.people.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation with an agent as Asterisk has it: re-read by a service started anew."""

    leg: str
    """Of the agent in charge."""
    extension: str
    since: datetime
    """UTC."""
    ring_ms: int
    room: str = ""
    """The bridge, where it has not the name of `leg`: who began it has left."""
    others: tuple[str, ...] = ()
    """Legs of colleagues in the same room."""
    asked: tuple[str, ...] = ()
    """Legs of colleagues who are rung to be asked."""
    answered: frozenset[str] = frozenset()
    """Of these, who has answered and is not in the room yet."""
    is_held: bool = False
    """The caller hears music, and nobody of the room."""
    muted: frozenset[str] = frozenset()
    """Legs of which nobody hears anything."""
    watchers: tuple[str, ...] = ()
    """Legs of those who listen in, unheard by the caller."""

    @property
    def bridge(self) -> str:
        """Of the room."""
        return self.room or self.leg


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

    def extension(self, leg: str) -> str:
        """Whose phone a leg is."""

    def holds(self, name: str) -> bool:
        """Whether a leg or a bridge of that name is in use; one that was let go is not."""

    # The rest may raise ExchangeFailed whatever Asterisk says: the conversation goes on.

    async def hold(self) -> None:
        """The caller leaves the room and hears music."""

    async def retrieve(self) -> None:
        """The caller is in the room again."""

    async def reachable(self) -> frozenset[str]:
        """As `online`."""

    async def ask(self, agent: Agent, screen: Mapping[str, str]) -> str:
        """Let a colleague's phone ring; the leg."""

    async def admit(self, leg: str) -> None:
        """One more who hears those in the room, and is heard."""

    async def mute(self, leg: str, *, on: bool) -> None:
        """Nothing of what is said there is heard, or it is again."""

    async def let_wait(self, leg: str, *, on: bool) -> None:
        """Who is there hears music: the caller's own telephone has the line on hold."""

    async def send_keys(self, keys: Sensitive[str]) -> None:
        """To the caller's side, as keys of a telephone."""

    async def ring_watcher(self, agent: Agent, screen: Mapping[str, str]) -> str:
        """Let a supervisor's phone ring, which is to listen in; the leg.

        `screen` is kept for a service started anew, and not shown.
        """

    async def overhear(self, watcher: str, leg: str) -> None:
        """Whoever answered hears all that `leg` hears and says; what they say is not heard yet."""

    async def screen(self, leg: str) -> Mapping[str, str]:
        """What a phone was rung with; as much of it as is known still."""

    async def look(self) -> Talk | None:
        """The conversation as Asterisk has it now; None where there is none."""

    async def music(self) -> None:
        """Something to hear while waiting, at once."""

    async def quiet(self) -> None:
        """No more music."""


class Roomless:
    """What an exchange answers that has no room to talk in."""

    def extension(self, leg: str) -> str:
        """A leg that names nobody."""
        return leg

    def holds(self, name: str) -> bool:
        """Nothing."""
        return False

    async def hold(self) -> None:
        """There is nobody to hold."""
        raise ExchangeFailed

    async def retrieve(self) -> None:
        """Nobody is held."""
        raise ExchangeFailed

    async def reachable(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    async def ask(self, agent: Agent, screen: Mapping[str, str]) -> str:
        """There are no colleagues."""
        raise ExchangeFailed

    async def admit(self, leg: str) -> None:
        """There is no room."""
        raise ExchangeFailed

    async def mute(self, leg: str, *, on: bool) -> None:
        """There is no leg."""
        raise ExchangeFailed

    async def let_wait(self, leg: str, *, on: bool) -> None:
        """There is no leg."""

    async def send_keys(self, keys: Sensitive[str]) -> None:
        """There is nobody to hear them."""
        raise ExchangeFailed

    async def screen(self, leg: str) -> Mapping[str, str]:
        """There is no leg."""
        return {}

    async def ring_watcher(self, agent: Agent, screen: Mapping[str, str]) -> str:
        """There is nothing to listen to."""
        raise ExchangeFailed

    async def overhear(self, watcher: str, leg: str) -> None:
        """There is nothing to listen to."""
        raise ExchangeFailed

    async def look(self) -> Talk | None:
        """There is no conversation."""
        return None


class NoPhones(Roomless):
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
