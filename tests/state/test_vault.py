"""The vault of several nodes: who was told one is known to all, and who is forgotten stays so."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from ivr.config import Settings
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault, VaultLocked, new_vault_key
from ivr.people.vault_file import FILE, VaultFile
from ivr.state import opened, people
from ivr.state.shared import Shared, asked_once
from ivr.state.vault import NodeRows, among_nodes, take_over
from tests.state.conftest import Pair, stopped
from tests.state.line import OneOf, away, told

NUMBER, OTHER = "990101199001010019", "990101199001010027"


class Desk:
    """A node whose callers key in numbers."""

    def __init__(self, one: OneOf) -> None:
        self.one = one
        self.home = one.settings.home
        rows = among_nodes(one.node, one.settings)
        assert isinstance(rows, NodeRows)
        self.rows = rows
        self.vault = Vault(rows, Keys.load(self.home / "keys"))

    async def keeps(self, token: str, number: str = NUMBER) -> None:
        await asyncio.to_thread(self.vault.keep, token, Sensitive(number))

    async def who(self, token: str) -> str | None:
        """As `ivr who` on this node."""
        return await asyncio.to_thread(who, self.one.settings, token)

    async def forgets(self, token: str) -> bool:
        return await asyncio.to_thread(opened.vault(self.one.settings).forget_person, token)

    def kept_here(self) -> set[str]:
        return {row.token for row in VaultFile(self.home / FILE).all()}


def who(settings: Settings, token: str) -> str | None:
    number = opened.vault(settings).reveal(token)
    return None if number is None else number.reveal()


def count(rows: Connection) -> int:
    return int(rows.execute(text("SELECT count(*) FROM person")).scalar_one())


def test_who_was_told_one_node_is_known_to_all(each_way: Pair) -> None:
    """At once where it was told, before anybody else knows; and to the calls of another node."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        await first.keeps("t")
        assert await first.who("t") == NUMBER
        assert await second.who("t") is None
        await one.beat()
        assert await second.who("t") == NUMBER
        asked = await asyncio.to_thread(second.vault.reveal, "t")
        assert asked == Sensitive(NUMBER)
        with away(other):
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(second.vault.reveal, "t")
            mine = await asyncio.to_thread(first.vault.reveal, "t")
        assert mine == Sensitive(NUMBER)

    told(story, each_way)


def test_whom_two_nodes_tell_at_once_is_there_once(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        for n in range(30):
            await first.keeps(f"t{n}")
            await second.keeps(f"t{n + 15}")
        await asyncio.gather(first.rows.catch_up(), second.rows.catch_up())
        await first.rows.catch_up()
        assert await asyncio.to_thread(asked_once, one.settings, count) == 45

    told(story, each_way)


@pytest.mark.live
def test_while_the_database_is_stopped_people_are_kept_here_and_told_once(
    on_postgres: Pair, server: Path
) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        with stopped(server):
            for n in range(3):
                await first.keeps(f"t{n}")
            await one.beat()
            assert not one.node.shared.up
            assert first.rows.waiting(9) != []
        await one.finds_it_again()
        await first.rows.catch_up()
        assert first.rows.waiting(9) == []
        assert await asyncio.to_thread(asked_once, one.settings, count) == 3
        await other.finds_it_again()
        assert await second.who("t2") == NUMBER

    told(story, on_postgres)


def test_who_is_forgotten_is_not_brought_back_by_a_node_that_was_away(each_way: Pair) -> None:
    """Under the tokens of all keys; who rings again later is kept anew, and others stay."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        await second.keeps("known")
        await other.beat()
        await first.keeps("known")  # and not told by then
        await first.keeps("of a key before")
        await first.keeps("other", OTHER)
        assert await second.forgets("known")
        assert not await second.forgets("only told to the first")
        await one.beat()
        assert first.kept_here() == {"other"}
        assert second.kept_here() == set()
        for desk in (first, second):
            assert await desk.who("known") is None
            assert await desk.who("of a key before") is None
            assert await desk.who("other") == OTHER
        await asyncio.sleep(0.01)
        await first.keeps("known")
        await one.beat()
        assert await second.who("known") == NUMBER

    told(story, each_way)


def test_who_was_told_of_is_forgotten_on_all_nodes_at_their_next_beat(each_way: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        await first.keeps("t")
        await one.beat()
        assert await second.forgets("t")
        await one.beat()
        assert first.kept_here() == set()

    told(story, each_way)


def test_without_the_database_nobody_is_named_or_forgotten(each_way: Pair) -> None:
    """`ivr who` says so, and what to do: another node may have forgotten them."""
    settings, _ = each_way
    state = settings.state.model_copy(update={"url": SecretStr("sqlite:////no/such/folder/db")})
    gone = opened.vault(settings.model_copy(update={"state": state}))
    gone.keep("t", Sensitive(NUMBER))
    for ask in (gone.reveal, gone.forget_person, gone.let_go):
        with pytest.raises(VaultLocked, match="try again"):
            ask("t")


def of_before(settings: Settings, people: Mapping[str, str]) -> None:
    """The file as one machine alone wrote it until now."""
    keys = Keys.load(settings.home / "keys")
    for token, number in people.items():
        Vault(settings.home / FILE, keys).keep(token, Sensitive(number))
    with closing(sqlite3.connect(settings.home / FILE)) as rows:
        rows.execute("DROP TABLE waiting")


def test_what_lies_on_a_machine_is_taken_over_once_when_it_joins(each_way: Pair) -> None:
    first, second = each_way
    of_before(first, {"t1": NUMBER, "t2": OTHER})
    of_before(second, {"t2": OTHER})
    with closing(Shared(first)) as shared:
        assert take_over(first, shared) == 2
        assert take_over(second, shared) == 1
        opened.vault(second).forget_person("t1")
        take_over(first, shared)
        assert shared.at_once(count) == 1
    assert (who(second, "t1"), who(second, "t2")) == (None, OTHER)
    assert who(first, "t1") is None


def test_a_person_goes_when_no_node_needs_them_any_more(each_way: Pair) -> None:
    """Retention of each node knows its own records; those of a node that is taken out, another."""
    first, second = each_way
    of_before(first, {"t1": NUMBER, "t2": OTHER})
    of_before(second, {"t1": NUMBER})
    with closing(Shared(first)) as shared:
        for each in each_way:
            take_over(each, shared)
        kept = opened.vault_rows(second).kept_before
        assert kept(1e12) == {"t1"}
        opened.vault(first).let_go("t1")
        assert who(first, "t1") == NUMBER
        shared.at_once(partial(people.hand_over, gone=first.node, to=second.node))
        assert kept(1e12) == {"t1", "t2"}
        opened.vault(second).let_go("t1")
    assert who(first, "t1") is None
    assert who(first, "t2") == OTHER


def test_a_new_key_of_the_vault_opens_all_and_the_leaked_one_nothing(each_way: Pair) -> None:
    """On the machine that renews it, and on another that has been given it and starts."""
    first, second = each_way
    leaked = Keys.load(first.home / "keys")
    (first.home / "keys" / "given").touch()
    of_before(second, {"t": NUMBER})
    with closing(Shared(second)) as shared:
        take_over(second, shared)
        assert new_vault_key(first.home / "keys", opened.vault_rows(first)) == 1
    assert who(first, "t") == NUMBER
    with pytest.raises(VaultLocked):
        Vault(opened.vault_rows(first), leaked).reveal("t")
    for name in ("vault.key", "vault.before.key"):
        key = (first.home / "keys" / name).read_bytes()
        (second.home / "keys" / name).write_bytes(key)
        (second.home / "keys" / name).chmod(0o600)

    async def story(one: OneOf, other: OneOf) -> None:
        await Desk(other).rows.catch_up()
        assert one.settings.node != other.settings.node

    told(story, each_way)
    with pytest.raises(VaultLocked):
        Vault(second.home / FILE, leaked).reveal("t")
