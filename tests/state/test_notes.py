"""Notes of calls of several nodes: written once, read on all, and forgotten for good."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from console.noted import ONLY_HERE, written_about
from ivr.agents.notes import Notes, Owed, Talked, notes_of
from ivr.agents.notes_file import FILE, LineAway, NotesFile
from ivr.agents.notes_together import NodeNotes, among_nodes, take_over
from ivr.cases.moves import Refused
from ivr.config import Settings
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault
from ivr.people.vault_file import VaultFile
from ivr.state import opened, vault
from ivr.state.shared import Shared, asked_once
from tests.state.conftest import Pair, stopped
from tests.state.line import OneOf, away, told

TEXT = "问提取要什么材料，已告知"


class Desk:
    """A node whose agents write notes."""

    def __init__(self, one: OneOf) -> None:
        self.one, self.settings = one, one.settings
        people = vault.among_nodes(one.node, self.settings)
        self.vault = Vault(people, Keys.load(self.settings.home / "keys"))
        self.part: NodeNotes = among_nodes(one.node, self.settings)
        self.notes = Notes(self.settings.home, self.settings.node)

    async def owes(self, talk: str, person: str = "person", caller: str | None = None) -> None:
        call = Talked(talk, f"session of {talk}", person, caller, "loan")
        owed = Owed(call, "王敏", "6001", datetime.now(UTC))
        await asyncio.to_thread(self.notes.owe, owed)

    async def writes(self, talk: str, words: str = TEXT) -> None:
        now = datetime.now(UTC)
        await asyncio.to_thread(self.notes.write, "6001", talk, "提取", words, now)

    async def has_noted(self, talk: str, person: str = "person") -> None:
        await self.owes(talk, person)
        await self.writes(talk)

    async def reads(self, *people: str) -> list[str]:
        """What a page of this node's console shows about them."""
        notes = await asyncio.to_thread(notes_of(self.settings).about, people)
        return sorted(note.session.removeprefix("session of ") for note in notes)

    async def owed(self) -> list[str]:
        owed = await asyncio.to_thread(self.notes.owed_by, "6001", datetime.now(UTC))
        return sorted(each.talked.talk for each in owed)

    async def forgets(self, *people: str) -> int:
        """As `ivr forget` on this node."""
        return await asyncio.to_thread(notes_of(self.settings).forget, people)

    def here(self) -> set[str]:
        return {row.talk for row in NotesFile(self.settings.home).found("", {})}


def count(rows: Connection) -> int:
    return int(rows.execute(text("SELECT count(*) FROM call_note")).scalar_one())


def test_what_one_writes_is_read_on_all_and_lies_sealed(each_way: Pair) -> None:
    """At once where it was written; by whom a call was taken elsewhere, a second later."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        await first.has_noted("t")
        assert await first.reads("person") == ["t"]
        assert await second.reads("person") == []
        await one.beat()
        assert await second.reads("person") == await first.reads("person") == ["t"]
        (note,) = await asyncio.to_thread(notes_of(second.settings).about, [], ["session of t"])
        assert (note.text, note.subject, note.agent) == (TEXT, "提取", "王敏")
        everything = text("SELECT * FROM call_note")
        rows = await asyncio.to_thread(
            asked_once, one.settings, lambda rows: str(rows.execute(everything).all())
        )
        assert TEXT not in rows
        assert second.here() == set(), "a text stays where it was written"

    told(story, each_way)


def test_a_call_taken_on_one_node_is_written_about_at_the_console_of_another(
    each_way: Pair,
) -> None:
    """By whoever took it, once; and of two notes that were written apart the first one holds."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        for talk in ("t1", "t2"):
            await first.owes(talk)
        await one.beat()
        await other.beat()
        assert await second.owed() == ["t1", "t2"]
        await second.writes("t1")
        await other.beat()
        await one.beat()
        assert await first.owed() == await second.owed() == ["t2"]
        with pytest.raises(Refused):
            await first.writes("t1", "另一份")
        assert await first.reads("person") == ["t1"]
        facts = (second.settings.home / "spool").glob("*.jsonl")
        assert sum("CallNoted" in file.read_text() for file in facts) == 1
        with away(one, other):
            await first.writes("t2", "先到的")
            await second.writes("t2", "后到的")
        await one.finds_it_again()
        await other.finds_it_again()
        notes = await asyncio.to_thread(notes_of(second.settings).about, ["person"])
        assert sorted(note.text for note in notes) == sorted([TEXT, "先到的"])

    told(story, each_way)


def test_who_is_forgotten_is_not_brought_back_by_a_node_that_was_away(each_way: Pair) -> None:
    """What was written, and what is still to be, under the tokens of all keys; others stay."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        await first.has_noted("told")
        await second.has_noted("of another node")
        for each in (one, other):
            await each.beat()
        await first.has_noted("untold")
        await first.owes("unwritten")
        await first.has_noted("of somebody else", "else")
        assert await second.forgets("person") == 2
        assert await first.reads("person") == [], "not even what is not told yet"
        for each in (one, other):
            await each.beat()
        assert first.here() == {"of somebody else"}
        assert second.here() == set()
        assert await asyncio.to_thread(asked_once, one.settings, count) == 1
        await asyncio.sleep(0.01)
        await first.has_noted("of a later call")
        await one.beat()
        assert await second.reads("person") == ["of a later call"]

    told(story, each_way)


def test_a_token_that_only_a_node_away_knew_goes_by_its_number(each_way: Pair) -> None:
    """Two tokens of one number, of a key before and of this one; the vault tells that they are."""

    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        number = Sensitive("990101199001010019")
        await asyncio.to_thread(second.vault.keep, "now", number)
        await other.beat()
        await asyncio.to_thread(first.vault.keep, "before", number)
        await first.has_noted("t", "before")
        await second.forgets("now")
        line = opened.vault(second.settings)
        assert await asyncio.to_thread(line.forget_person, "now")
        await one.beat()
        assert first.here() == set()
        assert list(VaultFile(first.settings.home / "vault.sqlite").all()) == []
        assert await asyncio.to_thread(asked_once, one.settings, count) == 0

    told(story, each_way)


def test_in_a_database_that_was_made_anew_everything_is_heard_again(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        for talk in ("t1", "t2"):
            await first.owes(talk)
            await one.beat()
        await other.beat()
        gone = text("DELETE FROM call_note")
        await asyncio.to_thread(asked_once, one.settings, lambda rows: rows.execute(gone))
        await first.owes("t3")
        await one.beat()
        await other.beat()
        assert await second.owed() == ["t1", "t2", "t3"]

    told(story, pair)


@pytest.mark.live
def test_what_is_written_while_the_database_is_stopped_comes_once(
    on_postgres: Pair, server: Path
) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        first, second = Desk(one), Desk(other)
        with stopped(server):
            for n in range(3):
                await first.has_noted(f"t{n}")
            await one.beat()
            assert not one.node.shared.up
            assert NotesFile(one.settings.home).count_waiting() == 3
        await one.finds_it_again()
        assert NotesFile(one.settings.home).count_waiting() == 0
        await asyncio.gather(first.part.catch_up(), second.part.catch_up())
        assert await second.reads("person") == ["t0", "t1", "t2"]
        assert await asyncio.to_thread(asked_once, one.settings, count) == 3

    told(story, on_postgres)


def test_without_the_database_it_is_said_so(pair: Pair) -> None:
    settings, _ = pair
    state = settings.state.model_copy(update={"url": SecretStr("sqlite:////no/such/folder/db")})
    notes = notes_of(settings.model_copy(update={"state": state}))
    for ask in (notes.about, notes.forget):
        with pytest.raises(LineAway, match="try again"):
            ask(["person"])
    with pytest.raises(LineAway):
        notes.forget_before(datetime.now(UTC))


def test_a_page_shows_what_was_written_here_and_says_that_it_is_no_more(pair: Pair) -> None:
    settings, _ = pair
    of_before(settings, 1)
    state = settings.state.model_copy(update={"url": SecretStr("sqlite:////no/such/folder/db")})
    cut_off = settings.model_copy(update={"state": state})
    notes, remark = asyncio.run(written_about(cut_off, ["person", None]))
    assert [each["text"] for each in notes] == [TEXT]
    assert remark == ONLY_HERE
    assert asyncio.run(written_about(settings, ["person"])) == (notes, "")


def test_a_damaged_file_is_told_and_the_line_goes_on(pair: Pair) -> None:
    async def story(one: OneOf, other: OneOf) -> None:
        desk = Desk(one)
        await desk.has_noted("t")
        (desk.settings.home / FILE).write_bytes(b"no database, and long enough for one" * 99)
        await one.beat()
        assert one.node.shared.up
        assert "小结" in " ".join(one.node.told())
        assert other.node.told() == []

    told(story, pair)


def of_before(settings: Settings, *ages: int) -> None:
    """The file as one machine alone wrote it until now: a note for each of so many days ago."""
    notes = Notes(settings.home, settings.node)
    for days in ages:
        at, talk = datetime.now(UTC) - timedelta(days=days), f"{settings.node} {days}"
        notes.owe(Owed(Talked(talk, f"s {talk}", "person"), "王敏", "6001", at))
        notes.write("6001", talk, "提取", TEXT, at)
    with closing(sqlite3.connect(settings.home / FILE)) as rows:
        rows.executescript("DROP TRIGGER gone; DROP TABLE waiting")


def test_what_lies_on_a_machine_is_taken_over_once_and_ages_on_all(each_way: Pair) -> None:
    first, second = each_way
    of_before(first, 1, 9)
    of_before(second, 2, 9)
    with closing(Shared(first)) as shared:
        for each in each_way:
            assert take_over(each, shared) == 2
        take_over(first, shared)
        assert shared.at_once(count) == 4
        week, held = datetime.now(UTC) - timedelta(days=7), f"s {second.node} 9"
        notes = notes_of(first)
        assert notes.forget_before(week, but=[held], only_count=True) == 1
        assert notes.forget_before(week, but=[held]) == 1
        assert shared.at_once(count) == 3
        assert notes_of(second).forget_before(week) == 1
        assert shared.at_once(count) == 2
        for each in each_way:
            assert len(notes_of(each).about(["person"])) == 2
