"""Asterisk dies, restarts, or the link to it breaks without a word."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest

from ivr.asterisk import locate, process
from tests.live.conftest import HANGING_SECONDS, LiveLine
from tests.live.faults import Cut, wire_to
from tests.live.measured import measured
from tests.live.test_agents import agent_phone, ask_for_an_agent, until

pytestmark = pytest.mark.live

NOTICED_SECONDS = 15.0


@pytest.fixture(scope="module")
def wire(bare_line: LiveLine) -> Iterator[Cut]:
    """Between the service and Asterisk's ARI."""
    with wire_to(bare_line.settings.ari_port) as cut:
        bare_line.env["IVR_ARI_URL"] = f"http://127.0.0.1:{cut.port}/ari"
        yield cut


@pytest.fixture(scope="module")
def line(bare_line: LiveLine, wire: Cut) -> LiveLine:
    """Asterisk and the service, and a wire between them that can be cut."""
    bare_line.start_service()
    return bare_line


def linked(line: LiveLine) -> bool:
    return bool(line.health().get("ari", {}).get("ok"))


def kinds(line: LiveLine, since: int) -> list[str]:
    return [fact["fact"] for fact in line.facts()[since:]]


def test_a_half_open_link_is_noticed_within_fifteen_seconds(line: LiveLine, wire: Cut) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears("main.menu")
            with wire.half_open():
                began = time.monotonic()
                await until(lambda: not linked(line), within=NOTICED_SECONDS)
                measured("half-open link: noticed (s)", time.monotonic() - began)
            await until(lambda: linked(line))
            await caller.hears("line.sorry_wait")
            caller.phone.press("7")
            await caller.hears("line.goodbye")
        await line.settled()

    since = len(line.facts())
    asyncio.run(story())
    facts = [fact for fact in line.facts()[since:] if fact["fact"].startswith("Link")]
    assert [fact["fact"] for fact in facts] == ["LinkLost", "LinkRestored"]
    assert facts[1]["adopted"] == 1
    assert kinds(line, since).count("SessionStarted") == 1


def test_a_link_that_is_closed_stands_again_at_once_and_no_call_is_lost(
    line: LiveLine, wire: Cut
) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            cut = time.monotonic()
            wire.cut()
            await caller.hears_begin("line.sorry_wait")
            silence = caller.phone.heard.silence_after(cut)
            measured("closed link: longest silence of a caller (s)", silence)
            assert silence < 3.0
            await caller.hears_begin("main.menu", times=2)
        await line.settled()

    asyncio.run(story())


def test_commands_that_are_slow_delay_a_call_and_do_not_end_it(line: LiveLine, wire: Cut) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            wire.wire.delay = 0.3
            try:
                caller.phone.press("1")
                await caller.hears_begin("account.menu")
                caller.phone.press("*7")
                await caller.hears("line.goodbye")
            finally:
                wire.wire.delay = 0.0
        await line.settled()

    asyncio.run(story())


def test_a_service_killed_between_the_last_fact_and_the_hang_up_leaves_nobody_on_the_line(
    line: LiveLine, wire: Cut
) -> None:
    """Its last command is still on the wire: the next service greets nobody anew."""

    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            caller.phone.press("7")
            await caller.hears_begin("line.goodbye")
            wire.wire.delay = 0.5
            try:
                await until(lambda: kinds(line, since).count("SessionEnded") == 1)
                with wire.half_open():
                    line.kill_service()
                    await asyncio.sleep(1.0)  # what was on the wire is lost
            finally:
                wire.wire.delay = 0.0
            assert not caller.phone.ended.is_set(), "the hang-up came through: nothing was shown"
            heard = len(caller.heard())
            await asyncio.to_thread(line.start_service)
            await caller.phone.wait_for_end(within=HANGING_SECONDS)
            assert len(caller.heard()) == heard, "somebody spoke to a caller who had been let go"
        await line.settled()

    since = len(line.facts())
    asyncio.run(story())
    assert kinds(line, since).count("SessionStarted") == 1
    assert "SessionResumed" not in kinds(line, since)


def test_a_service_killed_in_its_goodbye_says_it_again(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            caller.phone.press("7")
            await caller.hears_begin("line.goodbye")
            line.kill_service()
            await asyncio.to_thread(line.start_service)
            await caller.hears_begin("line.sorry_wait")
            await caller.hears_begin("line.goodbye", times=2)
            await caller.phone.wait_for_end(within=HANGING_SECONDS)
        await line.settled()

    since = len(line.facts())
    asyncio.run(story())
    ended = [fact for fact in line.facts()[since:] if fact["fact"] == "SessionEnded"]
    assert [fact["disposition"] for fact in ended] == ["completed"]


def test_calls_that_died_with_asterisk_are_closed_so_and_the_line_is_ready_with_it(
    line: LiveLine,
) -> None:
    """Who waited for an agent has no place any more: they call again, and there is no call."""

    async def story() -> None:
        agent = line.settings.agents.phones[0]
        async with (
            agent_phone(line, agent, "busy"),
            line.call() as waiting,
            line.call() as caller,
        ):
            await ask_for_an_agent(waiting)
            await waiting.hears("queue.next")
            await caller.hears_begin("main.menu")
            assert line.asterisk is not None
            os.killpg(line.asterisk.pid, signal.SIGKILL)
            await asyncio.to_thread(line.asterisk.wait)
            for lost in (caller, waiting):
                lost.phone.cut_off()
            await until(lambda: not linked(line))
            await asyncio.sleep(2.0)
            line.asterisk = process.start(line.settings, locate.install())
            await asyncio.to_thread(process.wait_until_ready, line.settings, line.asterisk)
            ready = time.monotonic()
            await until(lambda: linked(line))
            measured("Asterisk restarted: the service is ready after it (s)", _since(ready))
        async with line.call() as caller:
            await caller.hears_begin("main.greeting")
        await line.settled()

    since = len(line.facts())
    asyncio.run(story())
    ends = [fact for fact in line.facts()[since:] if fact["fact"] == "SessionEnded"]
    assert [fact["disposition"] for fact in ends] == ["asterisk_lost", "asterisk_lost", "hung_up"]
    assert {fact["dialogue"] for fact in ends[:2]} == {"main", "agent"}
    waited = [fact for fact in line.facts()[since:] if fact["fact"] == "Transferred"]
    assert [fact["outcome"] for fact in waited] == ["failed"]


def test_a_restart_of_both_at_once_still_closes_the_calls_as_lost_with_asterisk(
    line: LiveLine,
) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            assert line.asterisk is not None
            line.kill_service()
            os.killpg(line.asterisk.pid, signal.SIGKILL)
            await asyncio.to_thread(line.asterisk.wait)
            caller.phone.cut_off()
            line.asterisk = process.start(line.settings, locate.install())
            await asyncio.to_thread(process.wait_until_ready, line.settings, line.asterisk)
            await asyncio.to_thread(line.start_service)
        await line.settled()

    since = len(line.facts())
    asyncio.run(story())
    ends = [fact for fact in line.facts()[since:] if fact["fact"] == "SessionEnded"]
    assert [fact["disposition"] for fact in ends] == ["asterisk_lost"]


def _since(moment: float) -> float:
    return time.monotonic() - moment
