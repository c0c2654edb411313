"""When a silence in a number is one, counted from its last key; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from ivr.calls.call import Call, HeldTooLong
from ivr.calls.entry import collect_id
from ivr.config import Settings
from ivr.records.facts import Fact, Step
from ivr.speech.prompts import PromptSet
from tests.scripted import ByHand
from tests.test_conversations import on_stage
from tests.virtual import run


class Caller(ByHand):
    """Somebody at the question for the ID number."""

    def __init__(self, call: Call) -> None:
        super().__init__(call.line)
        self.call = call
        self.entry = asyncio.create_task(collect_id(call, "identity.ask"))


def now() -> float:
    return asyncio.get_running_loop().time()


def at_the_question(
    story: Callable[[Caller], Awaitable[None]], prompts: PromptSet, settings: Settings
) -> list[Step]:
    async def visit() -> list[Step]:
        facts: list[Fact] = []
        caller = Caller(on_stage(prompts, settings, facts))
        try:
            await story(caller)
        finally:
            caller.entry.cancel()
            with suppress(asyncio.CancelledError, HeldTooLong):
                await caller.entry
        return [fact for fact in facts if isinstance(fact, Step)]

    return run(visit)


@pytest.mark.parametrize("count", [1, 2, 7, 15, 16, 17])
@pytest.mark.parametrize("apart", [0.2, 1.3, 4.9])
def test_patience_counts_from_the_last_digit(
    count: int, apart: float, prompt_set: PromptSet, settings: Settings
) -> None:
    async def story(caller: Caller) -> None:
        await caller.hears("identity.ask")
        last = await caller.key("99010220001212012"[:count], apart=apart)
        said = "identity.fifteen_pause" if count == 15 else "identity.missing"
        assert await caller.hears(said) - last == pytest.approx(settings.patience.inter_key_seconds)

    at_the_question(story, prompt_set, settings)


def test_a_star_in_the_middle_clears_at_once(prompt_set: PromptSet, settings: Settings) -> None:
    async def story(caller: Caller) -> None:
        await caller.hears("identity.ask")
        last = await caller.key("99010*")
        assert await caller.hears("identity.cleared") == last

    at_the_question(story, prompt_set, settings)


def test_who_typed_ahead_has_all_the_patience_from_the_question_on(
    prompt_set: PromptSet, settings: Settings
) -> None:
    """The keys are older than the question: they waited for it, not the caller."""

    async def story(caller: Caller) -> None:
        caller.entry.cancel()
        caller.line.press("990")
        await asyncio.sleep(60.0)
        caller.entry, asked = asyncio.create_task(collect_id(caller.call, "identity.ask")), now()
        heard = await caller.hears("identity.missing")
        assert heard - asked == pytest.approx(settings.patience.inter_key_seconds)

    at_the_question(story, prompt_set, settings)


def test_time_on_hold_is_nobodys_patience(prompt_set: PromptSet, settings: Settings) -> None:
    async def story(caller: Caller) -> None:
        await caller.hears("identity.ask")
        last = await caller.key("9901")
        caller.call.inbox.hold()
        await asyncio.sleep(100.0)
        caller.call.inbox.unhold()
        heard = await caller.hears("identity.missing")
        assert heard - last - 100.0 == pytest.approx(settings.patience.inter_key_seconds)

    at_the_question(story, prompt_set, settings)


def test_the_records_know_how_many_keys_and_how_long(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def story(caller: Caller) -> None:
        await caller.hears("identity.ask")
        await caller.key("990102200012120127", apart=1.0)
        await caller.entry

    (step,) = at_the_question(story, prompt_set, settings)
    assert (step.keys, step.ms, step.key, step.heard) == (18, 18_000, None, "match")


def test_a_call_that_has_had_its_time_ends_between_two_digits(
    prompt_set: PromptSet, settings: Settings
) -> None:
    async def story(caller: Caller) -> None:
        await caller.hears("identity.ask")
        caller.call.ends_at = now() + 30.0
        while not caller.entry.done():
            await caller.key("9", apart=4.0)
        assert isinstance(caller.entry.exception(), HeldTooLong)
        assert now() <= 30.0 + 2 * settings.patience.inter_key_seconds

    at_the_question(story, prompt_set, settings)
