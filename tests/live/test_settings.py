"""What is set while the line serves: a call goes on, the next one has it, nothing restarts."""

from __future__ import annotations

import asyncio
import json

import pytest

from ivr.asterisk.configure import agent_password
from ivr.config import Agent
from tests.live.conftest import LiveLine
from tests.live.phone import Phone
from tests.live.test_agents import (
    agent_phone,
    ask_for_an_agent,
    first,
    heart,
    nothing_is_left,
    tone,
    until,
)
from tests.live.test_announcement import ivr

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NEW = Agent(name="张三", extension="6077")
TRUNK = """
[[trunks]]
name = "carrier"
hosts = ["127.0.0.9"]
numbers = ["01012329"]
"""


def test_a_call_goes_on_while_an_agent_is_added_whose_phone_rings_for_the_next(
    line: LiveLine,
) -> None:
    asterisk, service = line.asterisk, line.service
    assert asterisk is not None
    assert service is not None

    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as talking, line.call() as caller:
            await ask_for_an_agent(caller)
            await until(talking.answered.is_set)
            phones = [*line.settings.agents.phones, NEW]
            told = json.dumps([{"name": p.name, "extension": p.extension} for p in phones])
            done = await asyncio.to_thread(ivr, line, "settings", "set", "agents.phones", told)
            assert "Asterisk 已重读" in done
            password = (line.settings.home / "asterisk" / "agents" / "6077.secret").read_text()
            assert password == agent_password(NEW, line.settings)
            async with agent_phone(line, NEW, "answer") as added, line.call() as next_caller:
                await ask_for_an_agent(next_caller)
                await until(added.answered.is_set)
                caller.phone.speak(tone(line))
                await until(lambda: heart(tone(line)) in talking.heard.audio)
                assert not talking.ended.is_set(), "the conversation was cut"
                await added.hang_up()
                await next_caller.hears("agent.ended")
            await talking.hang_up()
            await caller.hears("agent.ended")
        await line.settled()
        nothing_is_left(line)

    asyncio.run(story())
    assert (asterisk.poll(), service.poll()) == (None, None), "nothing was started anew"


def test_hours_and_limits_hold_from_the_next_call_on(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.greeting")
            ivr(line, "settings", "set", "limits.calls", "1")
            async with line.call() as other:
                await other.hears_begin("limits.line_full")
            ivr(line, "settings", "rollback", "0", "--why", "试完了")
            async with line.call() as other:
                await other.hears_begin("main.greeting")
            await caller.hears_begin("main.menu")
        await line.settled()

    asyncio.run(story())


def test_a_trunk_of_the_file_is_read_while_a_call_goes_on(line: LiveLine) -> None:
    (line.settings.home / "settings.toml").write_text(TRUNK, encoding="utf-8")

    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.greeting")
            port = line.settings.sip_port
            async with Phone.open(port, user="carrier", host="127.0.0.9") as carrier:
                assert await carrier.dial("01012329") == 404, "no such number before"
            assert "Asterisk 已重读" in await asyncio.to_thread(ivr, line, "settings", "apply")
            async with Phone.open(port, user="carrier", host="127.0.0.9") as carrier:
                assert await carrier.dial("01012329") == 200
                names = {each["name"] for each in line.ari("channels")}
                assert any("trunk-carrier" in name for name in names), names
            await caller.hears_begin("main.menu")
        await line.settled()

    asyncio.run(story())
