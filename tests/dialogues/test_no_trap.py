"""Whatever a caller does, in any order: no place is a trap, and the call comes to an end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from ivr.accounts.demo import PEOPLE
from ivr.calls.call import Call
from ivr.config import Settings
from ivr.dialogues import all_places, converse
from ivr.records.facts import DialogueEntered, Fact, Step
from ivr.speech.prompts import PromptSet
from tests.test_conversations import on_stage
from tests.virtual import VirtualLoop

NUMBERS = tuple(person.id_number.replace("X", "*") for person in PEOPLE)
WAYS_TO_SPEAK = tuple(f"6{kind}{NUMBERS[0]}" for kind in ("11", "12", "2"))
PHONES = ("6001", "6002")
STEPS_TO_AN_END = 20
"""At most so many things are said to somebody who does nothing any more …"""
STEPS_A_KEY = 6
"""… and so many for each key that was typed ahead."""
STARS_TO_THE_TOP = 30
"""At most so often somebody presses `*`, a second apart, before the main menu comes."""
SECONDS_TO_AN_END = 600.0


@dataclass(slots=True)
class Somebody:
    """A caller, the people and machines around the call, and what they do at random."""

    call: Call = field(repr=False)
    facts: list[Fact] = field(repr=False)
    start: str
    keys: int = 0
    task: asyncio.Task[str] = field(init=False)

    def __post_init__(self) -> None:
        self.task = asyncio.create_task(converse(self.call, self.start))

    def press(self, key: str) -> None:
        self.keys += 1
        self.call.line.press(key)

    def type_ahead(self, keys: str) -> None:
        for key in keys:
            self.press(key)

    def database(self, up: bool) -> None:
        self.call.means.accounts.up = up

    def night(self, is_night: bool) -> None:
        self.call.means.clock.now = self.call.means.clock.now.replace(hour=22 if is_night else 10)

    def phones(self, registered: tuple[str, ...]) -> None:
        self.call.exchange.registered = frozenset(registered)

    def disk(self, full: bool) -> None:
        self.call.means.desk.full = full

    def speak(self, seconds: float) -> None:
        if self.call.line.recording is not None:
            self.call.line.speak(seconds)

    def answer(self, phone: str) -> None:
        if phone in self.call.exchange.ringing:
            self.call.exchange.picks_up(phone)

    def leave(self, phone: str) -> None:
        if phone in self.call.exchange.ringing:
            self.call.exchange.goes(phone, 16)

    def steps(self) -> int:
        return sum(isinstance(fact, Step) for fact in self.facts)

    def agents_hang_up(self) -> None:
        for phone in tuple(self.call.exchange.ringing):
            self.leave(phone)


Deed = tuple[float, str, object]
"""After so many seconds: what somebody does, and with what."""

PAUSES = st.sampled_from([0.0, 0.3, 1.0, 3.0, 9.0, 40.0])
DEEDS = st.one_of(
    st.tuples(PAUSES, st.just("press"), st.sampled_from("1234567890*#" + "1234560***")),
    st.tuples(PAUSES, st.just("type_ahead"), st.sampled_from(NUMBERS)),
    st.tuples(PAUSES, st.just("type_ahead"), st.text("0123456*#", min_size=2, max_size=20)),
    st.tuples(PAUSES, st.just("database"), st.booleans()),
    st.tuples(PAUSES, st.just("night"), st.booleans()),
    st.tuples(PAUSES, st.just("disk"), st.booleans()),
    st.tuples(PAUSES, st.just("speak"), st.sampled_from([0.1, 5.0, 400.0])),
    st.tuples(PAUSES, st.just("type_ahead"), st.sampled_from(WAYS_TO_SPEAK)),
    st.tuples(PAUSES, st.just("phones"), st.sampled_from([(), PHONES, PHONES[:1]])),
    st.tuples(PAUSES, st.sampled_from(["answer", "leave"]), st.sampled_from(PHONES)),
)


async def _lived(deeds: list[Deed], somebody: Somebody) -> None:
    for pause, deed, what in deeds:
        await asyncio.wait({somebody.task}, timeout=pause)
        if somebody.task.done():
            return
        getattr(somebody, deed)(what)
    somebody.agents_hang_up()


async def _falls_silent(somebody: Somebody) -> None:
    """Nobody does anything any more: the call ends soon, by itself."""
    before = somebody.steps()
    await asyncio.wait({somebody.task}, timeout=SECONDS_TO_AN_END)
    assert somebody.task.done(), f"it goes on for ever in {somebody.call.place}"
    assert somebody.steps() - before <= STEPS_TO_AN_END + STEPS_A_KEY * somebody.keys


async def _wants_the_main_menu(somebody: Somebody) -> None:
    """One level up, until there is no level more; a recording is ended as its warning says."""
    reached = len(somebody.facts)
    for _ in range(STARS_TO_THE_TOP):
        entered = (fact for fact in somebody.facts[reached:] if isinstance(fact, DialogueEntered))
        at_the_top = somebody.call.place == "main" or any(f.dialogue == "main" for f in entered)
        if at_the_top or somebody.task.done():
            return
        somebody.press("*" if somebody.call.line.recording is None else "#")
        somebody.agents_hang_up()
        await asyncio.wait({somebody.task}, timeout=1.0)
    raise AssertionError(f"no way up from {somebody.call.place}")


Ending = Callable[[Somebody], Awaitable[None]]


def live(
    start: str, deeds: list[Deed], ending: Ending, prompt_set: PromptSet, settings: Settings
) -> list[Fact]:
    """A call from a place on, as after a restart: what the records know of it."""
    facts: list[Fact] = []

    async def story() -> None:
        somebody = Somebody(on_stage(prompt_set, settings, facts), facts, start)
        try:
            await _lived(deeds, somebody)
            await ending(somebody)
        finally:
            somebody.task.cancel()
            await asyncio.wait({somebody.task})
            await somebody.call.settle()
        if not somebody.task.cancelled():
            assert somebody.task.result() in {"completed", "gave_up", "closed", "refused"}
        somebody.call.exchange.assert_idle()

    loop = VirtualLoop()
    try:
        loop.run_until_complete(story())
    finally:
        loop.close()
    return facts


@pytest.mark.parametrize("ending", [_falls_silent, _wants_the_main_menu])
def test_no_place_is_a_trap(ending: Ending, prompt_set: PromptSet, settings: Settings) -> None:
    nodes = [node.prompt for branch in prompt_set.information.values() for node in branch.walk()]
    places = [*(place.name for place in all_places()), *nodes]

    @trying(max_examples=200, deadline=None, derandomize=True)
    @given(start=st.sampled_from(["welcome", *places]), deeds=st.lists(DEEDS, max_size=25))
    def whatever_is_done(start: str, deeds: list[Deed]) -> None:
        facts = live(start, deeds, ending, prompt_set, settings)
        steps = [fact for fact in facts if isinstance(fact, Step)]
        assert [step.n for step in steps] == list(range(1, len(steps) + 1))
        for step in steps:
            if step.verb == "menu" and step.key == "*" and step.dialogue != "main":
                assert step.heard == "back", f"* leads nowhere in {step.dialogue}"
        assert not re.search(r"\d{15}", repr(facts)), "an ID number stands in the records"

    for place in places:
        whatever_is_done = example(start=place, deeds=[])(whatever_is_done)
    whatever_is_done()
