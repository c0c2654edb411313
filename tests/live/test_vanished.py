"""Who says nothing is there all the same; who has vanished is missed; who has moved is found."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.live.conftest import Caller, LiveLine
from tests.live.phone import Phone
from tests.live.test_agents import agent_phone, ask_for_an_agent, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

SILENT_SECONDS = 75.0
"""Longer than anything that was ever taken for a hang-up."""
NOTICED_SECONDS = 118.0
FOUND_SECONDS = 25.0
"""A caller who has moved is found sooner than by the next refresh of the session (45 s)."""


def ended(line: LiveLine) -> list[dict[str, Any]]:
    return [fact for fact in line.facts() if fact["fact"] == "SessionEnded"]


async def moved(line: LiveLine) -> None:
    """Behind a router, whose outer port changes; the line notices that nothing comes any more.

    A stranger, who sends to the same port all the while, is neither heard nor speaks.
    """
    async with (
        Phone.open(line.settings.sip_port) as phone,
        Phone.open(line.settings.sip_port, host="127.0.0.66") as stranger,
    ):
        phone.behind_router = "10.255.255.1"
        assert await phone.dial("12329") == 200
        caller = Caller(line, phone)
        await caller.hears_begin("main.greeting")  # Asterisk knows by then from where keys come
        phone.press("421")  # a long text: 离职提取 is read out meanwhile
        await caller.hears_begin("information.4.2.1")
        await asyncio.sleep(8.0)
        menus = [clip.name for clip in caller.heard()].count("information.4.2")
        stranger.intrude(phone)
        stranger.press("*" * 5)
        await asyncio.sleep(2.0)
        stranger.ended.set()
        await phone.move_media()
        before = len(phone.heard.audio)
        await until(lambda: len(phone.heard.audio) > before, within=FOUND_SECONDS)
        assert not stranger.heard.audio
        assert [clip.name for clip in caller.heard()].count("information.4.2") == menus
        await caller.hears_begin("nav.replay_back_agent")  # before it, 没有听到 voids keys
        phone.press("*")
        await caller.hears_begin("information.4.2", times=menus + 1)
        phone.press("1")
        await caller.hears_begin("information.4.2.1", times=2)


def test_silence_is_no_hang_up_and_nobody_is_kept_who_has_gone(line: LiveLine) -> None:
    """Four calls side by side, since each takes its time."""
    one, other = line.settings.agents.phones[:2]

    async def silent() -> None:
        """Muted at both ends: neither RTP nor RTCP."""
        async with agent_phone(line, one, "answer") as agent, line.call() as caller:
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            caller.phone.sends_media = agent.sends_media = False
            await asyncio.sleep(SILENT_SECONDS)
            assert not caller.phone.ended.is_set()
            caller.phone.sends_media = agent.sends_media = True
            agent.speak(line.ear.sound("survey.thanks"))
            await caller.hears("survey.thanks")

    async def vanished_with_an_agent() -> None:
        async with agent_phone(line, other, "answer") as agent, line.call() as caller:
            await until(lambda: bool(line.facts()))
            await asyncio.sleep(2.0)  # the first agent is taken
            await ask_for_an_agent(caller)
            await until(agent.answered.is_set)
            caller.phone.cut_off()
            await agent.wait_for_end(within=NOTICED_SECONDS)

    async def vanished_in_a_menu() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.greeting")
            caller.phone.cut_off()
            await until(lambda: len(line.ari("channels")) <= 5, within=NOTICED_SECONDS)

    async def story() -> None:
        await asyncio.gather(silent(), vanished_with_an_agent(), vanished_in_a_menu(), moved(line))
        await line.settled()

    asyncio.run(story())
    dispositions = sorted(fact["disposition"] for fact in ended(line))
    assert dispositions.count("vanished") in {1, 2}, "in a menu patience may end first"
    assert "hung_up" in dispositions
