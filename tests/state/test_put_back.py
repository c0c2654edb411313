"""A shared database that is put back from a dump, under nodes that know what came since."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from ivr.agents.presence import Event, State
from ivr.lifecycle.switch import closed
from ivr.people.audit import AuditChanged
from ivr.people.vault_file import Row
from ivr.state import switching
from ivr.state.people import deliver, hand_over, kept_before
from ivr.state.shared import Shared
from ivr.state.trail import take_over
from tests.analytics.postgres import programs
from tests.state import test_agents
from tests.state.conftest import Pair
from tests.state.line import OneOf, told
from tests.state.test_agents import SECOND, Office
from tests.state.test_asked import Days
from tests.state.test_trail import brings, notes, read
from tests.state.test_users import OWN, looks, with_anna

pytestmark = pytest.mark.live

Dump = Callable[[], None]
NOON = datetime(2026, 11, 28, 4, tzinfo=UTC)


@pytest.fixture
def dumped(server: Path, on_postgres: Pair, tmp_path: Path) -> Callable[[], Dump]:
    """Dumps the database, with the commands of docs/machines.md; its answer puts the dump back."""
    folder, dump = programs(), str(tmp_path / "ivr_state.dump")
    assert folder is not None
    place = ["-h", str(server), "-U", "ivr"]

    def does(program: str, *told: str) -> None:
        subprocess.run([folder / program, *place, *told], check=True, timeout=60)

    def now() -> Dump:
        does("pg_dump", "-Fc", "-f", dump, "state")
        return partial(does, "pg_restore", "--clean", "--if-exists", "-1", "-d", "state", dump)

    return now


def test_nodes_tell_it_what_they_know(dumped: Callable[[], Dump], on_postgres: Pair) -> None:
    """The line stays open, nobody is asked twice, calls that are over count no more."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Days(one), Days(other)
        switching.close(one.settings, "机房检修", NOON)
        assert await one.calls.may_enter("before", "firm", 1)
        for each in (one, other):
            await each.beat()
        put_back = dumped()
        switching.reopen(one.settings, NOON)
        one.calls.left("before")
        first.asks("person")
        for each in (one, other, one):
            await each.beat()
        put_back()
        for each in (one, other):
            losses = each.node.shared.losses
            await each.beat()
            assert each.node.shared.losses == losses + 1, "it is noticed, and told again"
            await each.finds_it_again()
        for each in (one, other):
            await each.beat()
            assert closed(each.settings.home) is None
        again = Days(other)
        await other.beat()
        assert second.knows("person")
        assert again.knows("person"), "a service that begins anew hears of it"
        assert await other.calls.may_enter("after", "firm", 1)

    told(story, on_postgres)


def test_how_agents_are_is_told_again(dumped: Callable[[], Dump], on_postgres: Pair) -> None:
    async def story(one: Office, other: Office) -> None:
        one.desks.wishes(SECOND, Event.READY, "phone")
        await one.floor.catch_up()
        put_back = dumped()
        one.desks.wishes(SECOND, Event.NOT_READY, "phone", "午休")
        await one.floor.catch_up()
        await other.knows(lambda: other.state(SECOND) is State.NOT_READY)
        put_back()
        for _ in range(2):
            await other.floor.catch_up()
        async with test_agents.office(one.one, test_agents.TWO) as again:
            await again.knows(lambda: again.state(SECOND) is State.NOT_READY)

    test_agents.told(story, on_postgres)


def test_who_was_locked_since_does_not_get_in(
    dumped: Callable[[], Dump], on_postgres: Pair
) -> None:
    users, _ = with_anna(on_postgres)
    put_back = dumped()
    users.lock("anna")
    looks(on_postgres[1])
    put_back()
    looks(on_postgres[1])
    looks(on_postgres[0])
    assert users.signed_in("anna", OWN) is None
    users.unlock("anna")
    assert users.signed_in("anna", OWN) is not None


def test_the_trail_says_what_to_do_and_goes_on(
    dumped: Callable[[], Dump], on_postgres: Pair
) -> None:
    """Each node joins again; on each, the other branch stands where its own was seen."""
    first, second = on_postgres
    notes(first, "a")
    brings(first)
    put_back = dumped()
    notes(second, "b", minute=1)
    notes(first, "c", minute=2)
    for each in (second, first):
        brings(each)
        read(second)
    put_back()
    notes(first, "d", minute=3)
    for each, lacking in ((first, 2), (second, 1)):
        with pytest.raises(AuditChanged, match="put back"):
            read(each)
        with closing(Shared(each)) as shared:
            assert take_over(each, shared) == lacking
    assert read(first) == ["a", "b", "c", "d"]


def test_a_new_machine_of_the_same_name_keeps_its_people(on_postgres: Pair) -> None:
    """The disk died: it is restored, the old one is taken out by the new one, and it joins."""
    row = Row("token", b"sealed", 1.0)

    async def story(one: OneOf, other: OneOf) -> None:
        del other
        for work in (
            partial(deliver, node="node-1", marked={row: "mark"}),
            partial(hand_over, gone="node-1", to="node-1"),
        ):
            await one.node.shared.attempt(work, 30)
        theirs = partial(kept_before, node="node-1", when=2.0)
        assert await one.node.shared.attempt(theirs, 30) == {"token"}

    told(story, on_postgres)
