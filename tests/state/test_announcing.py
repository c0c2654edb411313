"""Announcements of a line of two nodes: on the air on one, on all; with and without the store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.speech.announcements import Announcement, Announcements, OnAir, Sound, merged, new
from ivr.state import announcing
from tests.state.conftest import Pair, stopped
from tests.state.line import OneOf, told
from tests.state.test_switching import cut_off

NOW = datetime.now(UTC)
UNTIL = NOW + timedelta(hours=1)


def drafted(node: OneOf, text: str) -> str:
    kept = Announcements(node.settings.home)
    made = new(text, Sound({"alaw": f"clips/{text}.alaw"}, 0.1), UNTIL, "王敏", datetime.now(UTC))
    (kept.folder / "clips").mkdir(parents=True, exist_ok=True)
    (kept.folder / made.files["alaw"]).write_bytes(text.encode() * 100)
    kept.add(made)
    return made.name


def aired(node: OneOf, text: str) -> str:
    name = drafted(node, text)
    Announcements(node.settings.home).air(name, "王敏", datetime.now(UTC))
    return name


def ended(node: OneOf, name: str) -> None:
    Announcements(node.settings.home).end(name, "李强", datetime.now(UTC))


def heard(*nodes: OneOf) -> list[list[str]]:
    """What the next caller of each hears, sound and all."""
    return [[each.text for each in OnAir(node.settings.home).now()] for node in nodes]


async def beaten(*nodes: OneOf) -> None:
    for each in nodes:
        await each.beat()


def test_on_the_air_on_one_it_is_heard_on_both_and_taken_off_on_the_other(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        name = aired(one, "停电。")
        await beaten(one, other)
        assert heard(one, other) == [["停电。"], ["停电。"]]
        sound = Path("announcements", "clips", "停电。.alaw")
        assert (other.settings.home / sound).read_bytes() == "停电。".encode() * 100
        ended(other, name)
        await beaten(other, one)
        assert heard(one, other) == [[], []]
        await beaten(one, other)
        assert heard(one, other) == [[], []], "what was taken off came back"

    told(story, each_way)


def test_a_command_tells_the_line_without_a_service(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        aired(one, "停电。")
        assert await asyncio.to_thread(announcing.told, one.settings)
        await beaten(other)
        assert heard(other) == [["停电。"]]
        assert not await asyncio.to_thread(announcing.told, cut_off(one.settings))

    told(story, each_way)


@pytest.mark.live
def test_while_the_server_is_stopped_it_is_heard_here_and_then_everywhere(
    server: Path, on_postgres: Pair
) -> None:
    """Each node says what is put on its air; what both did is one line's afterwards, once."""

    async def story(one: OneOf, other: OneOf) -> None:
        first = aired(one, "停电。")
        await beaten(one, other)
        with stopped(server):
            ended(one, first)
            aired(other, "恢复。")
            assert not await asyncio.to_thread(announcing.told, other.settings)
            assert heard(one, other) == [[], ["停电。", "恢复。"]]
        for each in (one, other):
            await each.finds_it_again()
        await beaten(one, other, one)
        assert heard(one, other) == [["恢复。"], ["恢复。"]]

    told(story, on_postgres)


def test_a_file_that_is_damaged_on_one_keeps_no_node_from_the_line(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        aired(one, "停电。")
        await beaten(one, other)
        (one.settings.home / "announcements" / "announcements.json").write_text('[{"name"')
        await beaten(one, other)
        assert one.node.shared.up
        assert heard(one, other) == [[], ["停电。"]]

    told(story, pair)


def test_a_name_that_leads_out_of_the_folder_brings_no_file(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        (one.settings.home / "outside").write_bytes(b"x")
        kept = Announcements(one.settings.home)
        made = new("停电。", Sound({"alaw": "../outside"}, 0.1), UNTIL, "王敏", NOW)
        kept.add(made)
        await beaten(one, other)
        assert not (other.settings.home / "outside").exists()

    told(story, pair)


def test_whoever_is_asked_first_two_nodes_come_to_the_same() -> None:
    """Of one announcement, what was done on either stays done; a draft gives way to a later one."""
    made = new("停电。", Sound({"alaw": "a"}, 0.1), UNTIL, "王敏", NOW)
    later = new("停电。", Sound({"alaw": "a"}, 0.1), UNTIL, "王敏", NOW + timedelta(minutes=1))
    on = _with(made, aired=NOW, aired_by="王敏")
    off = _with(made, heard=True, aired=UNTIL, aired_by="李强", ended=UNTIL, ended_by="李强")
    both = _with(on, heard=True, ended=UNTIL, ended_by="李强")
    assert merged([on], [off]) == merged([off], [on]) == merged([both], [on, off]) == [both]
    assert merged([made], [later]) == merged([later], [made]) == [later]
    assert merged([on], [later]) == [later, on]


def _with(each: Announcement, **changes: object) -> Announcement:
    return replace(each, **changes)  # type: ignore[arg-type]
