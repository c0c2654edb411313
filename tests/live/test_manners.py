"""Callers as they are: on hold, in a hurry, two at once, on keypads with more keys than ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from ivr.speech.prompts import PromptSet
from tests.live.conftest import AGENTS, Caller, LiveLine, a_line
from tests.live.listening import Listener
from tests.live.phone import Phone
from tests.live.test_agents import agent_phone, ask_for_an_agent, first, heart, tone, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NUMBER = "990102200012120127"
PAUSE_SECONDS = 1.0
PATIENCE = {"answer_pause_ms": PAUSE_SECONDS * 1000, "first_key_seconds": 3}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[LiveLine]:
    """A line that waits for nobody long, and lets all phones ring at once."""
    home = tmp_path_factory.mktemp("manners")
    agents = {**AGENTS, "strategy": "all_at_once", "ring_seconds": 20}
    with a_line(home, whole_set, agents=agents, patience=PATIENCE) as line:
        line.start_service()
        yield line


# --- the first words ---------------------------------------------------------------------------


def test_the_line_pauses_before_its_first_word(hurried: LiveLine) -> None:
    """Some trunks open late; what is pressed meanwhile counts."""

    async def story() -> None:
        async with Phone.open(hurried.settings.sip_port) as phone:
            assert await phone.dial("12329") == 200
            answered = time.monotonic()
            caller = Caller(hurried, phone)
            await caller.hears_begin("main.greeting")
            (greeting, *_) = caller.heard()
            assert phone.heard.when(greeting.at) - answered > PAUSE_SECONDS - 0.1
        async with Phone.open(hurried.settings.sip_port) as phone:
            assert await phone.dial("12329") == 200
            phone.press("1")
            await Caller(hurried, phone).hears_begin("account.menu")
        await hurried.settled()

    asyncio.run(story())


# --- keys that no telephone has ----------------------------------------------------------------


@pytest.mark.parametrize("keys", [NUMBER[:-4] + "A0B1C2D7", "A" + NUMBER + "D"])
def test_tones_that_no_telephone_has_are_no_part_of_a_number(hurried: LiveLine, keys: str) -> None:
    async def story() -> None:
        async with hurried.call() as caller:
            await caller.hears_begin("main.greeting")
            caller.phone.press("A1D1")
            await caller.hears_begin("identity.ask")
            caller.phone.press(keys)
            await caller.hears_begin("account.readout.1")
        await hurried.settled()

    asyncio.run(story())


# --- two who want an agent ---------------------------------------------------------------------


@pytest.mark.parametrize("apart", [0.0, 1.5, 3.0])
def test_with_two_idle_agents_each_of_two_callers_gets_one(hurried: LiveLine, apart: float) -> None:
    async def wants(phone: Phone, after: float) -> None:
        await asyncio.sleep(after)
        caller = Caller(hurried, phone)
        assert await phone.dial("12329") == 200
        await ask_for_an_agent(caller)
        await until(lambda: heart(tone(hurried)) in phone.heard.audio)

    async def story() -> None:
        one, other = hurried.settings.agents.phones
        async with (
            agent_phone(hurried, one, "answer") as left,
            agent_phone(hurried, other, "answer") as right,
            Phone.open(hurried.settings.sip_port) as early,
            Phone.open(hurried.settings.sip_port) as late,
        ):
            for agent in (left, right):
                agent.ring_seconds = 4.0
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(wants(early, 0.0))
                tasks.create_task(wants(late, apart))
                for agent in (left, right):
                    await until(agent.answered.is_set)
                while not all(heart(tone(hurried)) in phone.heard.audio for phone in (early, late)):
                    for agent in (left, right):
                        agent.speak(tone(hurried))
                    await asyncio.sleep(len(tone(hurried)) / 8000)
        await hurried.settled()

    asyncio.run(story())
    transferred = [fact for fact in hurried.facts() if fact["fact"] == "Transferred"][-2:]
    assert [fact["outcome"] for fact in transferred] == ["answered"] * 2
    assert len({fact["agent"] for fact in transferred}) == 2


# --- hold --------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_an_agent_whom_the_caller_holds_hears_music(hurried: LiveLine, direction: str) -> None:
    async def story() -> None:
        async with (
            agent_phone(hurried, first(hurried), "answer") as agent,
            hurried.call() as caller,
        ):
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            held = await caller.phone.offer_anew(caller.phone.offer(direction=direction))
            assert held.status == 200
            agents_ear = Listener(hurried.ear)
            await until(lambda: "music.hold" in names(agents_ear, agent))
            await caller.phone.offer_anew(caller.phone.offer())
            caller.phone.speak(tone(hurried))
            await until(lambda: heart(tone(hurried)) in agent.heard.audio)
        await hurried.settled()

    asyncio.run(story())


def names(listener: Listener, phone: Phone) -> list[str]:
    return [clip.name for clip in listener.listen(bytes(phone.heard.audio))]


def test_a_caller_who_has_us_on_hold_is_where_he_was(hurried: LiveLine) -> None:
    """Longer than three silences would take; then the menu is said again and keys count."""

    async def story() -> None:
        async with hurried.call() as caller:
            await caller.hears_begin("main.menu")
            answer = await caller.phone.offer_anew(caller.phone.offer(direction="sendonly"))
            assert answer.status == 200
            await asyncio.sleep(50.0)
            assert not caller.phone.ended.is_set()
            assert not [clip for clip in caller.heard() if clip.name == "line.too_many"]
            await caller.phone.offer_anew(caller.phone.offer())
            caller.phone.press("1")
            await caller.hears_begin("account.menu")
        await hurried.settled()

    asyncio.run(story())
    assert [f["disposition"] for f in hurried.facts() if f["fact"] == "SessionEnded"][
        -1
    ] == "hung_up"
