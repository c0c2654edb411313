"""Calls that the line makes, against a fake Asterisk that does not do all that it is told."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from ivr.ari.client import Ari
from ivr.ari.outward import ChannelsOutward
from ivr.config import Settings
from ivr.dialling.names import SIDES, bridge_name, leg_name
from ivr.speech.prompts import Utterance
from tests.fake_ari import PASSWORD, USER, channel_json, fake_asterisk

COMMANDS = [
    r"DELETE channels/dial\.ab\.agent",
    r"DELETE channels/dial\.ab\.number",
    "DELETE bridge",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_stopped_keeps_nothing_else_and_is_looked_for(
    settings: Settings, command: str
) -> None:
    async def course() -> None:
        async with fake_asterisk() as asterisk, Ari(asterisk.base, USER, PASSWORD) as ari:
            legs = [leg_name("ab", side) for side in SIDES]
            asterisk.channels = {leg: channel_json(leg, state="Up") for leg in legs}
            asterisk.bridges = {bridge_name("ab"): {"id": bridge_name("ab"), "channels": [*legs]}}
            asterisk.refusals.append((command, 500))
            outward = ChannelsOutward(ari, lambda: settings, partial(Utterance, ()))
            await outward.stop("ab")
            assert len(asterisk.channels) + len(asterisk.bridges) == 1
            assert outward.doubt.is_set()
            outward.doubt.clear()
            await outward.stop("ab")
            assert not asterisk.channels
            assert not asterisk.bridges
            assert not outward.doubt.is_set()

    asyncio.run(course())
