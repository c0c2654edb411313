"""Each way in which a line can fail its caller is told apart, by real packets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from ivr.people.sensitive import Sensitive
from ivr.probe.course import Course, Failed, Step
from ivr.probe.ear import Ear, share
from ivr.probe.sound import FRAME, SILENCE
from ivr.probe.telephone import Telephone
from tests.probe.fake_line import FakeLine, Says, silence, sound

SOUNDS: Mapping[str, bytes] = {
    name: sound(name) for name in ("greeting", "menu", "ask", "sorry", "other", "line.no_input")
}
STEPS = (
    Step("greeting", ("greeting",)),
    Step("menu", ("menu",), whole=False, keys=Sensitive("1")),
    Step("ask", ("ask",)),
)
GREETING = silence(0.2) + SOUNDS["greeting"] + SOUNDS["menu"]

DENTED = SOUNDS["greeting"][: FRAME * 8] + SILENCE * 8 + SOUNDS["greeting"][FRAME * 16 :]


async def called(line: FakeLine, patience: float = 1.5) -> tuple[list[str], Failed | None]:
    async with Telephone.connected(line.address) as phone:
        assert await phone.dial("12329") == 200
        seconds = {name: len(content) / 8000 for name, content in SOUNDS.items()}
        course = Course(phone, Ear(SOUNDS), frozenset({"sorry"}), patience, seconds)
        passed, failed = await course.run(STEPS)
        return [each.step.name for each in passed], failed


def outcome(*story: Says, sends_sound: bool = True) -> tuple[list[str], Failed | None]:
    async def call() -> tuple[list[str], Failed | None]:
        async with FakeLine.telling(*story, sends_sound=sends_sound) as line:
            return await called(line)

    return asyncio.run(call())


def test_a_line_that_says_all_that_it_should_is_well() -> None:
    passed, failed = outcome(Says(GREETING), Says(silence(0.3) + SOUNDS["ask"]))
    assert failed is None
    assert passed == ["greeting", "menu", "ask"]


@pytest.mark.parametrize(
    ("story", "verdict", "step"),
    [
        ((Says(),), "silence", "greeting"),
        ((Says(silence(0.2) + SOUNDS["other"]),), "wrong_prompt", "greeting"),
        ((Says(silence(0.2) + SOUNDS["sorry"]),), "apology", "greeting"),
        ((Says(SOUNDS["greeting"][FRAME * 9 :]),), "clipped", "greeting"),
        ((Says(SOUNDS["greeting"][: FRAME * 18]),), "clipped", "greeting"),
        (
            (
                Says(
                    SOUNDS["greeting"][: FRAME * 8] + SILENCE * 8 + SOUNDS["greeting"][FRAME * 16 :]
                ),
            ),
            "clipped",
            "greeting",
        ),
        ((Says(sound("a stranger's")),), "unknown_sound", "greeting"),
        ((Says(GREETING), Says()), "silence", "ask"),
        ((Says(GREETING), Says(SOUNDS["other"])), "wrong_prompt", "ask"),
        ((Says(GREETING), Says(SOUNDS["sorry"])), "apology", "ask"),
        ((Says(GREETING), Says(SOUNDS["menu"])), "not_heard", "ask"),
        ((Says(GREETING), Says(SOUNDS["line.no_input"])), "not_heard", "ask"),
        ((Says(GREETING), Says(SOUNDS["ask"][: FRAME * 15])), "clipped", "ask"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_faults_are_told_apart(story: tuple[Says, ...], verdict: str, step: str) -> None:
    _, failed = outcome(*story)
    assert failed is not None
    assert (failed.verdict, failed.step.name) == (verdict, step)


def test_a_line_that_sends_no_sound_at_all_is_no_silent_one() -> None:
    _, failed = outcome(Says(GREETING), sends_sound=False)
    assert failed is not None
    assert failed.verdict == "no_sound"


def test_a_menu_that_goes_on_after_the_key_does_not_hear_it() -> None:
    long = {**SOUNDS, "menu": sound("menu", 6.0)}

    async def call() -> Failed | None:
        story = Says(silence(0.2) + long["greeting"] + long["menu"])
        async with (
            FakeLine.telling(story) as line,
            Telephone.connected(line.address) as phone,
        ):
            await phone.dial("12329")
            seconds = {name: len(content) / 8000 for name, content in long.items()}
            course = Course(phone, Ear(long), frozenset(), 2.5, seconds)
            return (await course.run(STEPS))[1]

    failed = asyncio.run(call())
    assert failed is not None
    assert failed.verdict == "not_heard"


def test_a_lost_packet_is_no_missing_part() -> None:
    whole = sound("long", 3.0)
    dented = whole[: FRAME * 70] + SILENCE + whole[FRAME * 71 :]
    found = share(whole, silence(0.5) + dented)
    assert found.found > 0.98
    assert (found.begins, found.ends, round(found.at, 2)) == (True, True, 0.5)


def test_of_a_sentence_that_begins_late_the_share_says_so() -> None:
    whole = sound("late", 3.0)
    found = share(whole, silence(0.5) + whole[FRAME * 20 :])
    assert 0.8 < found.found < 0.9
    assert (found.begins, found.ends) == (False, True)
