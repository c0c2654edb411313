"""Calls survive the program: `ivr serve` is killed, hung, told to stop, or relieved in mid-call."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path

import pytest

from ivr.config import PROJECT
from ivr.lifecycle.succession import REPLACED
from ivr.speech.prompts import PromptSet
from ivr.upkeep import guardian
from ivr.upkeep.guardian import STRANDED_SECONDS, guard
from ivr.upkeep.supervisor import Program
from tests.live.conftest import HANGING_SECONDS, Caller, LiveLine
from tests.live.faults import Supervised, kill, stopped, supervised
from tests.live.measured import measured
from tests.live.phone import Phone
from tests.live.test_agents import agent_phone, ask_for_an_agent, tone, until
from tests.live.test_balance import to_the_question
from tests.live.test_feedback import SPOKEN, filed, kept, recorded, seconds_of

pytestmark = pytest.mark.live

NUMBER = "990102200012120127"


def lives(line: LiveLine) -> bool:
    try:
        url = f"http://127.0.0.1:{line.settings.http_port}/livez"
        return bool(urllib.request.urlopen(url, timeout=2).status == 200)
    except OSError:
        return False


@contextmanager
def service_kept(line: LiveLine) -> Iterator[Supervised]:
    """The service under the supervisor that `ivr run` has."""
    environment = {**line.env, "IVR_AGENTS__RING_SECONDS": "60"}
    ours = [f"{name}={value}" for name, value in environment.items() if name.startswith("IVR_")]
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


async def at_the_survey(caller: Caller) -> str:
    await caller.hears_begin("main.greeting")
    caller.phone.press("62" + NUMBER)
    await caller.hears_begin("survey.menu")
    return "survey.ask_id"


async def waiting_for_an_agent(caller: Caller) -> str:
    """Keeps the place, and hears music again; nobody says anew that an agent is asked for."""
    await ask_for_an_agent(caller)
    await caller.hears_begin("music.hold")
    return "music.hold"


Place = Callable[[Caller], Awaitable[str]]
PLACES: list[Place] = [
    at_the_main_menu,
    in_the_middle_of_the_number,
    in_the_readout,
    at_an_information_leaf,
    at_the_survey,
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
    bare_line: LiveLine, whole_set: PromptSet
) -> None:
    line = bare_line
    speech = Path(f"{whole_set.clips[SPOKEN].path}.alaw").read_bytes()

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
            speaker = await calls.enter_async_context(recorded(line))
            asker = await calls.enter_async_context(line.call())
            await to_the_question(asker, "2")
            with slow_accounts(line):
                asker.phone.press(NUMBER)
                speaker.phone.speak(speech)
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
            callers[1].phone.press(NUMBER)
            await callers[1].hears("account.readout.1")
            talking.speak(tone(line))
            await talker.hears("survey.thanks")
            assert [clip.name for clip in talker.heard()[before:]] == ["survey.thanks"]
            await speaker.phone.spoken()
            speaker.phone.press("#")
            await speaker.hears("feedback.saved_menu")
            assert "line.sorry_wait" not in [clip.name for clip in speaker.heard()]
            fact = await filed(line, 1)
            assert seconds_of(speech, kept(line, fact)) >= len(speech) / 8000 - 0.02
        await line.settled()

    since, began = len(line.facts()), time.monotonic()
    with service_kept(line) as service:
        measured("start of the service until it is well (s)", _since(began))
        asyncio.run(story())
    sessions_are_whole(line, since)
    assert line.ari("bridges") == []


def test_a_service_that_hangs_is_ended_and_its_calls_go_on(bare_line: LiveLine) -> None:
    line = bare_line

    async def story() -> None:
        async with line.call() as caller:
            await caller.hears("main.menu")
            caller.phone.press("1")
            await caller.hears_begin("account.menu")
            hung = time.monotonic()
            with stopped(service.pid):
                await caller.hears_begin("line.sorry_wait")
                measured("SIGSTOP: noticed, ended, going on (s)", time.monotonic() - hung)
            assert time.monotonic() - hung < STRANDED_SECONDS
            await caller.hears_begin("account.menu", times=2)
        await line.settled()

    since = len(line.facts())
    with service_kept(line) as service:
        asyncio.run(story())
        assert "service does not answer any more and is ended" in service.said
    sessions_are_whole(line, since)


def test_who_calls_while_the_service_hangs_hears_the_apology_within_seconds(
    line: LiveLine,
) -> None:
    async def story() -> None:
        watching = asyncio.create_task(guard(line.settings))
        assert line.service is not None
        with stopped(line.service.pid):
            await asyncio.sleep(1.0)
            began = time.monotonic()
            async with Phone.open(line.settings.sip_port) as phone:
                caller = Caller(line, phone)
                assert await phone.dial("12329", within=STRANDED_SECONDS) == 200
                measured("hung service: a new caller is taken up by Asterisk (s)", _since(began))
                await caller.hears_begin(line.ear.alias["line.apology"])
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())
    line.wait_until_healthy()
    asyncio.run(line.settled())


def test_a_service_that_wakes_up_cuts_nobody_whom_the_guardian_has_saved(
    line: LiveLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who had been in a menu, and one who called while the service stood still."""
    monkeypatch.setattr(guardian, "STRANDED_SECONDS", 5.0)
    apology, goodbye = line.ear.alias["line.apology"], line.ear.alias["line.goodbye"]

    async def story() -> None:
        watching = asyncio.create_task(guard(line.settings))
        async with AsyncExitStack() as calls:
            waiting = await calls.enter_async_context(line.call())
            await waiting.hears_begin("main.menu")
            assert line.service is not None
            with stopped(line.service.pid):
                phone = await calls.enter_async_context(Phone.open(line.settings.sip_port))
                newcomer = Caller(line, phone)
                assert await phone.dial("12329", within=STRANDED_SECONDS) == 200
                await newcomer.hears_begin(apology)
                await waiting.hears_begin(apology)
            for caller in (newcomer, waiting):
                await caller.hears(apology)
                await caller.hears(goodbye)
                await caller.phone.wait_for_end(within=HANGING_SECONDS)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await line.settled()

    since = len(line.facts())
    asyncio.run(story())
    facts = line.facts()[since:]
    ends = [fact["disposition"] for fact in facts if fact["fact"] == "SessionEnded"]
    assert ends == ["service_lost"], "the one in the menu; the other never was a session of ours"
    line.wait_until_healthy()


def test_nobody_is_stranded_for_more_than_twenty_seconds(line: LiveLine) -> None:
    async def story() -> None:
        watching = asyncio.create_task(guard(line.settings))
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            line.kill_service()
            killed = time.monotonic()
            await caller.hears_begin(line.ear.alias["line.apology"])
            measured("no service at all: the stranded hear the apology (s)", _since(killed))
            assert _since(killed) < STRANDED_SECONDS + 5
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())
    line.start_service()
    asyncio.run(line.settled())


def test_a_service_told_to_stop_lets_calls_end_and_takes_no_new_ones(line: LiveLine) -> None:
    async def story() -> None:
        assert line.service is not None
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            line.service.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            async with line.call() as newcomer:
                await newcomer.hears_begin(line.ear.alias["line.apology"])
            caller.phone.press("7")
            await caller.hears("line.goodbye")
            await caller.phone.wait_for_end(within=HANGING_SECONDS)
        assert await asyncio.to_thread(line.service.wait, 5) == 0
        line.service = None

    since = len(line.facts())
    asyncio.run(story())
    ends = [fact for fact in line.facts()[since:] if fact["fact"] == "SessionEnded"]
    assert [fact["disposition"] for fact in ends] == ["completed"]
    line.start_service()


def test_calls_that_do_not_end_in_time_are_left_for_the_successor(bare_line: LiveLine) -> None:
    line = bare_line
    line.kill_service(signal.SIGTERM)
    line.env["IVR_DRAIN_SECONDS"] = "1"

    async def story() -> None:
        line.start_service()
        assert line.service is not None
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            await asyncio.to_thread(line.kill_service, signal.SIGTERM)
            await asyncio.to_thread(line.start_service)
            await caller.hears("line.sorry_wait")
            await caller.hears_begin("main.menu", times=2)
        await line.settled()

    since = len(line.facts())
    try:
        asyncio.run(story())
    finally:
        del line.env["IVR_DRAIN_SECONDS"]
    sessions_are_whole(line, since)


def test_a_second_service_takes_the_calls_over_and_the_first_ends(line: LiveLine) -> None:
    async def story() -> None:
        first = line.service
        assert first is not None
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            began = time.monotonic()
            await asyncio.to_thread(line.start_service)
            assert await asyncio.to_thread(first.wait, 10) == REPLACED
            await caller.hears_begin("line.sorry_wait")
            silence = caller.phone.heard.silence_after(began)
            measured("take-over by a second service: longest silence (s)", silence)
            async with line.call() as newcomer:
                await newcomer.hears_begin("main.greeting")
        await line.settled()

    since = len(line.facts())
    asyncio.run(story())
    assert "another service has taken the name" in line.log()
    sessions_are_whole(line, since)


def test_prompts_published_under_a_call_are_heard_by_the_next_one_only(
    bare_line: LiveLine, tmp_path: Path
) -> None:
    line = bare_line
    line.kill_service(signal.SIGTERM)
    audio = tmp_path / "audio"
    shutil.copytree(PROJECT / "generated_audio", audio, symlinks=True)
    line.env["IVR_AUDIO"] = str(audio)

    async def story() -> None:
        line.start_service()
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            publish_with_other_greeting(audio, line)
            caller.phone.press("1*")
            await caller.hears_begin("main.menu", times=2)
            async with line.call() as newcomer:
                await newcomer.hears_begin("survey.thanks")
            caller.phone.press("7")
            await caller.hears("line.goodbye")
        await line.settled()

    since = len(line.facts())
    try:
        asyncio.run(story())
    finally:
        line.kill_service(signal.SIGTERM)
        del line.env["IVR_AUDIO"]
    started = [fact for fact in line.facts()[since:] if fact["fact"] == "SessionStarted"]
    assert [fact["catalog"] for fact in started][1] == "another"


@pytest.mark.parametrize("fault", ["missing", "empty"])
def test_a_prompt_file_that_breaks_under_the_service_leaves_a_hole_and_is_counted(
    bare_line: LiveLine, tmp_path: Path, fault: str
) -> None:
    line = bare_line
    line.kill_service(signal.SIGTERM)
    audio = tmp_path / "audio"
    shutil.copytree(PROJECT / "generated_audio", audio, symlinks=True)
    line.env["IVR_AUDIO"] = str(audio)

    async def story() -> None:
        line.start_service()
        manifest = json.loads((audio / "manifest.json").read_text(encoding="utf-8"))
        for file in manifest["prompts"]["main.menu"]["files"].values():
            (audio / file).unlink()
            if fault == "empty":
                (audio / file).touch()
        async with line.call() as caller:
            await caller.hears("main.greeting")
            caller.phone.press("7")
            await caller.hears("line.goodbye")
        async with line.call() as caller:
            await caller.hears("line.no_input")
        await line.settled()

    try:
        asyncio.run(story())
        broken = metric(line, "ivr_prompts_broken_total")
    finally:
        line.kill_service(signal.SIGTERM)
        del line.env["IVR_AUDIO"]
    assert broken > 0 or fault == "empty"


def metric(line: LiveLine, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{line.settings.http_port}/metrics") as page:
        lines = page.read().decode().splitlines()
    return float(next(each.split()[1] for each in lines if each.startswith(f"{name} ")))


def publish_with_other_greeting(audio: Path, line: LiveLine) -> None:
    """As a build does it: new files beside the old ones, then the manifest by rename."""
    manifest = json.loads((audio / "manifest.json").read_text(encoding="utf-8"))
    greeting = audio / "clips" / "another-greeting.alaw"
    greeting.write_bytes(line.ear.sound("survey.thanks"))
    manifest["prompts"]["main.greeting"]["files"] = {"alaw": "clips/another-greeting.alaw"}
    manifest["catalog"] = "another"
    (audio / "manifest.new").write_text(json.dumps(manifest), encoding="utf-8")
    (audio / "manifest.new").replace(audio / "manifest.json")


def _since(moment: float) -> float:
    return time.monotonic() - moment
