"""Sounds and recordings that Asterisk takes and never begins: noticed in two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from ivr.calls.call import Call
from ivr.calls.inbox import Begun
from ivr.calls.record import Taken, record
from ivr.calls.saying import START_SECONDS, NotBegun
from ivr.config import Settings
from ivr.records.facts import Fact, Recorded
from ivr.speech.prompts import PromptSet
from tests.scripted import ScriptedDesk, ScriptedLine
from tests.test_conversations import on_stage
from tests.virtual import run

LONG = "information.4.1.1"
SOON = 2 * START_SECONDS + 0.1


@dataclass
class Stage:
    """A call, its line and its records."""

    call: Call
    line: ScriptedLine
    desk: ScriptedDesk
    facts: list[Fact]

    @property
    def times_said(self) -> int:
        return len(self.line.texts)


Story = Callable[[Stage], Awaitable[None]]


@pytest.fixture
def tell(prompt_set: PromptSet, settings: Settings) -> Callable[[Story], None]:
    def told(story: Story) -> None:
        async def course() -> None:
            facts: list[Fact] = []
            call = on_stage(prompt_set, settings, facts)
            await story(Stage(call, call.line, call.means.desk, facts))  # type: ignore[arg-type]

        run(course)

    return told


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_sentence_that_does_not_begin_is_said_once_more(tell: Callable[[Story], None]) -> None:
    async def story(stage: Stage) -> None:
        stage.line.mute = 1
        seconds = stage.call.utter(LONG).seconds
        assert await stage.call.say(LONG)
        assert stage.times_said == 2
        assert now() == pytest.approx(START_SECONDS + seconds)

    tell(story)


@pytest.mark.parametrize("verb", ["say", "warn"])
def test_a_sentence_that_never_begins_is_no_minute_of_silence(
    tell: Callable[[Story], None], verb: str
) -> None:
    async def story(stage: Stage) -> None:
        stage.line.mute = 99
        assert stage.call.utter(LONG).seconds > 20
        with pytest.raises(NotBegun):
            await getattr(stage.call, verb)(LONG)
        assert now() < SOON
        assert stage.line.sounding is None, "it is not left in the queue"

    tell(story)


def test_a_key_counts_also_before_the_sound_has_begun(tell: Callable[[Story], None]) -> None:
    async def story(stage: Stage) -> None:
        stage.line.mute = 1
        asyncio.get_running_loop().call_later(0.5, stage.line.press, "1")
        assert await stage.call.menu("account.menu", {"1": "one", "*": "back"}) == "one"
        assert now() == pytest.approx(0.5)

    tell(story)


def test_a_recording_that_does_not_begin_is_refused_at_once_and_nothing_is_kept(
    tell: Callable[[Story], None],
) -> None:
    async def story(stage: Stage) -> None:
        slip = await stage.desk.begin("complaint", "s", None)
        taking = asyncio.create_task(record(stage.call, slip, "feedback.speak"))
        await stage.line.silent()
        await stage.line.said.get()
        while stage.line.sounding is not None:
            await asyncio.sleep(0.01)
            stage.line.mute = 1
        began = now()
        assert await taking is Taken.NOT_KEPT
        assert now() - began < SOON
        assert stage.desk.slips == {}
        assert not [fact for fact in stage.facts if isinstance(fact, Recorded)]

    tell(story)


def test_who_hangs_up_before_the_recording_begins_is_not_waited_for(
    tell: Callable[[Story], None],
) -> None:
    async def story(stage: Stage) -> None:
        slip = await stage.desk.begin("complaint", "s", None)
        taking = asyncio.create_task(record(stage.call, slip, "feedback.speak"))
        await stage.line.said.get()
        while stage.line.sounding is not None:
            await asyncio.sleep(0.01)
            stage.line.mute = 1
        await asyncio.sleep(0.5)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        before = now()
        await stage.call.settle()
        assert now() - before < SOON

    tell(story)


@pytest.mark.parametrize("seconds", [0.1, 1.9])
def test_a_recording_that_begins_late_but_in_time_is_kept(
    tell: Callable[[Story], None], seconds: float
) -> None:
    async def story(stage: Stage) -> None:
        slip = await stage.desk.begin("complaint", "s", None)
        taking = asyncio.create_task(record(stage.call, slip, "feedback.speak"))
        await stage.line.said.get()
        while stage.line.sounding is not None:
            await asyncio.sleep(0.01)
            stage.line.mute = 1
        await asyncio.sleep(seconds)
        stage.call.inbox.put(Begun(slip.reference, asyncio.get_running_loop().time()))
        stage.line.spoken[slip.reference] = 8.0
        await asyncio.sleep(8.0)
        stage.line.press("#")
        assert await taking is Taken.KEPT

    tell(story)
