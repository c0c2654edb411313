"""Callers as they are: on hold, in a hurry, two at once, on keypads with more keys than ours."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.speech.prompts import PromptSet
from tests.lifecycle.test_precedence import skip_where_nobody_may_come_first
from tests.live.conftest import AGENTS, Caller, LiveLine, a_line
from tests.live.phone import Phone
from tests.live.test_agents import agent_phone, ask_for_an_agent, heart, tone, transfers, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NUMBER = "990102200012120127"
PAUSE_SECONDS = 1.0
PATIENCE = {"answer_pause_ms": PAUSE_SECONDS * 1000, "first_key_seconds": 3}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[LiveLine]:
    """A line that waits for nobody long, lets all phones ring at once, and comes first."""
    home = tmp_path_factory.mktemp("manners")
    agents = {**AGENTS, "strategy": "all_at_once", "ring_seconds": 40}
    with a_line(home, whole_set, agents=agents, patience=PATIENCE, realtime=True) as line:
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


def test_calls_come_before_everything_else_on_the_machine(hurried: LiveLine) -> None:
    skip_where_nobody_may_come_first()
    assert hurried.asterisk is not None
    assert hurried.service is not None
    of_asterisk = [int(task.name) for task in Path(f"/proc/{hurried.asterisk.pid}/task").iterdir()]
    policies = {os.sched_getscheduler(task) for task in (*of_asterisk, hurried.service.pid)}
    assert policies == {os.SCHED_RR}


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


async def talks(line: LiveLine, phone: Phone) -> None:
    """Until the caller hears an agent, who says the same again and again."""
    await until(lambda: heart(tone(line)) in phone.heard.audio)


async def speaks(line: LiveLine, agent: Phone) -> None:
    """For as long as it takes."""
    while True:
        agent.speak(tone(line))
        await asyncio.sleep(len(tone(line)) / 8000)


@pytest.mark.parametrize("apart", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("rings", [(1.0, 1.0), (1.0, 6.0)], ids=["same moment", "one by one"])
def test_with_two_idle_agents_each_of_two_callers_gets_one(
    hurried: LiveLine, apart: float, rings: tuple[float, float]
) -> None:
    async def wants(after: float) -> None:
        await asyncio.sleep(after)
        async with hurried.call() as caller:
            await ask_for_an_agent(caller)
            await talks(hurried, caller.phone)
            heard_by_agents.append(caller)
            await until(lambda: len(heard_by_agents) == 2)

    heard_by_agents: list[Caller] = []

    async def story() -> None:
        one, other = hurried.settings.agents.phones[:2]
        async with (
            agent_phone(hurried, one, "answer") as left,
            agent_phone(hurried, other, "answer") as right,
        ):
            left.ring_seconds, right.ring_seconds = rings
            speaking = [asyncio.create_task(speaks(hurried, agent)) for agent in (left, right)]
            await asyncio.gather(wants(0.0), wants(apart))
            for task in speaking:
                task.cancel()
        await hurried.settled()

    before = len(transfers(hurried))
    asyncio.run(story())
    talked = transfers(hurried)[before:]
    assert [fact["outcome"] for fact in talked] == ["answered"] * 2
    assert len({fact["agent"] for fact in talked}) == 2


# --- hold --------------------------------------------------------------------------------------


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
