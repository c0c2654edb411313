"""A conversation, as long as it lasts: what happens to its phones, and what is ordered at desks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ivr.agents.exchange import Talk
from ivr.agents.notes import Talked
from ivr.calls.call import Call
from ivr.calls.inbox import LegGone, Ordered, Parted, PickedUp
from ivr.config import Agent
from ivr.desk.conversation import Conversation
from ivr.desk.members import Members
from ivr.desk.orders import Afterwards
from ivr.desk.room import Room

NEWS_SECONDS = 3600.0
"""A conversation has no limit; its end is waited for in stretches of this length."""


def conversation(call: Call, leg: str, agent: Agent) -> Conversation:
    """One that begins with this agent."""
    members = Members(call.means.switchboard, {leg: agent}, partial(talked, call))
    room = Room(leg, call.exchange, members, call.trail.screen)
    return Conversation(call.session, room, call.note)


def talked(call: Call, leg: str) -> Talked:
    """Whose call an agent has by that leg."""
    trail = call.trail
    return Talked(leg, call.session, trail.person, call.vouched, trail.skill)


async def talk(call: Call, conversation: Conversation, found: Talk | None = None) -> Afterwards:
    """Until the last agent hangs up, passes the caller on, or somebody takes them apart."""
    with _going_on(call, conversation):
        conversation.begin()
        if found is not None:
            await conversation.find(found)
        while (over := conversation.over) is None:
            match await call.inbox.get(asyncio.get_running_loop().time() + NEWS_SECONDS):
                case PickedUp(leg):
                    await conversation.picked_up(leg)
                case LegGone(leg, _, vanished):
                    await conversation.gone(leg, vanished=vanished)
                case Parted(bridge, who):
                    await conversation.parted(bridge, who)
                case Ordered(order):
                    await conversation.order(order)
    return over


@contextmanager
def _going_on(call: Call, conversation: Conversation) -> Iterator[None]:
    """Desks find it here meanwhile."""
    call.talk = conversation
    try:
        yield
    finally:
        call.talk, call.served_by = None, conversation.members.agent.name
        conversation.members.let_go()
