"""A set that is published is heard by the next call; a call in progress finishes on its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.speech.prompts import PromptSet
from prompt_build import sets
from tests.live.conftest import LiveLine, a_line, copied_clips

pytestmark = pytest.mark.live

MENU, OTHER_MENU = "main.menu", "loan.menu"
"""The second set says the words of another menu, so that one hears which set it is."""


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the built clips with two sets, the first of them published."""
    folder = tmp_path_factory.mktemp("audio")
    content = copied_clips(folder)
    sets.publish(folder, sets.keep(folder, content))
    scripts = {**content["scripts"], MENU: [{"clip": OTHER_MENU}]}
    sets.keep(folder, {**content, "scripts": scripts})
    return folder


@pytest.fixture(scope="module")
def own_line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet, audio: Path
) -> Iterator[LiveLine]:
    with a_line(tmp_path_factory.mktemp("line"), whole_set) as line:
        line.env["IVR_AUDIO"] = str(audio)
        line.start_service()
        yield line


def test_published_and_taken_back_while_people_call(own_line: LiveLine, audio: Path) -> None:
    async def story() -> None:
        async with own_line.call() as early:
            await early.hears_begin(MENU)
            early.phone.press("1")
            await early.hears_begin("account.menu")
            assert sets.publish(audio, 2)
            async with own_line.call() as late:
                await late.hears_begin(OTHER_MENU)
            assert sets.collect(audio, keep_sets=1)[0] == [], "somebody may hear the first set"
            assert sets.lost(audio, sets.load(audio, 1)) == []
            early.phone.press("*")
            await early.hears(MENU, times=1)
            heard = [each.name for each in early.heard()]
            assert heard.count(MENU) == 2
            assert OTHER_MENU not in heard
        assert sets.rollback(audio) == 1
        async with own_line.call() as later:
            await later.hears_begin(MENU)
        await own_line.settled()

    asyncio.run(story())
    assert "Traceback" not in own_line.log()
