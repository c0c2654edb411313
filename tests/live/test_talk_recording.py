"""Conversations with agents are recorded: who is heard where, what is left out, what survives."""

from __future__ import annotations

import asyncio
import json
import math
import wave
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ivr.recordings.talks import GAP_SECONDS
from ivr.speech import prompts
from tests.live.conftest import AGENTS, HANGING_SECONDS, Caller, LiveLine, a_line
from tests.live.phone import Phone, hum
from tests.live.test_agents import agent_phone, first, until
from tests.live.test_desks import hears_music, order, talk

pytestmark = pytest.mark.live

_CALLER, _AGENT, _SECRET, _OTHER, _BEEP = 500, 700, 900, 1300, 1000


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: prompts.PromptSet
) -> Iterator[LiveLine]:
    """Conversations are recorded, and a pause ends after twelve seconds."""
    home, agents = tmp_path_factory.mktemp("talks"), {**AGENTS, "contentment": False}
    recorded = {"talks": True, "pause_seconds": 12}
    with a_line(home, whole_set, agents=agents, recordings=recorded) as made:
        made.start_service()
        yield made


@asynccontextmanager
async def talking(line: LiveLine) -> AsyncIterator[tuple[Caller, Phone]]:
    """A caller who was told, and 6001, in a conversation that is being recorded."""
    async with agent_phone(line, first(line), "answer") as agent, line.call() as caller:
        await caller.hears_begin("main.greeting")
        caller.phone.press("0")
        await caller.hears("agent.recorded")
        await talk(line, agent)
        assert caller.heard()[-1].name != "agent.recorded", "it is heard before anybody answers"
        await until(lambda: tracks(line) != [])
        yield caller, agent


def tracks(line: LiveLine) -> list[Path]:
    """What Asterisk writes now."""
    spool = line.settings.home / "asterisk" / "spool" / "recording"
    return [path for path in spool.glob("talk-*.wav") if path.stat().st_size > 44]


async def filed(line: LiveLine, *, n: int) -> tuple[dict[str, Any], tuple[array[int], array[int]]]:
    """The n-th recording's fact, and what its left and right channel hold."""

    def facts() -> list[dict[str, Any]]:
        return [fact for fact in line.facts() if fact["fact"] == "TalkRecorded"]

    await until(lambda: len(facts()) >= n)
    fact = facts()[n - 1]
    with wave.open(str(line.settings.recordings_folder / fact["path"])) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (2, 8000)
        both = array("h", sound.readframes(sound.getnframes()))
    await until(lambda: tracks(line) == [] and not slips(line))
    return fact, (both[0::2], both[1::2])


def slips(line: LiveLine) -> list[Path]:
    return [*(line.settings.home / "slips" / "talks").glob("*")]


def tones(channel: array[int]) -> set[int]:
    """Which of the tones are anywhere in it, by stretches of a tenth of a second."""
    stretches = [channel[at : at + 800] for at in range(0, len(channel) - 800, 400)]
    return {
        hertz
        for hertz in (_CALLER, _AGENT, _SECRET, _OTHER, _BEEP)
        if any(_power(hertz, each) > 0.5 for each in stretches)
    }


def _power(hertz: int, samples: array[int]) -> float:
    """How much of a stretch is that tone."""
    power = sum(each * each for each in samples)
    if power < 1e6:
        return 0.0
    turn = 2 * math.pi * hertz / 8000
    real = sum(each * math.cos(turn * n) for n, each in enumerate(samples))
    other = sum(each * math.sin(turn * n) for n, each in enumerate(samples))
    return 2 * (real * real + other * other) / (power * len(samples))


def test_each_has_a_channel_and_what_is_said_in_a_pause_or_on_hold_is_nowhere(
    line: LiveLine,
) -> None:
    async def story() -> None:
        async with talking(line) as (caller, agent):
            caller.phone.speak(hum(_CALLER, 1))
            agent.speak(hum(_AGENT, 1))
            await caller.phone.spoken()
            await agent.spoken()
            await order(line, "pause")
            caller.phone.speak(hum(_SECRET, 1))
            agent.speak(hum(_SECRET, 1))
            await caller.phone.spoken()
            await agent.spoken()
            await order(line, "resume")
            await until(lambda: len(tracks(line)) == 4)
            await order(line, "hold")
            await hears_music(line, caller.phone)
            caller.phone.speak(hum(_SECRET, 1))
            await caller.phone.spoken()
            await order(line, "retrieve")
            await until(lambda: len(tracks(line)) == 6)
            caller.phone.speak(hum(_OTHER, 1))
            await caller.phone.spoken()
            await agent.hang_up()
            await caller.hears("agent.ended")
        await line.settled()
        fact, (left, right) = await filed(line, n=1)
        assert (fact["outcome"], fact["agents"], fact["pauses"]) == ("kept", "一号坐席", 1)
        assert 1000 <= fact["paused_ms"] < 12000
        assert fact["held_ms"] >= 1000
        gaps = json.loads(fact["gaps"])
        assert [gap["why"] for gap in gaps] == ["pause", "hold"]
        assert tones(left) == {_CALLER, _OTHER, _BEEP}
        assert tones(right) == {_AGENT, _BEEP}
        at = gaps[0]["at_ms"] * 8
        assert tones(left[at : at + round(GAP_SECONDS * 8000)]) == {_BEEP}

    asyncio.run(story())


def test_a_killed_service_costs_nothing_and_a_forgotten_pause_ends(line: LiveLine) -> None:
    async def story() -> None:
        async with talking(line) as (caller, agent):
            caller.phone.speak(hum(_CALLER, 1))
            await caller.phone.spoken()
            await line.service_anew()
            agent.speak(hum(_AGENT, 1))
            await agent.spoken()
            await order(line, "pause")
            caller.phone.speak(hum(_SECRET, 0.5))
            await caller.phone.spoken()
            await line.service_anew()
            await until(lambda: len(tracks(line)) == 4)  # the pause has ended by itself
            caller.phone.speak(hum(_OTHER, 1))
            await caller.phone.spoken()
            line.kill_service()
            await caller.phone.hang_up()
            await asyncio.to_thread(line.start_service)
            await agent.wait_for_end(within=HANGING_SECONDS)
        fact, (left, right) = await filed(line, n=2)
        assert (fact["outcome"], fact["pauses"]) == ("kept", 1)
        assert tones(left) == {_CALLER, _OTHER, _BEEP}
        assert tones(right) == {_AGENT, _BEEP}

    asyncio.run(story())
