"""Callers as they are: on hold, in a hurry, on keypads with more keys than ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from ivr.speech.prompts import PromptSet
from tests.live.conftest import Caller, LiveLine, a_line
from tests.live.phone import Phone

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NUMBER = "990102200012120127"
PAUSE_SECONDS = 1.0
PATIENCE = {"answer_pause_ms": PAUSE_SECONDS * 1000, "first_key_seconds": 3}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[LiveLine]:
    """A line that waits for nobody long."""
    home = tmp_path_factory.mktemp("manners")
    with a_line(home, whole_set, patience=PATIENCE) as line:
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
