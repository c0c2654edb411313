"""Who has vanished in the midst of a conversation is missed by two signs, never by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from ivr.ari.client import Ari
from ivr.config import Agent
from ivr.line.missing import LOOK_SECONDS, SILENT_SECONDS, Missing
from tests.fake_ari import PASSWORD, USER, FakeAsterisk, fake_asterisk

FIRST, SECOND = Agent(name="甲", extension="6001"), Agent(name="乙", extension="6002")
LOOKS = round(SILENT_SECONDS / LOOK_SECONDS)


@dataclass
class Line:
    """Two who talk, as Asterisk shows them; time goes on by a look each."""

    asterisk: FakeAsterisk
    missing: Missing
    told: list[str]
    now: list[float] = field(default_factory=lambda: [0.0])

    async def looks(self, times: int, *heard: str) -> None:
        """`heard`: from whom something comes before each."""
        for _ in range(times):
            for leg in heard:
                self.asterisk.heard[leg] += 250
            await self.missing.look()
            self.now[0] += LOOK_SECONDS


Story = Callable[[Line], Awaitable[None]]


def tell(story: Story) -> None:
    async def told() -> None:
        async with fake_asterisk() as fake, Ari(fake.base, USER, PASSWORD) as ari:
            fake.phones, fake.heard = frozenset({"6001", "6002"}), {"a": 9, "b": 9}
            gone: list[str] = []
            now = [0.0]
            legs = {"a": FIRST, "b": SECOND}
            missing = Missing(ari, lambda: legs, gone.append, clock=lambda: now[0])
            await story(Line(fake, missing, gone, now))

    asyncio.run(told())


def test_who_is_not_reached_and_not_heard_has_vanished_and_is_told_of_once() -> None:
    async def story(line: Line) -> None:
        line.asterisk.phones = frozenset({"6002"})
        await line.looks(LOOKS)
        assert line.told == []
        await line.looks(1)
        assert line.told == ["a"]
        await line.looks(1)
        assert line.told == ["a"], "by the next look it is among those who talk no more"

    tell(story)


def test_who_is_muted_answers_and_who_does_not_answer_is_heard() -> None:
    async def story(line: Line) -> None:
        await line.looks(3 * LOOKS)
        line.asterisk.phones = frozenset()
        await line.looks(3 * LOOKS, "a", "b")
        assert line.told == []

    tell(story)


@pytest.mark.parametrize("sign", ["reached", "heard"])
def test_who_comes_back_is_counted_anew(sign: str) -> None:
    async def story(line: Line) -> None:
        line.asterisk.phones = frozenset({"6002"})
        await line.looks(LOOKS)
        if sign == "reached":
            line.asterisk.phones = frozenset({"6001", "6002"})
        await line.looks(1, "a")
        line.asterisk.phones = frozenset({"6002"})
        await line.looks(LOOKS - 1 if sign == "heard" else LOOKS)
        assert line.told == []
        await line.looks(1)
        assert line.told == ["a"]

    tell(story)


def test_what_asterisk_does_not_say_is_no_sign() -> None:
    async def story(line: Line) -> None:
        line.asterisk.phones = frozenset({"6002"})
        del line.asterisk.heard["a"]
        await line.looks(3 * LOOKS)
        line.asterisk.heard["a"] = 9
        line.asterisk.refusals = [("endpoints", 500)] * 3 * LOOKS
        await line.looks(3 * LOOKS)
        assert line.told == []

    tell(story)
