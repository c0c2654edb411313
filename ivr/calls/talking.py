"""A conversation, as long as it lasts: what happens to its phones, and what is ordered at desks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ivr.agents.exchange import Talk
from ivr.agents.notes import Talked
from ivr.calls.call import Call
from ivr.calls.inbox import CallerBack, LegGone, Ordered, Parted, PickedUp
from ivr.config import Agent
from ivr.desk.conversation import Conversation
from ivr.desk.members import Members
from ivr.desk.orders import Afterwards
from ivr.desk.room import Room
from ivr.recordings.taping import Recorder

NEWS_SECONDS = 3600.0
"""A conversation has no limit; its end is waited for in stretches of this length."""


def conversation(call: Call, leg: str, agent: Agent, bridge: str) -> Conversation:
    """One that begins with this agent, in the room of that name."""
    members = Members(call.means.switchboard, {leg: agent}, partial(talked, call))
    room = Room(
        bridge,
        call.exchange,
        members,
        call.trail.screen,
        _recorder(call, bridge),
        caller_is_away=lambda: call.inbox.is_held,
    )
    return Conversation(call.session, room, call.note)


def _recorder(call: Call, room: str) -> Recorder | None:
    """Only who has heard that the call is recorded is recorded; what was begun goes on."""
    means, settings = call.means, call.means.settings.recordings
    if (slip := means.tapes.found(call.session, room)) is not None:
        return Recorder.of_found(means.tapes, call.tape, slip, settings.pause_seconds)
    if not (settings.talks and call.knows_of_tape):
        return None
    return Recorder(means.tapes, call.tape, call.session, room, settings.pause_seconds)


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
            if conversation.room.recorder is not None:
                await conversation.room.recorder.find()
        else:
            await conversation.room.await_caller()
        while (over := conversation.over) is None:
            await conversation.room.be_recorded()
            match await call.inbox.get(_until(conversation.room)):
                case PickedUp(leg):
                    await conversation.picked_up(leg)
                case LegGone(leg, _, vanished):
                    await conversation.gone(leg, vanished=vanished)
                case Parted(bridge, who):
                    await conversation.parted(bridge, who)
                case Ordered(order):
                    await conversation.order(order)
                case CallerBack():
                    await conversation.room.caller_is_back()
    return over


def _until(room: Room) -> float:
    """When to look again though nothing has happened."""
    looked = asyncio.get_running_loop().time() + NEWS_SECONDS
    return looked if room.recorder is None else min(looked, room.recorder.until())


@contextmanager
def _going_on(call: Call, conversation: Conversation) -> Iterator[None]:
    """Desks find it here meanwhile."""
    call.talk = conversation
    try:
        yield
    finally:
        call.talk, call.served_by = None, conversation.members.agent.name
        conversation.members.let_go()
