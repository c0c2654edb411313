"""Key 6, then 3: who complained asks by telephone in between, and hears each state of the case."""

from __future__ import annotations

import asyncio

import pytest

from ivr.people.operator import operator_name
from tests import commands
from tests.live.conftest import LiveLine
from tests.live.test_agents import until
from tests.live.test_feedback import PERSON, filed, how_many, keyed, recorded, speech

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

__all__ = ["speech"]


def moved(line: LiveLine, *words: str) -> None:
    """By a command of the line, as its people do it."""
    done = commands.ivr(line.env, "recordings", *words)
    assert done.returncode == 0, done.stderr


async def asks(line: LiveLine, number: str, clip: str, *, tail: str = PERSON[-4:]) -> list[str]:
    """Call, ask for the case, and hear that clip; all that was heard."""
    async with line.call() as caller:
        await caller.hears_begin("main.greeting")
        await keyed(caller, "63")
        await caller.hears_begin(line.ear.alias["progress.ask_number"])
        await keyed(caller, number)
        await caller.hears_begin(line.ear.alias["progress.ask_tail"])
        await keyed(caller, tail)
        heard = await caller.hears(line.ear.alias[clip])
    return [each.name for each in heard]


async def complained(line: LiveLine, sound: bytes) -> str:
    """A complaint is left; the number that its caller heard."""
    count = how_many(line)
    async with recorded(line) as caller:
        caller.phone.speak(sound[:16000])
        await asyncio.sleep(2.2)
        caller.phone.press("#")
        await caller.hears_begin("feedback.saved.1")
        fact = await filed(line, count + 1)
    return str(fact["reference"])


def test_who_complained_hears_each_state_in_between(line: LiveLine, speech: bytes) -> None:
    async def story() -> None:
        number = await complained(line, speech)
        assert len(number) == 8

        def has_case() -> bool:
            kinds = (fact for fact in line.facts() if fact["fact"] == "CaseMoved")
            return any(fact["reference"] == number for fact in kinds)

        await until(has_case)
        heard = await asks(line, number, "progress.pending.2")
        today = line.facts()[-1]["at"][:4]
        year = line.reading("date", f"{today}-01-01")[0]
        assert year in heard, "days are told in Mandarin"
        for move, clip in (
            (("accept",), "accepted.3"),
            (("assign", "--handler", operator_name()), "assigned.2"),
            (("take",), "working.2"),
            (("suspend", "--text", "等银行回复"), "suspended.2"),
            (("resume",), "working.2"),
            (("answer", "--text", "已经更正"), "answered.3"),
            (("close",), "closed.3"),
            (("follow_up", "--content", "discontent"), "followed_up.2"),
            (("redo", "--text", "还没有到账"), "reopened.2"),
        ):
            await asyncio.to_thread(moved, line, "move", number, *move)
            await asks(line, number, f"progress.{clip}")

        other = await complained(line, speech)
        await asyncio.to_thread(moved, line, "move", other, "merge", "--into", number)
        heard = await asks(line, other, "progress.reopened.2")
        assert line.ear.alias["progress.merged"] in heard
        await asks(line, number, "progress.wrong_pair", tail="0000")
        await line.settled()

    asyncio.run(story())
    wrong = [fact["reason"] for fact in line.facts() if fact["fact"] == "Refused"]
    assert wrong == ["case_wrong"]
