"""The audit trail of several nodes: one, in order, each entry once; no change goes unnoticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from ivr.config import Settings
from ivr.people.audit import Audit, AuditChanged, Entry
from ivr.state.shared import CannotReach, Shared
from ivr.state.trail import LineTrail, among_nodes, entries, take_over
from tests.state.conftest import Pair, stopped
from tests.state.line import OneOf, told

NOON = datetime(2026, 11, 28, 4, tzinfo=UTC)


def notes(settings: Settings, *subjects: str, minute: int = 0) -> None:
    at = NOON + timedelta(minutes=minute)
    for subject in subjects:
        Audit.of(settings.home).note(Entry(at, "who", subject, settings.node, "why"))


def brings(settings: Settings) -> int:
    with closing(Shared(settings)) as shared:
        return LineTrail(settings).bring(shared)


def read(settings: Settings) -> list[str]:
    found, of_all = entries(settings)
    assert of_all
    return [entry.token for entry in found]


def does(settings: Settings, *statements: str) -> None:
    """As somebody who may write into the database."""
    with closing(Shared(settings)) as shared:
        for statement in statements:
            shared.at_once(lambda rows, told=statement: rows.execute(text(told)))


def test_the_trail_is_that_of_all_nodes_in_order(each_way: Pair) -> None:
    """Whoever reads has brought what is written on the own machine; others by their beats."""
    first, second = each_way
    notes(first, "a", minute=2)
    notes(second, "b", minute=1)
    assert read(second) == ["b"]
    assert brings(first) == 1
    assert brings(first) == 0
    notes(first, "c", minute=3)
    assert brings(first) == 1
    assert read(second) == read(first) == ["b", "a", "c"]


def test_two_nodes_that_write_at_once_make_one_chain(each_way: Pair) -> None:
    def writes(settings: Settings) -> None:
        for n in range(8):
            notes(settings, f"{settings.node} {n}")
            brings(settings)

    both = [threading.Thread(target=writes, args=(settings,)) for settings in each_way]
    for each in both:
        each.start()
    for each in both:
        each.join()
    for settings in each_way:
        assert sorted(read(settings)) == [f"node-{m} {n}" for m in (1, 2) for n in range(8)]


@pytest.mark.live
def test_while_the_database_is_stopped_entries_are_on_disk_and_come_once(
    on_postgres: Pair, server: Path
) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        among_nodes(one.node, one.settings)
        notes(one.settings, "before")
        await one.beat()
        with stopped(server):
            notes(one.settings, "meanwhile")
            await one.beat()
            assert not one.node.shared.up
            found, of_all = entries(one.settings)
            assert [entry.token for entry in found] == ["before", "meanwhile"]
            assert not of_all
        await one.finds_it_again()
        await one.beat()
        assert read(other.settings) == ["before", "meanwhile"]

    told(story, on_postgres)


@pytest.mark.parametrize(
    ("change", "entry"),
    [
        pytest.param("UPDATE audit_line SET line = replace(line, 'why', 'who') WHERE seq = 2", 2),
        pytest.param("UPDATE audit_line SET node = 'node-7' WHERE seq = 1", 1),
        pytest.param("DELETE FROM audit_line WHERE seq = 2", 2),
        pytest.param(
            "UPDATE audit_line SET seq = 9 WHERE seq = 2;"
            "UPDATE audit_line SET seq = 2 WHERE seq = 3;"
            "UPDATE audit_line SET seq = 3 WHERE seq = 9",
            2,
        ),
    ],
)
def test_a_change_in_the_database_is_named(each_way: Pair, change: str, entry: int) -> None:
    first, second = each_way
    notes(first, "a", "b", "c", "d")
    brings(first)
    does(second, *change.split(";"))
    for settings in each_way:
        with pytest.raises(AuditChanged, match=f"entry {entry}:"):
            entries(settings)


def test_entries_cut_off_at_the_end_are_missed_by_who_has_seen_them(each_way: Pair) -> None:
    """Nothing is added then; a database from a backup is filled again by whoever joins anew."""
    first, second = each_way
    notes(first, "a", "b", "c")
    brings(first)
    does(second, "DELETE FROM audit_line WHERE seq > 1")
    with pytest.raises(AuditChanged, match="ends at 1"):
        entries(first)
    notes(first, "d")
    with pytest.raises(AuditChanged, match="ends at 1"):
        brings(first)
    with closing(Shared(first)) as shared:
        assert take_over(first, shared) == 3
    assert read(second) == ["a", "b", "c", "d"]


def test_a_trail_that_was_changed_on_a_machine_is_not_brought(each_way: Pair) -> None:
    """The service says which line, for whoever looks after it."""

    async def story(one: OneOf, other: OneOf) -> None:
        among_nodes(one.node, one.settings)
        notes(one.settings, "a", "b")
        path = one.settings.home / "audit.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"b"', b'"x"'))
        await one.beat()
        assert any("line 2:" in each for each in one.node.told())
        assert read(other.settings) == []

    told(story, each_way)


def cut(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))


def lost(path: Path) -> None:
    (path.parent / "state" / "audit.json").unlink()


@pytest.mark.parametrize("what", [cut, lost])
def test_a_machine_that_is_put_back_from_a_backup_brings_nothing_twice(
    each_way: Pair, what: Callable[[Path], None]
) -> None:
    first, second = each_way
    notes(first, "a", "b")
    brings(first)
    what(first.home / "audit.jsonl")
    notes(first, "c", minute=1)
    brings(first)
    assert read(second) == ["a", "b", "c"]


def test_what_was_written_before_is_taken_over_once_by_joining(each_way: Pair) -> None:
    first, second = each_way
    notes(first, "a", "b")
    notes(second, "c", minute=1)
    counts = []
    for settings in (first, second, first):
        with closing(Shared(settings)) as shared:
            counts.append(take_over(settings, shared))
    assert counts == [2, 1, 0]
    assert read(first) == ["a", "b", "c"]


def test_without_the_database_nothing_is_brought(file: str, pair: Pair) -> None:
    first, _ = pair
    Path(file.removeprefix("sqlite:///")).mkdir()
    notes(first, "a")
    with pytest.raises(CannotReach):
        brings(first)
    assert entries(first)[1] is False
