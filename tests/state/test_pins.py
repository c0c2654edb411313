"""The agents' own passwords on a line of two nodes: chosen on one, right on both."""

from __future__ import annotations

import json

from sqlalchemy import Connection, text

from ivr.accounts.passwords import hashed
from ivr.calls.pins import FILE, Pins
from ivr.calls.pins_together import among_nodes
from ivr.people.sensitive import Sensitive
from tests.state.conftest import Pair
from tests.state.line import OneOf, away, told

FIRST, LATER = Sensitive("271828"), Sensitive("314159")


def choose(node: OneOf, pin: Sensitive[str], at: float) -> None:
    Pins(node.settings.home, lambda: at).choose("6001", pin)


def right(pin: Sensitive[str], *nodes: OneOf) -> list[bool]:
    return [Pins(each.settings.home).right("6001", pin) for each in nodes]


async def shared(*nodes: OneOf) -> None:
    for each in nodes:
        among_nodes(each.node, each.settings)


async def beaten(*nodes: OneOf) -> None:
    for each in nodes:
        await each.beat()


def test_chosen_on_one_it_is_right_on_both_and_the_one_before_is_wrong(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        await shared(one, other)
        choose(one, FIRST, 1.0)
        await beaten(one, other)
        assert right(FIRST, one, other) == [True, True]
        choose(other, LATER, 2.0)
        await beaten(other, one)
        assert right(LATER, one, other) == [True, True]
        assert right(FIRST, one, other) == [False, False]

    told(story, each_way)


def test_of_two_that_were_chosen_apart_the_later_holds_whoever_is_back_first(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        await shared(one, other)
        with away(one, other):
            choose(one, LATER, 2.0)
            choose(other, FIRST, 1.0)
        await beaten(other, one, other)
        assert right(LATER, one, other) == [True, True]

    told(story, pair)


def test_whoever_has_the_database_has_no_hash_to_guess_by(pair: Pair) -> None:
    def all_of_it(rows: Connection) -> str:
        return str(rows.execute(text("SELECT * FROM agent_pin")).all())

    async def story(one: OneOf, other: OneOf) -> None:
        await shared(one, other)
        choose(one, FIRST, 1.0)
        await beaten(one)
        kept = Pins(one.settings.home).all()["6001"].hash
        there = await one.node.shared.attempt(all_of_it, 30)
        assert "6001" in there
        assert kept not in there
        assert kept.rpartition("$")[2] not in there

    told(story, pair)


def test_a_file_of_before_is_read_and_shared(pair: Pair) -> None:
    path = pair[0].home / FILE
    path.parent.mkdir()
    path.write_text(json.dumps({"6001": hashed(FIRST)}))

    async def story(one: OneOf, other: OneOf) -> None:
        await shared(one, other)
        await beaten(one, other)
        assert right(FIRST, one, other) == [True, True]

    told(story, pair)
