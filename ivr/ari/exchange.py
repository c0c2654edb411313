"""The agents' phones as channels of Asterisk: rung, bridged with the caller, and let go.

A leg's name tells whose it is (`agent.6001.1f2e3d4c.CALLER`), and a conversation's bridge has the
name of its leg. So a service that was started anew knows from Asterisk's lists who talks to whom,
and an event of a leg finds its caller without any register.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from ivr.agents.exchange import ExchangeFailed, Talk
from ivr.ari.client import Ari, Leg
from ivr.ari.doubt import letting_go
from ivr.ari.errors import AriError, ChannelGone, NotInStasis, Unreachable
from ivr.ari.events import MUTED, Bridge, Channel
from ivr.config import Agent
from ivr.people.sensitive import Sensitive

log = logging.getLogger(__name__)

_MARK, _WATCH, _EAR = "agent", "watch", "ear"
"""How the names begin of an agent's leg, of a supervisor's, and of what the latter hears by."""
_MUSIC = "hold"
EAR_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Between tries to bridge what a supervisor hears by, which comes a moment after it is made."""
SHOWN = ("path", "id_tail", "lookup", "person")
"""Of what a leg is rung with, that a service started anew wants to know."""
_UNSHOWN = frozenset({"person"})
"""For the service itself: no telephone has to know it."""
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
    doubt: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where Asterisk may still hold what was let go."""
    _bridge: str | None = None
    _legs: set[str] = field(default_factory=set)
    """Phones that were rung, until they are let go."""

    def __post_init__(self) -> None:
        if (talk := self.talking) is not None:
            self._bridge = talk.bridge
            self._legs.update((talk.leg, *talk.others, *talk.asked, *talk.watchers))

    def holds(self, name: str) -> bool:
        """The bridge of a supervisor has the name of the leg."""
        return name in self._legs or name == self._bridge

    async def online(self) -> frozenset[str]:
        """The extensions whose phones are registered."""
        with _faults():
            return await self.ari.endpoints.online()

    async def ring(self, agent: Agent, screen: Mapping[str, str]) -> str | None:
        """Let a phone ring; None when Asterisk cannot even try."""
        leg = self._named(_MARK, agent)
        try:
            await self._dial(leg, await self._leg(agent, screen))
        except Unreachable:
            raise
        except AriError as refused:
            log.warning("the phone of %s cannot be rung: %s", agent.name, refused)
            return None
        return leg

    async def _dial(self, name: str, leg: Leg) -> None:
        """A caller who hangs up meanwhile may leave a phone that rings: it is looked for."""
        try:
            await self.ari.channels.originate_with_id(name, leg)
        except asyncio.CancelledError:
            self.doubt.set()
            raise

    async def drop(self, leg: str) -> None:
        """A supervisor's way of hearing goes with the phone."""
        self._legs.discard(leg)
        with letting_go(self.doubt, unseen=_is_watcher(leg)):
            await self._hang_up(leg)
        if _is_watcher(leg):
            with letting_go(self.doubt, unseen=True):
                await self._unhear(leg)

    async def _hang_up(self, leg: str) -> None:
        try:
            channel = await self.ari.channels.get(leg)
        except ChannelGone:
            return
        if is_ours_to_stop(channel, self.app):
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
            with letting_go(self.doubt):
                await self.ari.bridges.destroy(bridge)

    async def music(self) -> None:
        """The music of musiconhold.conf."""
        with _faults():
            await self.ari.channels.start_moh(self.caller, _MUSIC)

    async def quiet(self) -> None:
        """No more music; there may be none."""
        await self.ari.channels.stop_moh(self.caller)

    # --- in the room --------------------------------------------------------------------------

    def extension(self, leg: str) -> str:
        """By the leg's name."""
        return leg.split(".")[1]

    async def hold(self) -> None:
        """Out of the room first: who hears music must not be heard meanwhile."""
        with _refusals():
            await self.ari.bridges.remove_channel(self._room(), self.caller)
            try:
                await self.ari.channels.start_moh(self.caller, _MUSIC)
            except AriError:
                await self.ari.bridges.add_channel(self._room(), self.caller)
                raise

    async def retrieve(self) -> None:
        """In the room again, without music."""
        with _refusals():
            await self.ari.channels.stop_moh(self.caller)
            await self.ari.bridges.add_channel(self._room(), self.caller)

    async def reachable(self) -> frozenset[str]:
        """As `online`; a conversation is not suspended where nobody can say."""
        with _refusals():
            return await self.ari.endpoints.online()

    async def ask(self, agent: Agent, screen: Mapping[str, str]) -> str:
        """As for the caller's first wish."""
        leg = self._named(_MARK, agent)
        with _refusals():
            await self._dial(leg, await self._leg(agent, screen))
        return leg

    async def admit(self, leg: str) -> None:
        """Into the room, and heard: a supervisor who takes over was muted."""
        with _refusals(unseen=_is_watcher(leg)):
            await self.ari.bridges.add_channel(self._room(), leg)
            if _is_watcher(leg):
                await self._unhear(leg)
                await self._set_mute(leg, on=False)

    async def _unhear(self, watcher: str) -> None:
        await self.ari.channels.hangup(f"{_EAR}.{watcher}")
        await self.ari.bridges.destroy(watcher)

    async def mute(self, leg: str, *, on: bool) -> None:
        """Noted at the channel itself, so that a service started anew knows of it."""
        with _refusals(unseen=_is_watcher(leg)):
            await self._set_mute(leg, on=on)

    async def _set_mute(self, leg: str, *, on: bool) -> None:
        channels = self.ari.channels
        await (channels.mute if on else channels.unmute)(leg)
        await channels.set_channel_var(leg, MUTED, "1" if on else "")

    async def let_wait(self, leg: str, *, on: bool) -> None:
        """Asterisk passes a hold on to who is in the bridge then, and to nobody who comes later.

        Not by ARI's own hold: of that the telephone hears nothing (tried, 22.10).
        """
        channels = self.ari.channels
        with _refusals():
            await (channels.start_moh(leg, _MUSIC) if on else channels.stop_moh(leg))

    async def send_keys(self, keys: Sensitive[str]) -> None:
        """Towards the caller."""
        with _refusals():
            await self.ari.channels.send_dtmf(self.caller, keys)

    async def ring_watcher(self, agent: Agent, screen: Mapping[str, str]) -> str:
        """The phone shows the line's number: nobody learns by it whose call it is."""
        watcher = self._named(_WATCH, agent)
        with _refusals(unseen=True):
            leg = Leg(
                endpoint=await self.ari.endpoints.phone(agent),
                app=self.app,
                originator=None,
                ring_seconds=round(self.ring_seconds),
                caller_id=Sensitive(f'"{_DIALLED}" <{_DIALLED}>'),
                variables={_variable(name): value for name, value in screen.items()},
            )
            await self._dial(watcher, leg)
        return watcher

    async def overhear(self, watcher: str, leg: str) -> None:
        """Muted before anything can be heard; the bridge has the name of the watcher's leg."""
        ear = f"{_EAR}.{watcher}"
        with _refusals(unseen=True):
            await self._set_mute(watcher, on=True)
            await self.ari.channels.snoop_channel_with_id(leg, ear, self.app)
            await self.ari.bridges.create_with_id(watcher)
            await self._once_it_is_there(watcher, ear)
            await self.ari.bridges.add_channel(watcher, watcher)

    async def _once_it_is_there(self, bridge: str, ear: str) -> None:
        """Asterisk answers for a snooping channel before a thread has brought it to us."""
        for seconds in EAR_SECONDS:
            try:
                return await self.ari.bridges.add_channel(bridge, ear)
            except NotInStasis:
                await asyncio.sleep(seconds)
        return await self.ari.bridges.add_channel(bridge, ear)

    async def screen(self, leg: str) -> Mapping[str, str]:
        """By the variables of its channel; nothing where Asterisk does not say."""
        found = {}
        for name in SHOWN:
            with suppress(AriError):
                found[name] = await self.ari.channels.get_channel_var(leg, _variable(name))
        return found

    async def look(self) -> Talk | None:
        """By the names of what Asterisk lists."""
        with _refusals():
            channels = await self.ari.channels.list()
            return talks(channels, await self.ari.bridges.list()).get(self.caller)

    def _named(self, mark: str, agent: Agent) -> str:
        leg = f"{mark}.{agent.extension}.{secrets.token_hex(4)}.{self.caller}"
        self._legs.add(leg)
        return leg

    def _room(self) -> str:
        if self._bridge is None:
            raise ExchangeFailed
        return self._bridge

    async def _leg(self, agent: Agent, screen: Mapping[str, str]) -> Leg:
        number = _DIALLED if self.number is None else self.number.reveal()
        return Leg(
            endpoint=await self.ari.endpoints.phone(agent),
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


@contextmanager
def _refusals(*, unseen: bool = False) -> Iterator[None]:
    """Within a conversation nothing that Asterisk refuses ends it: events tell who is gone.

    `unseen`: the log does not say of what kind the command was, and so not that somebody listens.
    """
    try:
        yield
    except AriError as refused:
        log.warning("an order was not done: %s", type(refused).__name__ if unseen else refused)
        raise ExchangeFailed from refused


def _shown(screen: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Channel variables for whatever runs in Asterisk, SIP headers for the agent's telephone."""
    for name, value in screen.items():
        yield _variable(name), value
        if name in _UNSHOWN:
            continue
        header = "-".join(word.capitalize() for word in name.split("_"))
        yield f"PJSIP_HEADER(add,X-Hotline-{header})", value


def _variable(name: str) -> str:
    return f"HOTLINE_{name.upper()}"


def caller_of(leg: str) -> str | None:
    """The caller's channel whose leg this is, an agent's or a supervisor's; None: it is no leg."""
    mark, *rest = leg.split(".", 3)
    return rest[2] if mark in {_MARK, _WATCH} and len(rest) == 3 else None


def is_ear(channel: str) -> bool:
    """Whether it is what a supervisor hears by, and nobody's call."""
    return watcher_of(channel) is not None


def watcher_of(ear: str) -> str | None:
    """The leg of the supervisor who hears by it; None where it is nothing of the kind."""
    mark, _, watcher = ear.partition(".")
    return watcher if mark == _EAR else None


def extensions(talk: Talk) -> Iterator[str]:
    """Whose phones are in a conversation."""
    for leg in (talk.leg, *talk.others):
        yield leg.split(".")[1]


def is_ours_to_stop(leg: Channel, app: str) -> bool:
    """Whether it rings, or `app` holds it; an agent may have been led elsewhere since."""
    return leg.app == app or leg.state != "Up"


def _is_watcher(leg: str) -> bool:
    return leg.startswith(f"{_WATCH}.")


def talks(channels: Iterable[Channel], bridges: Iterable[Bridge]) -> dict[str, Talk]:
    """Who talks to an agent now, by the caller's channel."""
    known = {channel.id: channel for channel in channels}
    legs: dict[str, list[Channel]] = {}
    for channel in known.values():
        if (caller := caller_of(channel.id)) is not None:
            legs.setdefault(caller, []).append(channel)
    bridges = tuple(bridges)
    watching = {bridge.id for bridge in bridges if _is_watcher(bridge.id)}
    found = {}
    for bridge in bridges:
        caller = caller_of(bridge.id)
        if caller in known and not _is_watcher(bridge.id):
            talk = _talk(bridge, known[caller], legs.get(caller, []), watching)
            if talk is not None:
                found[caller] = talk
    return found


def _talk(
    room: Bridge, caller: Channel, legs: Iterable[Channel], watching: Iterable[str]
) -> Talk | None:
    """What one room tells; None where no agent is in it.

    An agent without the caller has the caller on hold: who joins them puts the caller in first.
    """
    legs = sorted(legs, key=lambda leg: (leg.id != room.id, leg.created))
    inside = [leg for leg in legs if leg.id in room.channels]
    if not inside:
        return None
    first, *others = inside
    rung = next((leg.created for leg in legs if leg.id == room.id), room.created)
    is_held = caller.id not in room.channels
    out = (leg for leg in legs if leg not in inside and not _is_watcher(leg.id))
    asked = list(out) if is_held else []  # else those who were not as quick as who answered
    return Talk(
        first.id,
        first.id.split(".")[1],
        room.created,
        round((room.created - rung).total_seconds() * 1000),
        room=room.id,
        others=tuple(leg.id for leg in others),
        asked=tuple(leg.id for leg in asked),
        answered=frozenset(leg.id for leg in asked if leg.state == "Up"),
        is_held=is_held,
        muted=frozenset(leg.id for leg in legs if leg.muted),
        watchers=tuple(leg.id for leg in legs if leg not in inside and leg.id in watching),
    )
