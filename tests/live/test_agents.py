"""Key 0 with real SIP agents: they answer, are busy, do not answer, hang up first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from ivr.ari.client import Ari
from ivr.asterisk.configure import agent_password
from ivr.config import Agent
from ivr.probe.sound import FRAME
from tests.live.conftest import HANGING_SECONDS, Caller, LiveLine
from tests.live.phone import Phone

pytestmark = pytest.mark.live

TALK_SECONDS = 1.5


@asynccontextmanager
async def agent_phone(line: LiveLine, agent: Agent, policy: str) -> AsyncIterator[Phone]:
    """An agent's telephone, registered; gone from the registrar afterwards."""
    password = agent_password(agent, line.settings)
    async with Phone.open(line.settings.sip_port, user=agent.extension, password=password) as phone:
        phone.policy = policy
        await phone.register()
        try:
            yield phone
        except BaseException:  # what the line knew of this phone, beside what has failed
            with suppress(OSError):
                print(line.ari(f"endpoints/PJSIP/{agent.extension}"))
            print(line.log()[-3000:])
            raise
        await phone.unregister()


def first(line: LiveLine) -> Agent:
    return line.settings.agents.phones[0]


async def ask_for_an_agent(caller: Caller) -> None:
    await caller.hears_begin("main.greeting")
    caller.phone.press("0")
    await caller.hears("agent.waiting_hint")


async def until(holds: Callable[[], bool], within: float = HANGING_SECONDS) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.05)


def transfers(line: LiveLine) -> list[dict[str, Any]]:
    return [fact for fact in line.facts() if fact["fact"] == "Transferred"]


def nothing_is_left(line: LiveLine) -> None:
    assert line.ari("bridges") == []


def tone(line: LiveLine) -> bytes:
    """Speech that anyone recognises again: a prompt that is not played otherwise."""
    return line.ear.sound("survey.thanks")


def heart(sound: bytes) -> bytes:
    """A stretch from its middle: what is said before the bridge stands is lost."""
    middle = len(sound) // FRAME // 2
    return sound[middle * FRAME : (middle + 10) * FRAME]


def test_an_agent_answers_and_hangs_up_first(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent, line.call() as caller:
            agent.ring_seconds = 1.0
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            caller.phone.speak(tone(line))
            await until(lambda: heart(tone(line)) in agent.heard.audio)
            agent.speak(tone(line))
            await caller.hears("survey.thanks")
            await agent.hang_up()
            heard = await caller.hears("agent.ended")
            await caller.hears_begin("main.menu")
            names = [clip.name for clip in heard]
            assert names.index("music.hold") < names.index("survey.thanks")
        await line.settled()
        (invite,) = agent.incoming
        assert invite.headers["x-hotline-path"].endswith("agent")
        assert transfers(line)[-1]["outcome"] == "answered"
        assert transfers(line)[-1]["talk_ms"] > 0
        nothing_is_left(line)

    asyncio.run(story())


def test_a_bridge_that_somebody_else_destroys_leaves_neither_in_silence(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent, line.call() as caller:
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            caller.phone.speak(tone(line))
            await until(lambda: heart(tone(line)) in agent.heard.audio)
            settings = line.settings
            async with Ari(settings.ari_base, settings.ari_user, settings.ari_secret()) as ari:
                (bridge,) = await ari.bridges.list()
                await ari.bridges.destroy(bridge.id)
            await caller.hears("agent.ended")
            await agent.wait_for_end(within=HANGING_SECONDS)
            await caller.hears_begin("main.menu")
            caller.phone.press("7")
            await caller.hears("line.goodbye")
        await line.settled()
        nothing_is_left(line)

    asyncio.run(story())
    assert transfers(line)[-1]["outcome"] == "answered"


def test_music_plays_while_it_rings_and_a_caller_who_hangs_up_stops_the_phone(
    line: LiveLine,
) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "ring") as agent:
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await until(lambda: bool(agent.incoming))
                await caller.hears_begin("music.hold")
            await until(agent.cancelled.is_set, within=2.0)
        await line.settled()
        assert transfers(line)[-1]["outcome"] == "abandoned"
        nothing_is_left(line)

    asyncio.run(story())


def test_the_agents_phone_stops_at_once_when_the_caller_hangs_up(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent:
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await until(agent.answered.is_set)
                await asyncio.sleep(TALK_SECONDS)
            await agent.wait_for_end(within=2.0)
        await line.settled()
        assert transfers(line)[-1]["outcome"] == "answered"
        nothing_is_left(line)

    asyncio.run(story())


def test_star_gives_up_waiting(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "ring") as agent, line.call() as caller:
            await ask_for_an_agent(caller)
            await until(lambda: bool(agent.incoming))
            caller.phone.press("*")
            await until(agent.cancelled.is_set, within=2.0)
            await caller.hears("main.menu")
        await line.settled()
        assert transfers(line)[-1]["outcome"] == "abandoned"
        nothing_is_left(line)

    asyncio.run(story())


def test_who_finds_all_engaged_waits_in_the_queue(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "busy"), line.call() as caller:
            await ask_for_an_agent(caller)
            await caller.hears("queue.next")
            caller.phone.press("*")
            await caller.hears_begin("main.menu")
        await line.settled()
        assert transfers(line)[-1]["outcome"] == "abandoned"
        nothing_is_left(line)

    asyncio.run(story())


def test_no_answer_is_told_and_leads_back(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "ring"), line.call() as caller:
            await ask_for_an_agent(caller)
            await caller.hears("agent.no_answer")
            await caller.hears_begin("agent.leave_message_menu")
            caller.phone.press("*")
            await caller.hears_begin("main.menu")
        await line.settled()
        assert transfers(line)[-1]["outcome"] == "no_answer"
        nothing_is_left(line)

    asyncio.run(story())


def test_unregistered_phones_count_as_not_there(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await ask_for_an_agent(caller)
            await caller.hears("agent.no_answer")
            await caller.hears_begin("agent.leave_message_menu")
            caller.phone.press("1")
            await caller.hears_begin("feedback.message_warning")
        await line.settled()
        assert transfers(line)[-1]["outcome"] == "none_there"

    asyncio.run(story())


def test_a_conversation_survives_the_service(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent, line.call() as caller:
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            await asyncio.sleep(TALK_SECONDS)
            line.kill_service()
            await asyncio.to_thread(line.start_service)
            before = len(caller.heard())
            agent.speak(tone(line))
            await caller.hears("survey.thanks")
            since = [clip.name for clip in caller.heard()[before:]]
            assert since == ["survey.thanks"], "the caller noticed"
            assert not agent.ended.is_set()
            await agent.hang_up()
            await caller.hears("agent.ended")
        await line.settled()
        assert transfers(line)[-1]["outcome"] == "answered"
        assert transfers(line)[-1]["talk_ms"] > TALK_SECONDS * 1000
        nothing_is_left(line)

    asyncio.run(story())
