"""A conversation, as long as it lasts: what happens to its phones, and what is ordered at desks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ivr.agents.exchange import Talk
from ivr.calls.call import Call
from ivr.calls.inbox import LegGone, Ordered, Parted, PickedUp
from ivr.config import Agent
from ivr.desk.conversation import Afterwards, Conversation
from ivr.recordings.taping import Recorder

NEWS_SECONDS = 3600.0
"""A conversation has no limit; its end is waited for in stretches of this length."""


def conversation(call: Call, leg: str, agent: Agent, room: str = "") -> Conversation:
    """One that begins with this agent; `room`: where it has not the name of `leg`."""
    return Conversation(
        session=call.session,
        exchange=call.exchange,
        switchboard=call.means.switchboard,
        note=call.note,
        screen=call.trail.screen,
        room=leg,
        inside={leg: agent},
        recorder=_recorder(call, room or leg),
    )


def _recorder(call: Call, room: str) -> Recorder | None:
    """Only who has heard that the call is recorded is recorded; what was begun goes on."""
    means, settings = call.means, call.means.settings.recordings
    if (slip := means.tapes.found(call.session, room)) is not None:
        return Recorder.of_found(means.tapes, call.tape, slip, settings.pause_seconds)
    if not (settings.talks and call.knows_of_tape):
        return None
    return Recorder(means.tapes, call.tape, call.session, room, settings.pause_seconds)


async def talk(call: Call, conversation: Conversation, found: Talk | None = None) -> Afterwards:
    """Until the last agent hangs up, passes the caller on, or somebody takes them apart."""
    with _going_on(call, conversation):
        conversation.begin()
        if found is not None:
            await conversation.find(found)
            if conversation.recorder is not None:
                await conversation.recorder.find()
        while (over := conversation.over) is None:
            await conversation.be_recorded()
            match await call.inbox.get(_until(conversation)):
                case PickedUp(leg):
                    await conversation.picked_up(leg)
                case LegGone(leg, _, vanished):
                    await conversation.gone(leg, vanished=vanished)
                case Parted(bridge, who):
                    await conversation.parted(bridge, who)
                case Ordered(order):
                    await conversation.order(order)
    return over


def _until(conversation: Conversation) -> float:
    """When to look again though nothing has happened."""
    recorder = conversation.recorder
    looked = asyncio.get_running_loop().time() + NEWS_SECONDS
    return looked if recorder is None else min(looked, recorder.until())


@contextmanager
def _going_on(call: Call, conversation: Conversation) -> Iterator[None]:
    """Desks find it here meanwhile."""
    call.talk = conversation
    try:
        yield
    finally:
        call.talk, call.served_by = None, conversation.agent.name
        conversation.let_go()
