"""Wishes to be called back on several nodes: each number once, and nobody called in vain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ivr.agents.wishes import Move, Wishes
from ivr.agents.wishes_together import WishesTogether
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.records.facts import CallbackOver
from ivr.state.outbox import Outbox
from tests.state.conftest import Pair
from tests.state.line import OneOf, away, told
from tests.state.test_agents import lives

NOW = datetime(2026, 11, 28, 2, tzinfo=UTC)
NUMBER = Sensitive("13800138000")
OTHER = Sensitive("13900139000")


class Desk:
    """A node where callers wish to be called back."""

    def __init__(self, one: OneOf) -> None:
        home, keys = one.settings.home, Keys.load(one.settings.home / "keys")
        self.one = one
        self.own = Wishes(
            home / "callbacks.jsonl", Vault(home / "vault.sqlite", keys), Tokens(keys)
        )
        self.facts: list[CallbackOver] = []
        self.outbox = Outbox(home / "state" / "callbacks")
        self.wishes = WishesTogether(
            one.settings.node, one.node.shared, self.own, self.outbox, self.facts.append
        )
        one.node.shares(self.wishes, self.outbox.close)
        self.person = self.own.person(NUMBER)

    async def left(self, minutes: int = 0, number: Sensitive[str] = NUMBER) -> bool:
        since = NOW + timedelta(minutes=minutes)
        return await self.wishes.leave(
            number, session="s", since=since, standing="usual", now=since
        )

    def serves(self, minutes: int = 9) -> None:
        """As `calls.calling_back.served`."""
        wish = self.wishes.living(self.person)
        assert wish is not None
        self.wishes.move(wish, Move("withdrawn"), now=NOW + timedelta(minutes=minutes))

    def to_call(self) -> int:
        return len(self.own.open())


async def beats(*desks: Desk) -> None:
    """Each is heard of, and what one says is known to the others."""
    for _ in range(2):
        for desk in desks:
            await desk.one.finds_it_again()
            await lives(desk.one)
            await desk.wishes.catch_up()


def test_a_number_has_one_wish_whichever_node_it_was_told(each_way: Pair) -> None:
    """And the caller who rings again on another node has the place of it."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        assert await first.left()
        await beats(first, second)
        assert not await second.left(minutes=5)
        assert await second.left(number=OTHER)
        known = second.wishes.living(first.person)
        assert known is not None
        assert known.since == NOW
        (wish,) = first.own.open()
        first.own.move(wish, Move("open", tries=1, outcome="busy"), now=NOW)
        await beats(first, second)
        known = second.wishes.living(first.person)
        assert known is not None
        assert known.ranks_as == "called_back"
        assert (first.to_call(), second.to_call()) == (1, 1)

    told(story, each_way)


def test_who_was_served_on_one_node_is_not_called_by_the_other(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        await first.left()
        await beats(first, second)
        second.serves()
        await beats(second, first)
        assert first.to_call() == 0
        assert [fact.ending for fact in first.facts] == ["withdrawn"]
        assert second.facts == []
        assert await second.left(minutes=20), "another wish is another"
        await beats(first, second)
        assert second.to_call() == 1

    told(story, each_way)


def test_what_a_node_did_alone_is_told_once_when_the_database_is_back(pair: Pair) -> None:
    """Two wishes of one number are the earlier one; who was served is not called."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        with away(one, other):
            assert await first.left(minutes=3)
            assert await second.left(minutes=1)
        await beats(first, second)
        assert (first.to_call(), second.to_call()) == (0, 1)
        assert len(first.facts) == 1
        with away(first.one):
            first.serves()
        assert len(first.outbox) == 1
        await beats(first, second)
        assert second.to_call() == 0
        assert not len(first.outbox)
        await beats(first, second)
        assert (len(first.facts), len(second.facts)) == (1, 1)

    told(story, pair)


def test_who_is_being_called_is_not_withdrawn_in_the_midst_of_it(pair: Pair) -> None:
    """What comes of the call decides: reached is reached, and in vain nobody calls again."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        await first.left()
        await beats(first, second)
        (wish,) = first.own.open()
        calling = first.own.move(wish, Move("calling"), now=NOW)
        assert calling is not None
        second.serves()
        await beats(second, first)
        assert first.own.of(first.person) == calling
        first.own.move(calling, Move("open", tries=1, outcome="no_answer"), now=NOW)
        await beats(first, second)
        assert first.to_call() == 0
        assert [fact.ending for fact in first.facts] == ["withdrawn"]

    told(story, pair)


def test_a_dead_nodes_wish_keeps_nobody_from_wishing_and_is_over_once_they_were_reached(
    pair: Pair,
) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        await first.left()
        await beats(first, second)
        await lives(one, heard_of=False)
        await second.wishes.catch_up()
        assert await second.left(minutes=30)
        await second.wishes.catch_up()
        (wish,) = second.own.open()
        calling = second.own.move(wish, Move("calling"), now=NOW + timedelta(minutes=31))
        assert calling is not None
        second.own.move(calling, Move("reached"), now=NOW + timedelta(minutes=32))
        await second.wishes.catch_up()
        await beats(first, second)
        assert first.to_call() == 0, "it comes back, and calls nobody who was called"

    told(story, pair)
