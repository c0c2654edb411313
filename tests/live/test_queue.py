"""Five callers, an agent with a telephone and one in a browser: each hears who is meant."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

import pytest
from playwright.async_api import TimeoutError as PatienceOver

from ivr.speech import prompts
from ivr.upkeep.doctor import network_addresses
from tests.live.conftest import AGENTS, Caller, LiveLine
from tests.live.phone import Phone
from tests.live.test_agents import (
    agent_phone,
    ask_for_an_agent,
    heart,
    nothing_is_left,
    tone,
    transfers,
)
from tests.live.test_browser_phone import Console, a_browser
from tests.live.test_desk_phone import Seat, a_desk, seated

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

BRISK = {**AGENTS, "queue_announce_seconds": 3, "contentment": False, "strategy": "longest_idle"}
IN_BROWSER = "二号坐席"


class Served(Protocol):
    """An agent, whatever telephone it is."""

    async def heard(self) -> bytes:
        """What has come in since the last time, A-law."""

    async def hang_up(self) -> None:
        """The conversation is over for this agent."""


class OnPhone:
    """An agent with a telephone."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self.hang_up = phone.hang_up

    async def heard(self) -> bytes:
        audio = bytes(self._phone.heard.audio)
        self._phone.heard.audio.clear()
        return audio


class AtDesk:
    """An agent whose telephone is the page 坐席, and who answers whatever rings."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    async def answers(self) -> None:
        while True:
            with suppress(PatienceOver):
                await self._seat.is_told("来电：")
                await self._seat.page.keyboard.press("F2")
                await self._seat.is_told("通话中")

    async def heard(self) -> bytes:
        return base64.b64decode(
            await self._seat.page.evaluate("btoa(window.heard.splice(0).join(''))")
        )

    async def hang_up(self) -> None:
        await self._seat.page.keyboard.press("F9")


@pytest.fixture(scope="module")
def console(
    tmp_path_factory: pytest.TempPathFactory, whole_set: prompts.PromptSet
) -> Iterator[Console]:
    with a_desk(tmp_path_factory.mktemp("queue"), whole_set, IN_BROWSER, BRISK) as console:
        yield console


@asynccontextmanager
async def both_agents(console: Console) -> AsyncIterator[list[Served]]:
    """In the browser where this machine can: there neither speaks by lo."""
    first, second = console.line.settings.agents.phones
    async with AsyncExitStack() as stack:
        agents = [await stack.enter_async_context(agent_phone(console.line, first, "answer"))]
        if not network_addresses():
            agents.append(
                await stack.enter_async_context(agent_phone(console.line, second, "answer"))
            )
            yield [OnPhone(agent) for agent in agents]
            return
        browser = await stack.enter_async_context(a_browser())
        seat = await stack.enter_async_context(seated(browser, console, IN_BROWSER))
        await seat.turns_on()
        desk = AtDesk(seat)
        answering = asyncio.create_task(desk.answers())
        stack.callback(answering.cancel)
        yield [OnPhone(agents[0]), desk]


async def talks(line: LiveLine, caller: Caller, agents: list[Served]) -> Served:
    """Until what the caller says is heard by one of the agents; which one."""
    told = heart(tone(line))
    ears = dict.fromkeys(agents, b"")
    while True:
        for agent in agents:
            ears[agent] += await agent.heard()
            if told in ears[agent]:
                return agent
        caller.phone.speak(tone(line))
        await caller.phone.spoken()
        await asyncio.sleep(0.2)


async def waits(line: LiveLine, caller: Caller, ahead: int) -> None:
    """Asks for an agent, and hears how many are before."""
    await ask_for_an_agent(caller)
    if ahead == 0:
        await caller.hears("queue.next")
    else:
        await caller.hears_begin(line.reading("persons", str(ahead), ends=False)[0])


@pytest.mark.parametrize("killed", [False, True], ids=["undisturbed", "service killed"])
def test_five_callers_and_two_agents(console: Console, killed: bool) -> None:
    line = console.line
    before = len(transfers(line))

    async def story() -> None:
        async with AsyncExitStack() as stack:
            agents = await stack.enter_async_context(both_agents(console))
            callers = [await stack.enter_async_context(line.call()) for _ in range(5)]
            served = []
            for caller in callers[:2]:
                await ask_for_an_agent(caller)
                served.append(await talks(line, caller, agents))
            assert served[0] is not served[1]
            for ahead, caller in enumerate(callers[2:]):
                await waits(line, caller, ahead)
            if killed:
                line.kill_service()
                await asyncio.to_thread(line.start_service)
                for caller in callers[2:]:
                    await caller.hears("line.sorry_wait")
            await served[1].hang_up()
            assert await talks(line, callers[2], agents) is served[1]
            await callers[3].hears("queue.next")
            await served[0].hang_up()
            assert await talks(line, callers[3], agents) is served[0]
            await callers[4].hears("queue.next")
            await served[1].hang_up()
            assert await talks(line, callers[4], agents) is served[1]
            for caller in callers[:3]:
                await caller.hears("agent.ended")
                assert not caller.phone.ended.is_set()
        await line.settled()
        nothing_is_left(line)

    asyncio.run(story())
    outcomes = [fact["outcome"] for fact in transfers(line)[before:]]
    assert outcomes == ["answered"] * 5
    entered = [fact for fact in line.facts() if fact["fact"] == "QueueEntered"]
    assert len(entered) == (10 if killed else 5), "nobody has taken a place twice"
