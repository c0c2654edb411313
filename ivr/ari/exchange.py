"""The agents' phones as channels of Asterisk: rung, bridged with the caller, and let go.

A leg's name tells whose it is (`agent.6001.1f2e3d4c.CALLER`), and a conversation's bridge has the
name of its leg. So a service that was started anew knows from Asterisk's lists who talks to whom,
and an event of a leg finds its caller without any register.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ivr.agents.exchange import ExchangeFailed, Talk
from ivr.ari.client import Ari, Leg
from ivr.ari.errors import AriError, ChannelGone, Unreachable
from ivr.ari.events import Bridge, Channel
from ivr.config import Agent
from ivr.people.sensitive import Sensitive

log = logging.getLogger(__name__)

_MARK = "agent"
_MUSIC = "hold"
_DIALLED = "12329"
"""What the agent's phone shows in place of a withheld number."""


@dataclass(slots=True)
class ChannelExchange:
    """One caller's way to the agents' phones."""

    ari: Ari
    app: str
    caller: str
    """The caller's channel."""
    number: Sensitive[str] | None
    """The caller's number, for the agent's screen only."""
    ring_seconds: float
    """When Asterisk itself stops a phone, should we not be there any more."""
    talking: Talk | None = None
    _bridge: str | None = None

    def __post_init__(self) -> None:
        self._bridge = None if self.talking is None else self.talking.leg

    async def online(self) -> frozenset[str]:
        """The extensions whose phones are registered."""
        with _faults():
            return await self.ari.endpoints.online()

    async def ring(self, agent: Agent, screen: Mapping[str, str]) -> str | None:
        """Let a phone ring; None when Asterisk cannot even try."""
        leg = f"{_MARK}.{agent.extension}.{secrets.token_hex(4)}.{self.caller}"
        try:
            await self.ari.channels.originate_with_id(leg, self._leg(agent, screen))
        except Unreachable:
            raise
        except AriError as refused:
            log.warning("the phone of %s cannot be rung: %s", agent.name, refused)
            return None
        return leg

    async def drop(self, leg: str) -> None:
        """Stop a phone that rings or talks; one that has been led elsewhere is not ours to stop."""
        try:
            channel = await self.ari.channels.get(leg)
        except ChannelGone:
            return
        if channel.app == self.app or channel.state != "Up":
            await self.ari.channels.hangup(leg)

    async def connect(self, leg: str) -> bool:
        """Bridge the two; ChannelGone when it is the caller who has gone."""
        await self.quiet()
        self._bridge = leg
        with _faults():
            await self.ari.bridges.create_with_id(leg)
            await self.ari.bridges.add_channel(leg, self.caller)
            try:
                await self.ari.bridges.add_channel(leg, leg)
            except ChannelGone:
                return False
        return True

    async def part(self) -> None:
        """Take the bridge away."""
        bridge, self._bridge, self.talking = self._bridge, None, None
        if bridge is not None:
            await self.ari.bridges.destroy(bridge)

    async def music(self) -> None:
        """The music of musiconhold.conf."""
        with _faults():
            await self.ari.channels.start_moh(self.caller, _MUSIC)

    async def quiet(self) -> None:
        """No more music; there may be none."""
        await self.ari.channels.stop_moh(self.caller)

    def _leg(self, agent: Agent, screen: Mapping[str, str]) -> Leg:
        number = _DIALLED if self.number is None else self.number.reveal()
        return Leg(
            endpoint=f"PJSIP/{agent.extension}",
            app=self.app,
            originator=self.caller,
            ring_seconds=round(self.ring_seconds),
            caller_id=Sensitive(f'"{_DIALLED}" <{number}>'),
            variables=dict(_shown(screen)),
        )


@contextmanager
def _faults() -> Iterator[None]:
    """What Asterisk refuses while caller and link are there is no reason to end the call."""
    try:
        yield
    except (ChannelGone, Unreachable):
        raise
    except AriError as refused:
        log.warning("a caller cannot be joined with an agent: %s", refused)
        raise ExchangeFailed from refused


def _shown(screen: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Channel variables for whatever runs in Asterisk, SIP headers for the agent's telephone."""
    for name, value in screen.items():
        yield f"HOTLINE_{name.upper()}", value
        header = "-".join(word.capitalize() for word in name.split("_"))
        yield f"PJSIP_HEADER(add,X-Hotline-{header})", value


def caller_of(leg: str) -> str | None:
    """The caller's channel whose leg this is; None when it is no leg."""
    mark, *rest = leg.split(".", 3)
    return rest[2] if mark == _MARK and len(rest) == 3 else None


def talks(channels: Iterable[Channel], bridges: Iterable[Bridge]) -> dict[str, Talk]:
    """Who talks to an agent now, by the caller's channel."""
    rung = {channel.id: channel.created for channel in channels}
    found = {}
    for bridge in bridges:
        caller = caller_of(bridge.id)
        if caller is not None and {caller, bridge.id} <= bridge.channels & rung.keys():
            waited = bridge.created - rung[bridge.id]
            extension = bridge.id.split(".")[1]
            found[caller] = Talk(
                bridge.id, extension, bridge.created, round(waited.total_seconds() * 1000)
            )
    return found
