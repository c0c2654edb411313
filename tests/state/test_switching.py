"""The switch of a line of two nodes: turned on either, with and without the database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ivr.config import Settings
from ivr.config.settings import StateSettings
from ivr.lifecycle import switch
from ivr.lifecycle.switch import Closed, closed
from ivr.state import switching
from tests.state.conftest import Pair
from tests.state.line import OneOf, told

NOON = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
SHUT = Closed(NOON, "机房检修")


def cut_off(settings: Settings) -> Settings:
    """The same machine, from which the database cannot be reached."""
    nowhere = StateSettings(url="sqlite:////no such folder/state.sqlite")  # type: ignore[arg-type]
    return settings.model_copy(update={"state": nowhere})


async def turned(node: OneOf, reason: str | None, at: datetime, *, reached: bool = True) -> bool:
    """Closed for a reason, or opened (None), by a command on that machine."""
    settings = node.settings if reached else cut_off(node.settings)
    if reason is None:
        return await asyncio.to_thread(switching.reopen, settings, at)
    return await asyncio.to_thread(switching.close, settings, reason, at)


def of(*nodes: OneOf) -> list[Closed | None]:
    return [closed(each.settings.home) for each in nodes]


def test_closed_on_one_it_is_closed_on_both_and_opened_on_the_other(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        assert await turned(one, "机房检修", NOON)
        assert of(one) == [SHUT]
        await other.beat()
        assert of(one, other) == [SHUT, SHUT]
        assert await turned(other, None, LATER)
        await one.beat()
        assert of(one, other) == [None, None]

    told(story, each_way)


def test_the_last_turn_holds_though_its_nodes_clock_is_behind(pair: Pair) -> None:
    """Up to two seconds: opened after it was closed, it is open."""

    async def story(one: OneOf, other: OneOf) -> None:
        await turned(one, "机房检修", NOON)
        assert await turned(other, None, NOON - timedelta(seconds=1.9))
        for each in (one, other, one):
            await each.beat()
        assert of(one, other) == [None, None]

    told(story, pair)


def test_turned_while_the_database_is_away_it_holds_here_and_later_everywhere(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        assert not await turned(one, "机房检修", NOON, reached=False)
        assert of(one, other) == [SHUT, None]
        await one.beat()
        await other.beat()
        assert of(one, other) == [SHUT, SHUT]
        assert await turned(other, None, LATER)
        await one.beat()
        assert of(one, other) == [None, None], "what was told once was told again"

    told(story, pair)


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_turns_that_nobody_could_tell_the_later_one_holds(pair: Pair, first: int) -> None:
    """Whichever node is back first."""

    async def story(one: OneOf, other: OneOf) -> None:
        await turned(one, "机房检修", NOON, reached=False)
        await turned(other, None, LATER, reached=False)
        order = [one, other] if first == 0 else [other, one]
        for each in (*order, *order):
            await each.beat()
        assert of(one, other) == [None, None]

    told(story, pair)


def test_a_machine_that_was_closed_when_it_became_the_first_node_has_closed_the_line(
    pair: Pair,
) -> None:
    switch.close(pair[0].home, "机房检修", NOON)

    async def story(one: OneOf, other: OneOf) -> None:
        assert of(one, other) == [SHUT, SHUT]

    told(story, pair)


def test_a_file_that_says_nothing_closes_the_line_too(pair: Pair) -> None:
    """Whoever puts it there by hand means it."""
    (pair[0].home / "line.closed").write_text("")

    async def story(one: OneOf, other: OneOf) -> None:
        assert None not in of(one, other)

    told(story, pair)


def test_a_turn_that_is_damaged_on_disk_is_what_the_switch_says(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        await turned(one, "机房检修", NOON, reached=False)
        (one.settings.home / "state" / "switch.json").write_text('{"at"')
        await one.beat()
        await other.beat()
        assert of(one, other) == [SHUT, SHUT]

    told(story, pair)


def test_without_shared_state_it_is_this_machines(settings: Settings) -> None:
    assert switching.close(settings, "机房检修", NOON)
    assert closed(settings.home) == SHUT
    assert switching.reopen(settings, LATER)
    assert closed(settings.home) is None
    assert list(settings.home.iterdir()) == []
