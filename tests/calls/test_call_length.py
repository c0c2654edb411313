"""A caller who holds the line for an hour, in virtual time: the end is defined and polite."""

from __future__ import annotations

import asyncio

from ivr.config import Settings
from ivr.dialogues import converse
from ivr.records.facts import Fact
from ivr.speech.prompts import PromptSet
from tests.scripted import NORMAL, ScriptedExchange, ScriptedLine
from tests.test_conversations import on_stage
from tests.virtual import run

HOUR = 3600.0


async def _replaying(call_line: ScriptedLine, heard: list[str]) -> None:
    """Goes to the help text and hears it again and again."""
    while True:
        prompts = await call_line.said.get()
        heard.append(prompts[-1])
        await call_line.silent()
        if prompts[-1] != "agent.ended":
            call_line.press(
                {"main.menu": "1", "account.menu": "2", "contentment.menu": "*"}.get(
                    prompts[-1], "1"
                )
            )


def test_a_caller_who_replays_for_an_hour_hears_the_goodbye(
    prompt_set: PromptSet, settings: Settings
) -> None:
    heard: list[str] = []

    async def story() -> tuple[str, float]:
        facts: list[Fact] = []
        call = on_stage(prompt_set, settings, facts)
        assert isinstance(call.line, ScriptedLine)
        caller = asyncio.create_task(_replaying(call.line, heard))
        ending = await converse(call, "welcome")
        caller.cancel()
        return ending, asyncio.get_running_loop().time()

    ending, lasted = run(story)
    assert ending == "completed"
    assert HOUR < lasted < HOUR + 60
    assert heard.count("account.help") > 50
    assert heard[-1] == "line.goodbye"


def test_the_time_with_an_agent_does_not_count(prompt_set: PromptSet, settings: Settings) -> None:
    """Two hours with an agent, then the main menu, and the caller's own hour is not over."""
    heard: list[str] = []

    async def story() -> tuple[str, float]:
        call = on_stage(prompt_set, settings, [])
        assert isinstance(call.line, ScriptedLine)
        assert isinstance(call.exchange, ScriptedExchange)
        call.exchange.registered = frozenset({"6001"})
        conversation = asyncio.create_task(converse(call, "welcome"))
        await _talking(call.line, call.exchange, 2 * HOUR)
        caller = asyncio.create_task(_replaying(call.line, heard))
        ending = await conversation
        caller.cancel()
        return ending, asyncio.get_running_loop().time()

    ending, lasted = run(story)
    assert ending == "completed"
    assert heard[:3] == ["contentment.menu", "agent.ended", "main.menu"]
    assert 3 * HOUR < lasted < 3 * HOUR + 60


async def _talking(line: ScriptedLine, exchange: ScriptedExchange, seconds: float) -> None:
    """Asks for an agent and talks for so long."""
    while await line.said.get() != ("main.menu",):
        pass
    line.press("0")
    leg = await exchange.rung.get()
    exchange.picks_up(leg)
    await asyncio.sleep(seconds)
    while not line.said.empty():
        line.said.get_nowait()
    exchange.goes(leg, NORMAL)


def test_a_caller_who_is_silent_is_let_go_long_before(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def story() -> tuple[str, float]:
        call = on_stage(prompt_set, settings, [])
        return await converse(call, "welcome"), asyncio.get_running_loop().time()

    ending, lasted = run(story)
    assert ending == "gave_up"
    assert lasted < 300
