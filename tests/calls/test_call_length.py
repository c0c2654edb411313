"""A caller who holds the line for an hour, in virtual time: the end is defined and polite."""

from __future__ import annotations

import asyncio

from ivr.config import Settings
from ivr.dialogues import converse
from ivr.records.facts import Fact
from ivr.speech.prompts import PromptSet
from tests.scripted import ScriptedLine
from tests.test_conversations import on_stage
from tests.virtual import run

HOUR = 3600.0


async def _replaying(call_line: ScriptedLine, heard: list[str]) -> None:
    """Goes to the help text and hears it again and again."""
    while True:
        prompts = await call_line.said.get()
        heard.append(prompts[-1])
        await call_line.silent()
        call_line.press({"main.menu": "1", "account.menu": "2"}.get(prompts[-1], "1"))


def test_a_caller_who_replays_for_an_hour_hears_the_goodbye(
    prompt_set: PromptSet, settings: Settings
) -> None:
    heard: list[str] = []

    async def story() -> tuple[str, float]:
        facts: list[Fact] = []
        call = on_stage(prompt_set, settings, facts)
        assert isinstance(call.line, ScriptedLine)
        call.ends_at = settings.patience.call_seconds
        caller = asyncio.create_task(_replaying(call.line, heard))
        ending = await converse(call, "welcome")
        caller.cancel()
        return ending, asyncio.get_running_loop().time()

    ending, lasted = run(story)
    assert ending == "completed"
    assert HOUR < lasted < HOUR + 60
    assert heard.count("account.help") > 50
    assert heard[-1] == "line.goodbye"


def test_a_caller_who_is_silent_is_let_go_long_before(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def story() -> tuple[str, float]:
        call = on_stage(prompt_set, settings, [])
        return await converse(call, "welcome"), asyncio.get_running_loop().time()

    ending, lasted = run(story)
    assert ending == "gave_up"
    assert lasted < 300
