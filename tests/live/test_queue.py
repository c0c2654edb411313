"""Five callers and two SIP agents: each heard at the right place, and told the right thing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from ivr.speech import prompts
from tests.live.conftest import AGENTS, Caller, LiveLine, a_line
from tests.live.phone import Phone
from tests.live.test_agents import (
    agent_phone,
    ask_for_an_agent,
    heart,
    nothing_is_left,
    tone,
    transfers,
)

pytestmark = pytest.mark.live

BRISK = {**AGENTS, "queue_announce_seconds": 3, "contentment": False, "strategy": "longest_idle"}


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: prompts.PromptSet
) -> Iterator[LiveLine]:
    with a_line(tmp_path_factory.mktemp("queue"), whole_set, agents=BRISK) as line:
        line.start_service()
        yield line


@asynccontextmanager
async def both_agents(line: LiveLine) -> AsyncIterator[list[Phone]]:
    async with AsyncExitStack() as stack:
        phones = line.settings.agents.phones
        yield [
            await stack.enter_async_context(agent_phone(line, agent, "answer")) for agent in phones
        ]


async def talks(line: LiveLine, caller: Caller, agents: list[Phone]) -> Phone:
    """Until what the caller says is heard by one of the agents; which one."""
    for agent in agents:
        agent.heard.audio.clear()
    while not (heard := [a for a in agents if heart(tone(line)) in a.heard.audio]):
        caller.phone.speak(tone(line))
        await caller.phone.spoken()
        await asyncio.sleep(0.2)
    return heard[0]


async def waits(line: LiveLine, caller: Caller, ahead: int) -> None:
    """Asks for an agent, and hears how many are before."""
    await ask_for_an_agent(caller)
    if ahead == 0:
        await caller.hears("queue.next")
    else:
        await caller.hears_begin(line.reading("persons", str(ahead), ends=False)[0])


@pytest.mark.parametrize("killed", [False, True], ids=["undisturbed", "service killed"])
def test_five_callers_and_two_agents(line: LiveLine, killed: bool) -> None:
    before = len(transfers(line))

    async def story() -> None:
        async with AsyncExitStack() as stack:
            agents = await stack.enter_async_context(both_agents(line))
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
