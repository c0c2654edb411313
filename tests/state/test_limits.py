"""Limits of several nodes: one budget, one lock; each its share while the database is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, func, select

from ivr.config import LimitsSettings
from ivr.limits.agreed import COUNTED, share
from ivr.limits.limits import Admitted, Asker, Denied
from ivr.state.outbox import Outbox
from ivr.state.shared import CALLER_SECONDS
from tests.state.conftest import Pair, stopped, until
from tests.state.line import OneOf, away, served, told

NOW = time.time()
CALLER = Asker("s", "caller token")
SMALL = LimitsSettings(
    ids_per_caller=4,
    ids_of_unknown_callers=10,
    lookups_per_person=6,
    lookups_per_minute=20,
    wrong_passwords=3,
    wrong_tails=3,
)


def counted(kind: str, name: str) -> Callable[[Connection], int]:
    def look(rows: Connection) -> int:
        wanted = (COUNTED.c.kind == kind, COUNTED.c.name == name)
        return int(rows.execute(select(func.count()).where(*wanted)).scalar_one())

    return look


async def in_database(node: OneOf, kind: str, name: str) -> int:
    return await node.node.shared.attempt(counted(kind, name), 30)


def test_a_budget_is_one_whichever_node_takes_the_call(each_way: Pair) -> None:
    """Four people, two on each node; the fifth is refused on both, and the caller locked."""

    async def story(one: OneOf, other: OneOf) -> None:
        for n, each in enumerate((one, other, one, other)):
            assert isinstance(await each.limits.look_up(CALLER, f"person {n}", NOW), Admitted)
        for each in (other, one):
            refused = await each.limits.look_up(CALLER, "person 9", NOW)
            assert refused == Denied("lookups_of_caller")
        assert isinstance(await one.limits.look_up(Asker("t", "else"), "person 9", NOW), Admitted)

    told(story, each_way, SMALL)


@pytest.mark.live
def test_many_that_ask_in_the_same_moment_get_no_more_than_the_budget(on_postgres: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        asks = [
            each.limits.look_up(CALLER, f"person {n} of {each.settings.node}", NOW)
            for n in range(8)
            for each in (one, other)
        ]
        answers = await asyncio.gather(*asks)
        admitted = sum(isinstance(each, Admitted) for each in answers)
        assert admitted == SMALL.ids_per_caller

    told(story, on_postgres, SMALL)


def test_a_decision_asks_once_and_writes_once(each_way: Pair) -> None:
    """Whatever it decides: a question, what is to be kept, and the marks of a transaction."""

    async def story(one: OneOf, _: OneOf) -> None:
        said: list[str] = []
        event.listen(
            one.node.shared.engine, "before_cursor_execute", lambda *told: said.append(told[2])
        )
        for decision in (
            lambda n: one.limits.look_up(Asker("s", f"c{n}"), f"p{n}", NOW),
            lambda n: one.limits.look_up(Asker(f"s{n}"), f"p{n}", NOW),
            lambda n: one.limits.password_locked(f"p{n}", NOW),
            lambda n: one.limits.wrong_password(f"p{n}", NOW),
            lambda n: one.limits.ask_case(Asker("s", f"c{n}"), f"{n}", NOW),
            lambda n: one.limits.wrong_case(Asker("s", f"c{n}"), f"{n}", NOW),
            lambda n: one.calls.may_enter(f"s{n}", f"c{n}", 3),
        ):
            said.clear()
            await decision(1)
            assert len(set(said)) <= 3, said

    told(story, each_way)


def test_wrong_guesses_on_two_nodes_lock_on_both(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        for each in (one, other, one):
            assert not await other.limits.password_locked("p", NOW)
            await each.limits.wrong_password("p", NOW)
        for each in (one, other):
            assert await each.limits.password_locked("p", NOW)

    told(story, each_way, SMALL)


def test_the_right_one_on_another_node_counts_anew(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        for n in range(2):
            await one.limits.wrong_password("p", NOW + n)
        await other.limits.right_password("p", NOW + 2)
        for n in range(2):
            await one.limits.wrong_password("p", NOW + 3 + n)
        assert not await other.limits.password_locked("p", NOW + 5)

    told(story, pair, SMALL)


def test_a_case_is_locked_on_all_nodes(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        for n, each in enumerate((one, other, one)):
            await each.limits.wrong_case(Asker(f"s{n}", f"c{n}"), "01000015", NOW)
        asked = await other.limits.ask_case(Asker("t", "d"), "01000015", NOW)
        assert asked == Denied("case_locked")

    told(story, pair, SMALL)


def test_a_lock_of_one_node_holds_on_the_other_while_the_database_is_away(each_way: Pair) -> None:
    """The other has learned it at its last beat; and it outlives a restart of the other."""

    async def story(one: OneOf, other: OneOf) -> None:
        for _ in range(3):
            await one.limits.wrong_password("p", NOW)
        await other.beat()
        with away(other):
            assert await other.limits.password_locked("p", NOW)
        written = other.settings.home / "locks.jsonl"
        await asyncio.to_thread(until, lambda: b"password p" in written.read_bytes())

    told(story, each_way, SMALL)


def test_each_node_spends_its_share_while_the_database_is_away(pair: Pair) -> None:
    """Two of four people on each of two nodes."""

    async def story(one: OneOf, other: OneOf) -> None:
        with away(one, other):
            for each in (one, other):
                answers = [
                    await each.limits.look_up(CALLER, f"{each.settings.node} {n}", NOW)
                    for n in range(4)
                ]
                admitted = [isinstance(answer, Admitted) for answer in answers]
                assert admitted == [True, True, False, False]

    told(story, pair, SMALL)


def test_what_this_node_has_admitted_before_counts_in_its_share(pair: Pair) -> None:
    async def story(one: OneOf, _: OneOf) -> None:
        for n in range(2):
            await one.limits.look_up(CALLER, f"person {n}", NOW)
        with away(one):
            refused = await one.limits.look_up(CALLER, "person 7", NOW)
            assert refused == Denied("lookups_of_caller")
            again = await one.limits.look_up(Asker("s", "else"), "person 7", NOW)
            assert isinstance(again, Admitted)

    told(story, pair, SMALL)


def test_what_was_counted_alone_is_counted_once_when_it_is_back(each_way: Pair) -> None:
    """Also where it is delivered twice, as after a service that ended before it could note so."""

    async def story(one: OneOf, other: OneOf) -> None:
        with away(one):
            for _ in range(2):
                await one.limits.looked_up("p", NOW)
        kept = one.limits._outbox.first()
        assert len(kept) == 2
        await one.finds_it_again()
        assert one.limits.is_even()
        for item in kept:
            one.limits._outbox.keep(item)
        await one.beat()
        assert await in_database(other, "told", "person p") == 2

    told(story, each_way, SMALL)


def test_guesses_of_nodes_that_were_alone_lock_when_they_are_put_together(pair: Pair) -> None:
    """Three and two, where five are too many and two nodes may take two each: neither locked."""
    limits = SMALL.model_copy(update={"wrong_passwords": 7})

    async def story(one: OneOf, other: OneOf) -> None:
        for n in range(3):
            await one.limits.wrong_password("p", NOW + n)
        with away(one, other):
            for each in (one, other):
                for n in range(2):
                    await each.limits.wrong_password("q", NOW + n)
            for n in range(2):
                await other.limits.wrong_password("p", NOW + 3 + n)
        await one.finds_it_again()
        await other.finds_it_again()
        assert not await one.limits.password_locked("p", NOW + 9)
        for n in range(2):
            await one.limits.wrong_password("p", NOW + 5 + n)
        assert await other.limits.password_locked("p", NOW + 9)
        assert not await other.limits.password_locked("q", NOW + 9)

    told(story, pair, limits)


def test_what_is_put_together_may_be_too_much_by_itself(pair: Pair) -> None:
    limits = SMALL.model_copy(update={"wrong_passwords": 4})

    async def story(one: OneOf, other: OneOf) -> None:
        await one.limits.wrong_password("p", NOW)
        await other.limits.wrong_password("p", NOW)
        for each in (one, other):
            with away(each):
                assert not await each.limits.password_locked("p", NOW)
                await each.limits.looked_up("r", NOW)
        one.limits._outbox.keep(["a b", [["noted", "wrong", "password p", "", NOW]]])
        other.limits._outbox.keep(["c d", [["noted", "wrong", "password p", "", NOW]]])
        await one.finds_it_again()
        await other.finds_it_again()
        for each in (one, other):
            assert await each.limits.password_locked("p", NOW)

    told(story, pair, limits)


def test_what_was_counted_alone_outlives_the_service(pair: Pair) -> None:
    """It ends while the database is away; the next one delivers, once."""

    async def course() -> None:
        async with served(pair[0], SMALL) as one:
            await one.finds_it_again()
            with away(one):
                await one.limits.looked_up("p", NOW)
        async with served(pair[0], SMALL) as successor:
            assert not successor.limits.is_even()
            await successor.finds_it_again()
            assert await in_database(successor, "told", "person p") == 1
        assert not list((pair[0].home / "state" / "limits").glob("*"))

    asyncio.run(course())


def test_locks_of_before_a_machine_was_a_node_are_the_lines(pair: Pair) -> None:
    """From one machine to two: who was locked stays locked, on both."""
    (pair[0].home / "locks.jsonl").write_text(f'["password p", {NOW + 3600}]\n')

    async def story(_: OneOf, other: OneOf) -> None:
        assert await other.limits.password_locked("p", NOW)

    told(story, pair, SMALL)


@pytest.mark.live
def test_a_stopped_database_keeps_no_caller_and_counts_nothing_twice(
    server: Path, on_postgres: Pair
) -> None:
    """SIGSTOP in the midst of calls: whether the one that waited was counted is not known."""

    async def story(one: OneOf, other: OneOf) -> None:
        with stopped(server):
            first = await one.limits.look_up(CALLER, "person 0", NOW)
            second = await one.limits.look_up(CALLER, "person 1", NOW)
            refused = await one.limits.look_up(CALLER, "person 2", NOW)
        assert [type(each) for each in (first, second, refused)] == [Admitted, Admitted, Denied]
        await one.finds_it_again()
        assert await in_database(other, "asked", "caller caller token") == 2

    told(story, on_postgres, SMALL, CALLER_SECONDS)


def test_old_counts_are_taken_out(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        await one.limits.looked_up("p", NOW - 30 * 86_400)
        one.limits._tidied = 0.0
        await one.beat()
        assert await in_database(other, "told", "person p") == 0

    told(story, pair, SMALL)


@pytest.mark.parametrize("nodes", [1, 2, 3, 20])
def test_shares_together_are_no_more_than_the_whole_and_nobody_has_none(nodes: int) -> None:
    whole = LimitsSettings()
    each = share(whole, nodes)
    for name in ("ids_of_unknown_callers", "lookups_per_person", "lookups_per_minute"):
        assert 1 <= getattr(each, name) * nodes <= getattr(whole, name)
    assert each.ids_per_caller >= 1
    assert 2 <= each.wrong_passwords <= whole.wrong_passwords
    assert nodes > 1 or each == whole


def test_an_outbox_reads_past_a_torn_line(tmp_path: Path) -> None:
    (tmp_path / "1-a.jsonl").write_bytes(b'["one", []]\n["tw')
    outbox = Outbox(tmp_path)
    assert outbox.first() == [["one", []]]
    outbox.keep(["three", []])
    outbox.delivered(1)
    outbox.close()
    (file,) = tmp_path.glob("*.jsonl")
    assert file.read_bytes() == b'["three", []]\n'
