"""Many callers at once, callers who hang up at any moment, and a service that dies under them."""

from __future__ import annotations

import asyncio

import pytest

from ivr.probe.ear import HeardClip
from tests.live.conftest import HANGING_SECONDS, Caller, LiveLine
from tests.live.phone import Phone
from tests.live.test_balance import fund_readout, to_the_question

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

PEOPLE = [
    ("990101199001010019", "2026-10", "1200.00", "56000.00"),
    ("990102200012120127", "2026-10", "1680.32", "12345.67"),
    ("990203197811071111", "2026-09", "800.00", "0.00"),
    ("11010519491231002*", "2026-10", "2400.00", "100500.05"),
]

REFUSALS = {"identity.wrong_number.1", "identity.wrong_number_again.1", "identity.wrong_length"}


def named(caller: Caller) -> list[str]:
    return [clip.name for clip in caller.heard()]


async def read_out(caller: Caller, keys: str) -> list[HeardClip]:
    """Key an ID number, and again when it is refused, as a caller does.

    Twenty telephones in one Python send their keys late now and then, and Asterisk doubles one.
    """
    refused = 0
    while True:
        caller.phone.press(keys)
        while sum(map(REFUSALS.__contains__, names := named(caller))) == refused:
            if "nav.replay_back_agent" in names:
                return await caller.hears("nav.replay_back_agent")
            await asyncio.sleep(0.2)
        refused += 1
        await caller.hears_begin("identity.ask", times=1 + refused)


def test_twenty_callers_hear_their_own_balances(line: LiveLine) -> None:
    async def one(which: int) -> None:
        keys, paid_to, deposit, balance = PEOPLE[which % len(PEOPLE)]
        async with line.call() as caller:
            await to_the_question(caller, "1")
            heard = await read_out(caller, keys)
        number = keys.replace("*", "X")
        readout = fund_readout(line, number, paid_to, deposit, balance)
        names = [clip.name for clip in heard]
        assert names[-len(readout) - 1 : -1] == readout

    async def story() -> None:
        await asyncio.gather(*(one(which) for which in range(20)))
        await line.settled()

    asyncio.run(story())


def test_hanging_up_at_any_moment_leaves_nothing(line: LiveLine) -> None:
    before = len(line.facts())

    async def one(seconds: float) -> None:
        async with Phone.open(line.settings.sip_port) as phone:
            await phone.dial("12329")
            phone.press("11990101199001010019")
            await asyncio.sleep(seconds)

    async def story() -> None:
        await asyncio.gather(*(one(0.25 * step) for step in range(24)))
        await line.settled()

    asyncio.run(story())
    ended = [fact for fact in line.facts()[before:] if fact["fact"] == "SessionEnded"]
    assert len(ended) == 24
    assert {fact["disposition"] for fact in ended} == {"hung_up"}
    assert line.health()["calls"] == 0


def test_a_killed_service_takes_up_its_calls_again(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await to_the_question(caller, "1")
            line.kill_service()
            async with line.call() as newcomer:  # nobody is there: Asterisk apologises by itself
                await newcomer.hears(line.ear.alias["line.apology"])
                await newcomer.phone.wait_for_end(within=HANGING_SECONDS)
            line.start_service()
            await caller.hears("line.sorry_wait")
            await caller.hears("identity.ask")
            caller.phone.press("990101199001010019")
            await caller.hears("nav.replay_back_agent")
        await line.settled()

    asyncio.run(story())
    sessions = [fact["session"] for fact in line.facts() if fact["fact"] == "SessionResumed"]
    assert len(sessions) == 1
    kinds = [fact["fact"] for fact in line.facts() if fact.get("session") == sessions[0]]
    assert kinds.count("SessionStarted") == kinds.count("SessionEnded") == 1


def test_a_session_whose_caller_left_meanwhile_is_closed(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            line.kill_service()
        line.start_service()
        await line.settled()

    asyncio.run(story())
    last = [fact for fact in line.facts() if fact["fact"] == "SessionEnded"][-1]
    assert last["disposition"] == "service_lost"
    assert last["dialogue"] == "main"
