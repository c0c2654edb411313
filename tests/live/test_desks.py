"""Agents sign in on their own SIP phones; a killed service forgets nobody; who is away is told."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.agents.book import Book
from ivr.agents.notes import Notes
from ivr.asterisk.configure import agent_password, desk_secret
from ivr.calls.pins import Pins
from ivr.config import Agent
from ivr.people.sensitive import Sensitive
from ivr.probe.sound import FRAME
from ivr.speech import prompts
from tests.live.conftest import AGENTS, HANGING_SECONDS, Caller, LiveLine, a_line
from tests.live.phone import Phone, hum, share_of
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
            ask(line, "6001", {"wish": "sign_in"}, about="")
            await until(lambda: state(line) == "free")
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await talk(line, agent)
                await until(lambda: state(line) == "talking")
                await line.service_anew()
                await until(lambda: state(line) == "talking")
                await agent.hang_up()
                await caller.hears("agent.ended")
            await until(lambda: state(line) == "free")
            await line.service_anew()
            async with line.call() as caller:
                await ask_for_an_agent(caller)
                await talk(line, agent)
        await line.settled()

    asyncio.run(story())


def test_who_lets_it_ring_twice_is_away_and_hears_so(line: LiveLine) -> None:
    async def story() -> None:
        async with agent_phone(line, first(line), "ring") as agent:
            ask(line, "6001", {"wish": "sign_in"}, about="")
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


# --- the call at the desk: who hears whom ---------------------------------------------------------

CALLER, FIRST, SECOND = 1050, 650, 1450
"""The tones, in hertz, by which each of the three is known."""
_HUM = {hertz: hum(hertz, 120) for hertz in (CALLER, FIRST, SECOND)}
_WINDOW_SECONDS = 0.5
"""So long is listened; who is alone in a room gets no sound at all."""


def ask(
    line: LiveLine, at: str, wanted: dict[str, str] | None, *, about: str = "/call"
) -> dict[str, Any]:
    """As the console does for who has signed in at that desk; without `wanted`: looks."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{line.settings.http_port}/desks{at and '/'}{at}{about}",
        data=None if wanted is None else json.dumps(wanted).encode(),
        headers={"X-Desk": desk_secret(line.settings)},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{wanted}: {refused.code} {refused.read().decode()}") from refused


async def order(line: LiveLine, deed: str, at: str = "6001", **more: str) -> None:
    assert await asyncio.to_thread(ask, line, at, {"deed": deed, **more}) == {"done": deed}


async def supervise(line: LiveLine, deed: str) -> None:
    """By 6002, in the conversation of 6001."""
    (talking,) = ask(line, "", None, about="")["talking"]
    await order(line, deed, at="6002", of="6001", session=talking["session"])


def lately(phone: Phone) -> bytes:
    """What came in within the last half second; nothing where no packets come."""
    since = time.monotonic() - _WINDOW_SECONDS
    begins = [at for at, came in phone.heard.arrivals[-50:] if came > since]
    return bytes(phone.heard.audio[begins[0] :]) if len(begins) > 1 else b""


async def hears_music(line: LiveLine, phone: Phone) -> None:
    """Until it hears music and nobody; the music goes on where it was stopped."""
    music = line.ear.sound("music.hold")
    await until(lambda: len(sound := lately(phone)) >= 5 * FRAME and sound[-5 * FRAME :] in music)


async def hears(phone: Phone, *tones: int) -> None:
    """Until exactly these of the three tones are in what the phone hears."""

    def heard() -> set[int]:
        sound = lately(phone)
        return {hertz for hertz in _HUM if share_of(hertz, sound) > 0.12}

    await until(lambda: heard() == set(tones))


@asynccontextmanager
async def two_agents(line: LiveLine) -> AsyncIterator[tuple[Phone, Phone]]:
    """Both registered and signed in; 6001 comes first and is rung for callers."""
    async with AsyncExitStack() as stack:
        for agent in line.settings.agents.phones:
            ask(line, agent.extension, {"wish": "sign_in"}, about="")
        first, second = [
            await stack.enter_async_context(agent_phone(line, agent, "answer"))
            for agent in line.settings.agents.phones
        ]
        yield first, second


@asynccontextmanager
async def talking(line: LiveLine) -> AsyncIterator[tuple[Caller, Phone, Phone]]:
    """A caller and 6001 who hum to each other; 6002 is free."""
    await until(lambda: state(line) in {"signed_out", "free", "away"})
    async with two_agents(line) as (first, second), line.call() as caller:
        await ask_for_an_agent(caller)
        await talk(line, first)
        caller.phone.speak(_HUM[CALLER])
        first.speak(_HUM[FIRST])
        await hears(caller.phone, FIRST)
        await hears(first, CALLER)
        yield caller, first, second


def test_held_asked_three_together_and_handed_over(line: LiveLine) -> None:
    async def story() -> None:
        async with talking(line) as (caller, first, second):
            await order(line, "hold")
            await hears(first)
            await hears_music(line, caller.phone)
            await order(line, "retrieve")
            await hears(first, CALLER)
            await hears(caller.phone, FIRST)
            await order(line, "mute")
            await hears(caller.phone)
            await hears(first, CALLER)
            await order(line, "unmute")
            await hears(caller.phone, FIRST)
            await order(line, "consult", to="6002")
            await until(second.answered.is_set)
            second.speak(_HUM[SECOND])
            await hears(first, SECOND)
            await hears(second, FIRST)
            await order(line, "join")
            await hears(caller.phone, FIRST, SECOND)
            await hears(first, CALLER, SECOND)
            await hears(second, CALLER, FIRST)
            await line.service_anew()
            await hears(second, CALLER, FIRST)
            await order(line, "hand_over")
            await first.wait_for_end(within=HANGING_SECONDS)
            await hears(caller.phone, SECOND)
            await hears(second, CALLER)
            await second.hang_up()
            await caller.hears_begin("contentment.menu")
        await line.settled()
        assert line.ari("bridges") == []

    asyncio.run(story())
    deeds = [fact["deed"] for fact in line.facts() if fact["fact"] == "DeskActed"]
    assert deeds == ["hold", "retrieve", "mute", "unmute", "consult", "join", "hand_over"]


def test_held_over_a_kill_then_passed_on_and_sent_back(line: LiveLine) -> None:
    async def story() -> None:
        async with talking(line) as (caller, first, second):
            await order(line, "hold")
            await line.service_anew()
            await hears(first)
            await order(line, "retrieve")
            await hears(first, CALLER)
            await order(line, "pass_on", to="6002")
            await first.wait_for_end(within=HANGING_SECONDS)
            await until(second.answered.is_set)
            second.speak(_HUM[SECOND])
            await hears(caller.phone, SECOND)
            await hears(second, CALLER)
            await order(line, "send_to", at="6002", place="contentment")
            await second.wait_for_end(within=HANGING_SECONDS)
            await caller.hears_begin("contentment.menu")
        await line.settled()
        assert line.ari("bridges") == []

    asyncio.run(story())


async def third(line: LiveLine, first: Phone, second: Phone) -> None:
    """6002 is asked, answers, and all three talk."""
    await until(lambda: state(line, "6002") in {"signed_out", "free"})
    before = len(second.incoming)
    await order(line, "consult", to="6002")
    await until(lambda: len(second.incoming) > before)
    await hears(second, FIRST)
    second.speak(_HUM[SECOND])
    await hears(first, SECOND)
    await order(line, "join")
    await hears(second, CALLER, FIRST)


@pytest.mark.timeout(300)
def test_keys_reach_the_caller_and_one_of_three_goes(line: LiveLine) -> None:
    async def story() -> None:
        async with talking(line) as (caller, first, second):
            await order(line, "keys", keys="42#")
            await until(lambda: caller.phone.keys_heard == "42#")
            await hears(first, CALLER)
            await third(line, first, second)
            await hears(caller.phone, FIRST, SECOND)
            await order(line, "drop")
            await second.wait_for_end(within=HANGING_SECONDS)
            await hears(caller.phone, FIRST)
            await hears(first, CALLER)
            await third(line, first, second)
            await first.hang_up()
            await hears(caller.phone, SECOND)
            await hears(second, CALLER)
            await second.hang_up()
            await caller.hears_begin("contentment.menu")
        await line.settled()
        assert line.ari("bridges") == []
        await writes_once(line)

    asyncio.run(story())


@pytest.mark.timeout(300)
def test_an_agents_phone_that_vanishes_costs_the_caller_no_place(line: LiveLine) -> None:
    """Not a word from it, as with an empty battery: the caller is told, and comes first again."""

    async def story() -> None:
        async with talking(line) as (caller, first, second):
            await order(line, "pass_on", to="6002")
            await first.wait_for_end(within=HANGING_SECONDS)
            await until(second.answered.is_set)
            rung = len(first.incoming)
            second.cut_off()
            await caller.hears("agent.cut_off")  # the session timer would take longer
            await until(lambda: len(first.incoming) > rung)
            first.speak(_HUM[FIRST])
            await hears(caller.phone, FIRST)
            await hears(first, CALLER)
            second.come_back()
        await line.settled()
        assert line.ari("bridges") == []

    asyncio.run(story())
    ends = [fact["outcome"] for fact in line.facts() if fact["fact"] == "Transferred"]
    assert ends[-3:] == ["answered"] * 3


async def writes_once(line: LiveLine) -> None:
    """The note of 6001, whose call is over: over a kill before it, and over one after it."""
    notes = Notes(line.settings.home, line.settings.node)
    await until(lambda: bool(notes.owed_by("6001", datetime.now(UTC))))
    talk = notes.owed_by("6001", datetime.now(UTC))[0].talked.talk
    note = {"talk": talk, "subject": line.settings.agents.subjects[0], "text": "已经办好"}
    for _ in range(2):
        await line.service_anew()
        await asyncio.to_thread(ask, line, "6001", note, about="/notes")
    facts = [fact for fact in line.facts() if fact["fact"] == "CallNoted"]
    assert [fact["talk"] for fact in facts] == [talk]
    assert "已经办好" not in json.dumps(line.facts(), ensure_ascii=False) + line.log()


def test_a_supervisor_hears_both_is_heard_by_the_agent_alone_and_takes_over(
    line: LiveLine,
) -> None:
    async def story() -> None:
        async with talking(line) as (caller, first, second):
            await supervise(line, "listen")
            await until(second.answered.is_set)
            second.speak(_HUM[SECOND])
            await hears(second, CALLER, FIRST)
            await hears(first, CALLER)
            await hears(caller.phone, FIRST)
            await supervise(line, "whisper")
            await hears(first, CALLER, SECOND)
            await hears(caller.phone, FIRST)
            await supervise(line, "hush")
            await hears(first, CALLER)
            await supervise(line, "take_over")
            await first.wait_for_end(within=HANGING_SECONDS)
            await hears(caller.phone, SECOND)
            await hears(second, CALLER)
            await second.hang_up()
            await caller.hears_begin("contentment.menu")
        await line.settled()
        assert line.ari("bridges") == []
        assert [each for each in line.ari("channels") if each["id"].startswith("ear.")] == []

    asyncio.run(story())
