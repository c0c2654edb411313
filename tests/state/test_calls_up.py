"""Calls at once from one number on two nodes; calls of a node that died do not count."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, func, select

from ivr.state.calls_up import CALL
from ivr.state.nodes import NODE
from tests.state.conftest import Pair
from tests.state.line import OneOf, away, told


def rows(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(CALL)).scalar_one())


async def empty(node: OneOf) -> None:
    """Until the database knows that everybody has left."""
    async with asyncio.timeout(60):
        while await node.node.shared.attempt(rows, 30):  # noqa: ASYNC110  it is no event of ours
            await asyncio.sleep(0.02)


def test_calls_of_one_number_count_together_and_other_numbers_do_not(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        assert await one.calls.may_enter("a", "firm", 2)
        assert await other.calls.may_enter("b", "firm", 2)
        for each in (one, other):
            assert not await each.calls.may_enter("c", "firm", 2)
            assert await each.calls.may_enter(f"d of {each.settings.node}", "home", 2)
        one.calls.left("a")
        async with asyncio.timeout(60):
            while not await other.calls.may_enter("c", "firm", 2):
                await other.beat()

    told(story, each_way)


@pytest.mark.live
def test_calls_in_the_same_moment_are_no_more_than_allowed(on_postgres: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        asked = [
            each.calls.may_enter(f"{n} of {each.settings.node}", "firm", 3)
            for n in range(4)
            for each in (one, other)
        ]
        answers = await asyncio.gather(*asked)
        assert sum(answers) == 3

    told(story, on_postgres)


def test_calls_of_a_node_that_is_not_heard_of_do_not_count(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        assert await one.calls.may_enter("a", "firm", 1)
        assert not await other.calls.may_enter("b", "firm", 1)
        died = NODE.update().where(NODE.c.name == one.settings.node).values(seen_at=0.0)
        await other.node.shared.attempt(lambda rows: rows.execute(died), 30)
        assert await other.calls.may_enter("b", "firm", 1)

    told(story, each_way)


def test_while_the_database_is_away_each_node_has_its_share(pair: Pair) -> None:
    """And the database has what is up when it is back: those who came and those who left."""

    async def story(one: OneOf, other: OneOf) -> None:
        assert await one.calls.may_enter("before", "firm", 4)
        with away(one):
            assert await one.calls.may_enter("a", "firm", 4)
            assert not await one.calls.may_enter("b", "firm", 4)
            one.calls.left("before")
            assert await one.calls.may_enter("c", "firm", 4)
            await asyncio.sleep(0)
        await one.finds_it_again()
        assert await other.node.shared.attempt(rows, 30) == 2
        one.calls.left("a")
        one.calls.left("c")
        await empty(other)

    told(story, pair)


def test_a_service_that_takes_over_counts_the_calls_that_it_finds(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        one.calls.found("a", "firm")
        await one.beat()
        assert not await other.calls.may_enter("b", "firm", 1)

    told(story, pair)


def test_the_same_session_asked_twice_counts_once(pair: Pair) -> None:
    """As after an answer that did not come in time."""

    async def story(one: OneOf, other: OneOf) -> None:
        for _ in range(2):
            assert await one.calls.may_enter("a", "firm", 2)
        assert await other.calls.may_enter("b", "firm", 2)

    told(story, pair)
