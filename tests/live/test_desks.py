"""Agents sign in on their own SIP phones; a killed service forgets nobody; who is away is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from ivr.agents.book import Book
from ivr.asterisk.configure import agent_password
from ivr.calls.pins import Pins
from ivr.config import Agent
from ivr.people.sensitive import Sensitive
from ivr.speech import prompts
from tests.live.conftest import AGENTS, Caller, LiveLine, a_line
from tests.live.phone import Phone
from tests.live.test_agents import agent_phone, ask_for_an_agent, until

pytestmark = pytest.mark.live

PIN, WRONG = "271828", "314159"


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: prompts.PromptSet
) -> Iterator[LiveLine]:
    """Agents sign in here, and have a moment for each call afterwards."""
    agents = {**AGENTS, "sign_in": True, "after_call_seconds": 2, "next_after_seconds": 2}
    home = tmp_path_factory.mktemp("desks")
    with a_line(home, whole_set, agents=agents) as made:
        Pins(home).choose("6001", Sensitive(PIN))
        made.start_service()
        yield made


def first(line: LiveLine) -> Agent:
    return line.settings.agents.phones[0]


def state(line: LiveLine, extension: str = "6001") -> str:
    """As it is written down: what a next service would know."""
    last = {each.extension: str(each.presence.state) for each in Book(line.settings.home).last()}
    return last.get(extension, "signed_out")


@asynccontextmanager
async def at_desk(line: LiveLine) -> AsyncIterator[Caller]:
    """The agent's own phone dials the desk code."""
    password = agent_password(first(line), line.settings)
    async with Phone.open(line.settings.sip_port, user="6001", password=password) as phone:
        assert await phone.dial("*9") == 200, line.log()
        yield Caller(line, phone)


async def talk(line: LiveLine, agent: Phone) -> None:
    """Until the two hear each other."""
    await until(agent.answered.is_set)
    await until(lambda: any(len(bridge["channels"]) == 2 for bridge in line.ari("bridges")))


async def signs_in(line: LiveLine, *, hears: str) -> None:
    async with at_desk(line) as desk:
        await desk.hears("attendance.ask_pin")
        desk.phone.press(PIN)
        await desk.hears(f"attendance.{hears}")
        await desk.hears_begin("attendance.menu")
        desk.phone.press("1")
        await desk.hears("attendance.free")
    await until(lambda: state(line) == "free")


def test_nobody_is_rung_who_has_not_signed_in_and_a_wrong_pin_does_not(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent:
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await caller.hears_begin("agent.no_answer")
            assert not agent.incoming
            async with at_desk(line) as desk:
                await desk.hears("attendance.ask_pin")
                desk.phone.press(WRONG)
                await desk.hears("attendance.wrong_pin")
            assert state(line) == "signed_out"
            await signs_in(line, hears="signed_out")
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await talk(line, agent)
                await agent.hang_up()
                await caller.hears("agent.ended")
        await line.settled()
        assert WRONG not in line.log()
        assert PIN not in line.log()

    asyncio.run(story())
    moves = [fact for fact in line.facts() if fact["fact"] == "AgentMoved"]
    told = [(each["was"], each["state"], each["by"]) for each in moves]
    assert told[:3] == [
        ("signed_out", "free", "phone"),
        ("free", "talking", "line"),
        ("talking", "wrap_up", "line"),
    ]


def test_a_service_that_is_killed_knows_who_was_signed_in_and_who_talks(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent:
            await until(lambda: state(line) == "free")
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await talk(line, agent)
                await until(lambda: state(line) == "talking")
                line.kill_service()
                line.start_service()
                await until(lambda: state(line) == "talking")
                await agent.hang_up()
                await caller.hears("agent.ended")
            await until(lambda: state(line) == "free")
            line.kill_service()
            line.start_service()
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await talk(line, agent)
        await line.settled()

    asyncio.run(story())


def test_who_lets_it_ring_twice_is_away_and_hears_so(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "ring") as agent:
            await until(lambda: state(line) == "free")
            for _ in range(2):
                async with line.call() as caller:
                    await ask_for_an_agent(caller)
                    await caller.hears_begin("agent.no_answer")
            assert state(line) == "away"
            rung = len(agent.incoming)
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await caller.hears_begin("agent.no_answer")
            assert len(agent.incoming) == rung, "nobody waits for who is away"
            await signs_in(line, hears="away")
        await line.settled()

    asyncio.run(story())
