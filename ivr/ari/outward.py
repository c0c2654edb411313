"""Calls that the line makes, as channels of Asterisk: two legs and the bridge between them.

Their names tell whose they are (`dial.TRY.agent`, `dial.TRY.number`, `dial.TRY`), so that a service
that was started anew knows from Asterisk's lists who talks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from ivr.ari.client import Ari, Leg
from ivr.ari.doubt import letting_go
from ivr.ari.errors import AriError, ChannelGone, Unreachable
from ivr.ari.events import Bridge, Channel
from ivr.ari.line import ChannelLine
from ivr.config import TRUNK_ENDPOINT, Agent, Settings
from ivr.dialling.names import SIDES, attempt_of, bridge_name, leg_name
from ivr.dialling.outward import AgentAway, DiallingFailed, Held
from ivr.people.sensitive import Sensitive
from ivr.speech.prompts import Utterance

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChannelsOutward:
    """The way out through Asterisk."""

    ari: Ari
    settings: Callable[[], Settings]
    announcement: Callable[[], Utterance]
    """That a conversation is recorded."""
    doubt: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where Asterisk may still hold what is to be stopped."""

    async def online(self) -> frozenset[str]:
        """The phones that are registered."""
        with _faults():
            return await self.ari.endpoints.online()

    async def ring_agent(self, attempt: str, agent: Agent, reference: str) -> None:
        """The phone shows the line's own number, and the case or the wish beside it."""
        settings = self.settings()
        with _faults(AgentAway):
            leg = Leg(
                endpoint=await self.ari.endpoints.phone(agent),
                app=settings.ari_app,
                originator=None,
                ring_seconds=round(settings.dialling.agent_seconds),
                caller_id=_shown(settings),
                variables={
                    "HOTLINE_REFERENCE": reference,
                    "PJSIP_HEADER(add,X-Hotline-Reference)": reference,
                },
            )
            await self.ari.channels.originate_with_id(leg_name(attempt, "agent"), leg)

    async def ring_number(self, attempt: str, number: Sensitive[str]) -> None:
        """By the trunk, under the name that the carrier knows us by."""
        settings = self.settings()
        trunk = f"{TRUNK_ENDPOINT}{settings.dialling.trunk}"
        leg = Leg(
            endpoint=f"PJSIP/{trunk}/sip:{number.reveal()}@{settings.dialling_server}",
            app=settings.ari_app,
            originator=None,
            ring_seconds=round(settings.dialling.number_seconds),
            caller_id=_shown(settings),
            variables={},
        )
        with _faults():
            with suppress(ChannelGone):  # the line itself speaks, or the agent has just gone
                await self.ari.channels.ring(leg_name(attempt, "agent"))
            await self.ari.channels.originate_with_id(leg_name(attempt, "number"), leg)

    async def say_it_is_recorded(self, attempt: str) -> None:
        """After the line's own name: who is called does not know yet who it is."""
        with _faults():
            line = ChannelLine(self.ari, leg_name(attempt, "number"))
            await line.play(self.announcement())

    async def channel(self, attempt: str) -> str:
        """As its channel tells."""
        with _faults():
            return (await self.ari.channels.get(leg_name(attempt, "number"))).name

    async def join(self, attempt: str) -> bool:
        """A bridge of the try's own name."""
        agent, number = leg_name(attempt, "agent"), leg_name(attempt, "number")
        with _faults():
            try:
                await self.ari.channels.ring_stop(agent)
                await self.ari.bridges.create_with_id(bridge_name(attempt))
                await self.ari.bridges.add_channel(bridge_name(attempt), agent)
                await self.ari.bridges.add_channel(bridge_name(attempt), number)
            except ChannelGone:
                return False
        return True

    async def stop(self, attempt: str) -> None:
        """All three, each whatever became of the one before; what is gone is as good as stopped.

        What Asterisk does not do now is left to a second look.
        """
        for side in SIDES:
            with letting_go(self.doubt):
                await self.ari.channels.hangup(leg_name(attempt, side))
        with letting_go(self.doubt):
            await self.ari.bridges.destroy(bridge_name(attempt))


def held(channels: Iterable[Channel], bridges: Iterable[Bridge]) -> Held:
    """What Asterisk's lists have of tries."""
    channels, bridges = tuple(channels), tuple(bridges)
    ours = [*(each.id for each in channels), *(each.id for each in bridges)]
    answered = {each.id: each.created for each in channels if each.state == "Up"}
    names = map(attempt_of, ours)
    return Held(
        frozenset(name for name in names if name is not None),
        {
            name: bridge.created
            for bridge in bridges
            if (name := attempt_of(bridge.id)) is not None
            and {leg_name(name, "agent"), leg_name(name, "number")} <= bridge.channels
        },
        {
            name: answered[leg]
            for name in filter(None, map(attempt_of, answered))
            if (leg := leg_name(name, "number")) in answered
        },
    )


def _shown(settings: Settings) -> Sensitive[str]:
    number = settings.dialling.shown
    return Sensitive(f'"{number}" <{number}>')


@contextmanager
def _faults(refusal: type[DiallingFailed] = DiallingFailed) -> Iterator[None]:
    """`refusal`: what it means that Asterisk, which can be asked, would not."""
    try:
        yield
    except Unreachable as lost:
        raise DiallingFailed(str(lost)) from lost
    except AriError as refused:
        raise refusal(str(refused)) from refused
