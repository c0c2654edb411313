"""Asterisk as we configure it: who may call, what they reach, and what it keeps to itself."""

from __future__ import annotations

import asyncio
import json
import stat

import pytest

from ivr.ari.client import Ari
from ivr.asterisk.configure import agent_password, folder, publish_sounds
from ivr.lifecycle import logs
from ivr.speech.prompts import PromptSet
from tests.live.conftest import HANGING_SECONDS, LiveLine
from tests.live.phone import Phone

pytestmark = pytest.mark.live


def test_it_starts_without_a_fault(bare_line: LiveLine) -> None:
    said = (
        folder(bare_line.settings) / "asterisk.out",
        logs.folder(bare_line.settings) / "asterisk.log",
    )
    complaints = [
        line
        for path in said
        for line in path.read_text().splitlines()
        if "ERROR" in line or ("WARNING" in line and "music on hold" not in line)
    ]
    assert complaints == []


def test_ari_answers_our_user_only(bare_line: LiveLine) -> None:
    assert bare_line.ari("asterisk/info")["system"]["version"].startswith("22.")
    assert stat.S_IMODE(bare_line.settings.ari_secret_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("number", ["13800138000", "6001", "010012329", "away", "hotline"])
def test_a_guest_reaches_nothing_but_the_hotline(bare_line: LiveLine, number: str) -> None:
    async def story() -> None:
        async with Phone.open(bare_line.settings.sip_port) as phone:
            assert await phone.dial(number) == 404

    asyncio.run(story())


def test_an_agent_needs_the_password(bare_line: LiveLine) -> None:
    async def registers(password: str) -> bool:
        port = bare_line.settings.sip_port
        async with Phone.open(port, user="6001", password=password) as phone:
            try:
                await phone.register()
            except AssertionError:
                return False
            return True

    agent = bare_line.settings.agents.phones[0]
    password = agent_password(agent, bare_line.settings)
    assert asyncio.run(registers(password))
    assert not asyncio.run(registers(password + "x"))


def test_an_agent_dials_nothing_out(bare_line: LiveLine) -> None:
    agent = bare_line.settings.agents.phones[0]
    password = agent_password(agent, bare_line.settings)

    async def story() -> None:
        port = bare_line.settings.sip_port
        async with Phone.open(port, user=agent.extension, password=password) as phone:
            await phone.register()
            assert await phone.dial("13800138000") == 404
            assert await phone.dial("12329") == 200

    asyncio.run(story())


def test_who_calls_while_the_service_starts_again_is_not_told_that_nobody_is_there(
    bare_line: LiveLine,
) -> None:
    """It rings, and the service has the call as soon as it listens."""
    settings = bare_line.settings

    async def story() -> None:
        await bare_line.settled()
        async with (
            Phone.open(settings.sip_port) as phone,
            Ari(settings.ari_base, settings.ari_user, settings.ari_secret()) as ari,
        ):
            dialling = asyncio.create_task(phone.dial("12329"))
            while not any(each.app is None for each in await ari.channels.list()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            (channel,) = await ari.channels.list()
            address = f"{settings.ari_base}/events?app={settings.ari_app}"
            async with ari.session.ws_connect(address) as service:
                while (event := json.loads(await service.receive_str()))["type"] != "StasisStart":
                    pass
                assert event["channel"]["id"] == channel.id
                await ari.channels.answer(channel.id)
                assert await dialling == 200
                await ari.channels.hangup(channel.id)

    asyncio.run(asyncio.wait_for(story(), HANGING_SECONDS))


def test_while_the_service_is_away_the_caller_is_told_and_the_agents_ring(
    bare_line: LiveLine, whole_set: PromptSet
) -> None:
    publish_sounds(bare_line.settings, whole_set)
    agent = bare_line.settings.agents.phones[1]
    password = agent_password(agent, bare_line.settings)

    async def story() -> None:
        port = bare_line.settings.sip_port
        async with (
            Phone.open(port, user=agent.extension, password=password) as desk,
            bare_line.call() as caller,
        ):
            await desk.register()
            await caller.hears(bare_line.ear.alias["line.apology"])
            async with asyncio.timeout(HANGING_SECONDS):
                await desk.answered.wait()

    asyncio.run(story())
