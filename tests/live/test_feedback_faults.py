"""Recordings while the link to Asterisk breaks, and while the disk becomes full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.live.conftest import HANGING_SECONDS, LiveLine
from tests.live.faults import Cut, read_only, small_disk, wire_to
from tests.live.test_feedback import (
    PERSON,
    filed,
    how_many,
    kept,
    keyed,
    recorded,
    seconds_of,
    speech,
)

__all__ = ["speech"]

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def fill(bare_line: LiveLine) -> Iterator[Callable[[], None]]:
    """Asterisk records onto a disk of its own, which can be filled."""
    with small_disk(bare_line.settings.home / "asterisk/spool/recording", 3000) as fill:
        bare_line.env["IVR_RECORDINGS__KEEP_FREE_MB"] = "1"
        yield fill


@pytest.fixture(scope="module")
def wire(bare_line: LiveLine) -> Iterator[Cut]:
    """Between the service and Asterisk's ARI."""
    with wire_to(bare_line.settings.ari_port) as cut:
        bare_line.env["IVR_ARI_URL"] = f"http://127.0.0.1:{cut.port}/ari"
        yield cut


@pytest.fixture(scope="module")
def line(bare_line: LiveLine, wire: Cut, fill: Callable[[], None]) -> LiveLine:
    bare_line.start_service()
    return bare_line


def test_a_lost_link_does_not_interrupt_a_recording(
    line: LiveLine, wire: Cut, speech: bytes
) -> None:
    async def story() -> None:
        count = how_many(line)
        async with recorded(line) as caller:
            caller.phone.speak(speech)
            await asyncio.sleep(1)
            wire.cut()
            await asyncio.sleep(3)
            caller.phone.press("#")
            await caller.hears("feedback.saved_menu")
            fact = await filed(line, count + 1)
        assert seconds_of(speech, kept(line, fact)) > 3.5
        await line.settled()

    asyncio.run(story())


def test_who_hangs_up_while_the_link_is_lost_has_left_the_recording(
    line: LiveLine, wire: Cut, speech: bytes
) -> None:
    async def story() -> None:
        count = how_many(line)
        async with recorded(line) as caller:
            caller.phone.speak(speech)
            await asyncio.sleep(1)
            wire.wire.refusing = True
            wire.cut()
            await asyncio.sleep(1)
            await caller.phone.hang_up()
        wire.wire.refusing = False
        fact = await filed(line, count + 1, within=HANGING_SECONDS)
        assert seconds_of(speech, kept(line, fact)) > 1.5
        await line.settled()

    asyncio.run(story())


def test_a_recording_that_cannot_begin_is_refused_with_its_sentence(
    line: LiveLine,
) -> None:
    """Asterisk takes the command and cannot open the file."""

    async def story() -> None:
        count = how_many(line)
        with read_only(line.settings.home / "asterisk/spool/recording"):
            async with line.call() as caller:
                await caller.hears_begin("main.greeting")
                await keyed(caller, "611" + PERSON)
                await caller.hears_begin("feedback.complaint_warning")
                caller.phone.press("5")
                await caller.hears("feedback.cannot_record")
            await line.settled()
        assert how_many(line) == count

    asyncio.run(story())


def test_a_disk_that_becomes_full_is_told_and_what_there_is_is_kept(
    line: LiveLine, fill: Callable[[], None], speech: bytes
) -> None:
    """Runs last: the disk stays full."""

    async def story() -> None:
        count = how_many(line)
        async with recorded(line) as caller:
            caller.phone.speak(speech)
            await asyncio.sleep(4)  # Asterisk writes two seconds at a time
            fill()
            await caller.hears("feedback.kept_later")
            fact = await filed(line, count + 1)
            assert seconds_of(speech, kept(line, fact)) > 0.5
            await caller.hears_begin("feedback.kind_menu", times=2)
            await keyed(caller, "1" + PERSON)
            await caller.hears("feedback.cannot_record")
        await line.settled()

    asyncio.run(story())
