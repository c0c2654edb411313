"""Keys 3 and 4, and a line that is closed, over real SIP and RTP: heard byte for byte."""

from __future__ import annotations

import asyncio

import pytest

from tests import commands
from tests.live.conftest import HANGING_SECONDS, LiveLine

pytestmark = pytest.mark.live


def test_texts_are_heard_and_left_level_by_level(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.greeting")
            caller.phone.press("434")  # typed ahead: policies, loans, the second home
            await caller.hears("nav.replay_back_agent")
            caller.phone.press("*")
            await caller.hears_begin("information.4.3")
            caller.phone.press("*")
            await caller.hears_begin("information.4")
            caller.phone.press("*")
            await caller.hears_begin("main.menu")
            caller.phone.press("3")
            await caller.hears_begin("information.3")
            caller.phone.press("3")
            await caller.hears("nav.replay_back_agent", times=2)
            caller.phone.press("*")
            heard = await caller.hears("information.3")
        clips = [(clip.name, clip.whole) for clip in heard]
        assert clips[clips.index(("information.4.3.4", True)) :] == [
            ("information.4.3.4", True),
            ("nav.replay_back_agent", True),
            ("information.4.3", False),
            ("information.4", False),
            ("main.menu", False),
            ("information.3", False),
            ("information.3.3", True),
            ("nav.replay_back_agent", True),
            ("information.3", True),
        ]
        await line.settled()

    asyncio.run(story())
    session = line.facts()[-1]["session"]
    told = [fact for fact in line.facts() if fact["fact"] == "Informed"]
    told = [(fact["leaf"], fact["complete"]) for fact in told if fact["session"] == session]
    assert told == [("4.3.4", True), ("3.3", True)]


def switch(line: LiveLine, word: str) -> None:
    """The operator's command, while the service runs."""
    commands.ivr(line.env, "line", word).check_returncode()


def test_a_closed_line_says_so_and_ends_and_is_opened_again(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as inside:
            await inside.hears_begin("main.greeting")
            switch(line, "close")
            async with line.call() as caller:
                await caller.hears_begin("line.closed")
                caller.phone.press("1*0")
                await caller.phone.wait_for_end(within=HANGING_SECONDS)
                assert [(clip.name, clip.whole) for clip in caller.heard()] == [
                    ("line.closed", True)
                ]
            inside.phone.press("3")  # who is in the line already is not turned out
            await inside.hears_begin("information.3")
            assert line.health()["status"] == "closed"
            switch(line, "open")
            async with line.call() as caller:
                await caller.hears_begin("main.greeting")
        await line.settled()

    asyncio.run(story())
    endings = [fact["disposition"] for fact in line.facts() if fact["fact"] == "SessionEnded"]
    assert endings.count("closed") == 1
