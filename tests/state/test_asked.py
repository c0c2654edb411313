"""Nobody is asked twice on a day how content they are, whichever node they call."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select

from ivr.calls.asked import Asked
from ivr.calls.asked_together import ASKED, AskedTogether
from tests.state.conftest import Pair
from tests.state.line import OneOf, away, told

TODAY = date(2026, 11, 28)


class Days:
    """A node that knows who was asked, on the day that the test says."""

    def __init__(self, one: OneOf, asked: Asked | None = None) -> None:
        self.one, self.asked, self.day = one, asked or Asked(), TODAY
        self.part = AskedTogether(self.asked, one.node.shared, lambda: self.day)
        one.node.shares(self.part)

    def asks(self, *tokens: str) -> None:
        self.asked.add(self.day, tokens)

    def knows(self, token: str) -> bool:
        return self.asked.knows(self.day, (token,))


async def rows(one: OneOf) -> int:
    counted = select(func.count()).select_from(ASKED)
    return await one.node.shared.attempt(lambda rows: int(rows.execute(counted).scalar_one()), 30)


def test_who_was_asked_on_one_node_is_not_asked_on_another(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Days(one), Days(other)
        first.asks("person", "caller")
        for each in (one, other):
            await each.beat()
        assert second.knows("person")
        assert second.knows("caller")
        assert not second.knows("somebody else")
        second.asks("later")
        for each in (other, one):
            await each.beat()
        assert first.knows("later")

    told(story, each_way)


def test_what_was_asked_alone_is_told_once_when_the_database_is_back(each_way: Pair) -> None:
    """Both may have asked the same one; and a service that began anew tells it all again."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Days(one), Days(other)
        with away(one, other):
            for made in (first, second):
                made.asks("both", made.one.settings.node)
                assert not made.part.is_even()
        for each in (one, other):
            await each.finds_it_again()
        await one.beat()
        assert first.knows("node-2")
        assert second.knows("node-1")
        again = Days(one)
        again.asks("both", "node-1")
        await one.beat()
        assert again.knows("node-2")
        assert await rows(one) == 3

    told(story, each_way)


def test_another_day_is_another_day(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Days(one), Days(other)
        first.asks("person")
        for each in (one, other):
            await each.beat()
        for made in (first, second):
            made.day += timedelta(days=2)
        first.asks("other")
        for each in (one, other):
            await each.beat()
        assert not second.knows("person")
        assert second.knows("other")
        assert await rows(one) == 1, "the days before are taken out"

    told(story, pair)


def test_the_day_turns_on_one_node_before_the_other(pair: Pair) -> None:
    """Clocks may be two seconds apart: what each day's knows stays that day's."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Days(one), Days(other)
        first.day += timedelta(days=1)
        first.asks("tomorrow")
        second.asks("today")
        for each in (one, other, one, other):
            await each.beat()
        assert not second.knows("tomorrow")
        second.day += timedelta(days=1)
        await other.beat()
        assert second.knows("tomorrow")
        assert not second.knows("today")

    told(story, pair)
