"""Calls survive the program: `ivr serve` is killed, hung, told to stop, or relieved in mid-call."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager

import pytest

from ivr.supervisor import Program
from tests.live.conftest import Caller, LiveLine
from tests.live.faults import Supervised, kill, supervised
from tests.live.measured import measured
from tests.live.test_agents import agent_phone, ask_for_an_agent, tone, until
from tests.live.test_balance import to_the_question

pytestmark = pytest.mark.live

NUMBER = "990102200012120127"
MOST_SILENCE_SECONDS = 3.0


def lives(line: LiveLine) -> bool:
    try:
        url = f"http://127.0.0.1:{line.settings.http_port}/livez"
        return bool(urllib.request.urlopen(url, timeout=2).status == 200)
    except OSError:
        return False


@contextmanager
def service_kept(line: LiveLine) -> Iterator[Supervised]:
    """The service under the supervisor that `ivr run` has."""
    ours = [f"{name}={value}" for name, value in line.env.items() if name.startswith("IVR_")]
    command = ["env", *ours, sys.executable, "-m", "ivr.cli", "serve"]
    output = line.settings.home / "service.out"
    with supervised(Program("service", lambda: command, output, lambda: lives(line))) as one:
        line.wait_until_healthy()
        yield one


@contextmanager
def slow_accounts(line: LiveLine) -> Iterator[None]:
    """Look-ups wait as long as this lasts."""
    with closing(sqlite3.connect(line.settings.home / "accounts.sqlite")) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.rollback()


# --- where callers stand, and what they are asked there when they are asked again ---------------


async def at_the_main_menu(caller: Caller) -> str:
    await caller.hears_begin("main.menu")
    return "main.menu"


async def in_the_middle_of_the_number(caller: Caller) -> str:
    await to_the_question(caller, "1")
    caller.phone.press(NUMBER[:9])
    return "identity.ask"


async def in_the_readout(caller: Caller) -> str:
    await to_the_question(caller, "1")
    caller.phone.press(NUMBER)
    await caller.hears_begin("account.readout.1")
    return "identity.ask"


async def at_an_information_leaf(caller: Caller) -> str:
    await caller.hears_begin("main.greeting")
    caller.phone.press("411")
    await caller.hears_begin("information.4.1.1")
    return "information.4.1.1"


async def waiting_for_an_agent(caller: Caller) -> str:
    await ask_for_an_agent(caller)
    await caller.hears_begin("music.hold")
    return "agent.transferring"


Place = Callable[[Caller], Awaitable[str]]
PLACES: list[Place] = [
    at_the_main_menu,
    in_the_middle_of_the_number,
    in_the_readout,
    at_an_information_leaf,
    waiting_for_an_agent,
]


async def goes_on(caller: Caller, question: str, killed: float) -> float:
    """Hears 抱歉让您久等了 and then the question; returns the longest silence since the kill."""
    before = sum(clip.name == question for clip in caller.heard())
    await caller.hears_begin("line.sorry_wait")
    silence = caller.phone.heard.silence_after(killed)
    await caller.hears_begin(question, times=before + 1)
    names = [clip.name for clip in caller.heard()]
    sorry = names.index("line.sorry_wait")
    assert names[sorry + 1] == question
    assert not caller.phone.ended.is_set(), "the caller was cut off"
    return silence


def sessions_are_whole(line: LiveLine, since: int) -> None:
    """Each call is one session in the records, with one beginning and one end."""
    facts = line.facts()[since:]
    sessions = {fact["session"] for fact in facts if fact["fact"] == "SessionResumed"}
    for session in sessions:
        kinds = [fact["fact"] for fact in facts if fact.get("session") == session]
        assert kinds.count("SessionStarted") == kinds.count("SessionEnded") == 1
        steps = [fact["n"] for fact in facts if fact.get("session") == session and "n" in fact]
        assert steps == sorted(set(steps)), "steps were counted anew"
    channels = [fact["channel"] for fact in facts if fact["fact"] == "SessionStarted"]
    assert len(channels) == len(set(channels))


def test_a_service_that_is_killed_at_every_dialogue_goes_on_there_with_an_apology(
    bare_line: LiveLine,
) -> None:
    line = bare_line

    async def story() -> None:
        async with AsyncExitStack() as calls:
            desks = line.settings.agents.phones
            talking = await calls.enter_async_context(agent_phone(line, desks[0], "answer"))
            talker = await calls.enter_async_context(line.call())
            await ask_for_an_agent(talker)
            await until(talking.answered.is_set)
            await calls.enter_async_context(agent_phone(line, desks[1], "ring"))
            callers = [await calls.enter_async_context(line.call()) for _ in PLACES]
            questions = await asyncio.gather(
                *(place(caller) for place, caller in zip(PLACES, callers, strict=True))
            )
            asker = await calls.enter_async_context(line.call())
            await to_the_question(asker, "2")
            with slow_accounts(line):
                asker.phone.press(NUMBER)
                await asyncio.sleep(4.0)  # all keys are sent, the look-up waits
                before = len(talker.heard())
                killed = time.monotonic()
                kill(service.pid)
            silences = await asyncio.gather(
                *(
                    goes_on(caller, question, killed)
                    for caller, question in zip(
                        [*callers, asker], [*questions, "identity.ask"], strict=True
                    )
                )
            )
            measured("kill -9: longest silence of a caller (s)", max(silences))
            assert max(silences) <= MOST_SILENCE_SECONDS
            talking.speak(tone(line))
            await talker.hears("survey.thanks")
            assert [clip.name for clip in talker.heard()[before:]] == ["survey.thanks"]
            callers[1].phone.press(NUMBER)
            await callers[1].hears("account.readout.1")
        await line.settled()

    since = len(line.facts())
    with service_kept(line) as service:
        asyncio.run(story())
    sessions_are_whole(line, since)
    assert line.ari("bridges") == []
