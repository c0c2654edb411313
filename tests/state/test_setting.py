"""What administrators have set, on a line of two nodes: one table, or nothing is changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.config import Settings, SettingsError, Table, standing
from ivr.lifecycle import setting as alone
from ivr.lifecycle.setting import ChangedMeanwhile, by
from ivr.state import setting
from tests.state.conftest import Pair
from tests.state.line import OneOf, told
from tests.state.test_switching import cut_off

NOON = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)


def put(settings: Settings, calls: int, base: int | None = None) -> int:
    """On the page of that machine, or by a command there; the number of the version."""
    return setting.change(settings, lambda _: limits(calls), made=made(), base=base).number


def put_before(settings: Settings, calls: int) -> None:
    """When it was one machine."""
    alone.change(settings, lambda _: limits(calls), made=made())


def made() -> Any:
    return by("王敏", "试", NOON)


def limits(calls: int) -> dict[str, Any]:
    return {"limits": {"calls": calls}}


def held(*machines: Settings) -> list[int]:
    return [standing(each).limits.calls for each in machines]


def versions(*machines: Settings) -> list[list[int]]:
    """By what each set, the oldest first."""
    return [
        [each.content["limits"]["calls"] for each in reversed(Table(machine.home).versions())]
        for machine in machines
    ]


async def beaten(*nodes: OneOf) -> None:
    for each in nodes:
        await each.beat()


def test_what_is_set_on_one_holds_on_both_and_is_set_anew_on_the_other(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        await asyncio.to_thread(put, one.settings, 40)
        await beaten(other)
        assert held(*each_way) == [40, 40]
        await asyncio.to_thread(put, other.settings, 50)
        await beaten(one)
        assert held(*each_way) == [50, 50]
        assert versions(*each_way) == [[40, 50], [40, 50]]

    told(story, each_way)


def test_of_two_at_once_the_second_is_told(each_way: Pair) -> None:
    """Also one whose service has not heard of the first yet."""

    async def story(one: OneOf, other: OneOf) -> None:
        await asyncio.to_thread(put, one.settings, 40, 0)
        with pytest.raises(ChangedMeanwhile):
            await asyncio.to_thread(put, other.settings, 50, 0)
        assert held(*each_way) == [40, 40]
        assert await asyncio.to_thread(put, other.settings, 50, 1) == 2

    told(story, each_way)


def test_while_the_database_is_away_nothing_is_changed_and_what_held_holds(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        await asyncio.to_thread(put, one.settings, 40)
        await beaten(other)
        with pytest.raises(SettingsError, match="共享数据库"):
            await asyncio.to_thread(put, cut_off(other.settings), 50)
        assert held(*pair) == [40, 40]
        assert versions(*pair) == [[40], [40]]

    told(story, pair)


def test_one_that_was_agreed_and_not_written_here_comes_with_the_next_beat(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console is killed between the two."""

    async def story(one: OneOf, other: OneOf) -> None:
        with monkeypatch.context() as disk:
            disk.setattr(alone, "write", _full)
            with pytest.raises(OSError, match="full"):
                await asyncio.to_thread(put, one.settings, 40)
        assert held(pair[0]) == [Settings().limits.calls]
        await beaten(one, other)
        assert versions(*pair) == [[40], [40]]

    told(story, pair)


def _full(*_: object, **__: object) -> None:
    raise OSError("full")


def test_the_first_node_brings_its_versions_and_the_next_keeps_its_own_aside(
    each_way: Pair,
) -> None:
    first, second = each_way
    put_before(first, 10)
    put_before(first, 20)
    for calls in (11, 12, 13):
        put_before(second, calls)

    async def story(one: OneOf, other: OneOf) -> None:
        assert versions(first, second) == [[10, 20], [10, 20]]
        aside = sorted(each.name for each in Table(second.home).folder.glob("*.own"))
        assert aside == ["000001.json.own", "000002.json.own", "000003.json.own"]
        assert await asyncio.to_thread(put, other.settings, 30) == 3

    told(story, each_way)


def test_a_machine_that_joins_a_line_where_nothing_was_set_sets_nothing(pair: Pair) -> None:
    first, second = pair
    put_before(second, 11)

    async def story(one: OneOf, other: OneOf) -> None:
        assert versions(first, second) == [[], []]

    told(story, pair)


def test_a_version_that_is_damaged_here_is_had_from_the_line(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        await asyncio.to_thread(put, one.settings, 40)
        Table(one.settings.home).path(1).write_text("{")
        await beaten(one)
        assert held(pair[0]) == [40]

    told(story, pair)
