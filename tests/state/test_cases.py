"""Cases of a line of several nodes: in the database that they share, or safe until it is back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.cases.case import Filed
from ivr.cases.late import LateRegister
from ivr.cases.moves import Deed, Move, Office
from ivr.cases.moving import take_over
from ivr.cases.numbers import numbered
from ivr.cases.opening import CannotReach, NewCase
from ivr.cases.register import Register
from ivr.cases.store import Cases, Sought
from ivr.config import Settings
from ivr.line.bringing import BringingCases
from ivr.people.keys import Keys
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.recordings.archive import Archive
from ivr.recordings.desk import FilingDesk
from ivr.recordings.numbering import Numbers
from ivr.records.journal import Journal
from tests.recordings.test_archive import LOUD, recorded
from tests.state.conftest import Machines, Pair, stopped

NOON = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
NEW = NewCase("contact", "单位漏缴三个月", "赵静", Office.AGENT, "赵静 1", "s", "somebody")
FILED = Filed(numbered(1, 7), "complaint", "s", "somebody", NOON, "x.wav", 1, "0")


class Door:
    """Whether the database can be reached."""

    shut = False

    def __call__(self) -> bool:
        return self.shut


@pytest.fixture
def node(url: str, machine: Machines) -> Settings:
    return machine(url)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def register(node: Settings, door: Door) -> Iterator[Register]:
    register = Register.of(node, door)
    yield register
    register.cases.close()


def numbers(*counts: int) -> Iterator[str]:
    return iter([numbered(1, count) for count in counts])


def brought(register: Register, *counts: int) -> int:
    """By a service that begins on the same disk."""
    return register.open_waiting(numbers(*counts).__next__)


def test_all_nodes_have_the_same_cases_where_state_is_shared(each_way: Pair) -> None:
    one, other = (Register.of(each) for each in each_way)
    one.enter(FILED)
    assert other.cases.case(FILED.number).filed == FILED
    assert not (each_way[0].home / "cases.sqlite").exists()
    for each in (one, other):
        each.cases.close()


def test_a_case_by_hand_waits_sealed_under_its_number_and_is_opened_once(
    node: Settings, register: Register, door: Door
) -> None:
    door.shut = True
    made = numbers(1, 2)
    told = register.open_by_hand(NEW, made.__next__, NOON)
    assert register.open_by_hand(NEW, made.__next__, NOON) == told, "sent twice"
    (file,) = (node.home / "waiting cases").iterdir()
    content = file.read_bytes()
    for secret in ("单位", "somebody", "赵静", told):
        assert secret.encode() not in content
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CannotReach):
        brought(register, 3)
    door.shut = False
    assert register.open_by_hand(NEW, made.__next__, NOON) == told, "before it was brought"
    assert brought(register, 3) == 1
    case = register.cases.case(told)
    assert (case.filed.origin, case.filed.at) == (NEW.origin, NOON)
    assert (case.events[0].text, case.events[0].by) == (NEW.text, NEW.by)
    assert brought(register, 3) == 0
    assert register.open_by_hand(NEW, made.__next__, NOON) == told
    assert len(register.cases.search(Sought())) == 1


def test_one_that_was_opened_and_nobody_heard_of_it_is_no_second_one(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is lost after the database has it."""
    opens = Cases.open

    def opened_unheard(cases: Cases, filed: Filed, **told: str) -> bool:
        opens(cases, filed, **told)  # type: ignore[arg-type]
        raise CannotReach("as ordered")

    monkeypatch.setattr(Cases, "open", opened_unheard)
    told = register.open_by_hand(NEW, numbers(1).__next__, NOON)
    monkeypatch.setattr(Cases, "open", opens)
    assert brought(register, 2) == 1
    assert [case.number for case in register.cases.search(Sought())] == [told]


def test_one_that_was_brought_and_not_struck_off_is_no_second_one(
    node: Settings, register: Register, door: Door
) -> None:
    """A service is killed between the two; the next one finds the file."""
    door.shut = True
    told = register.open_by_hand(NEW, numbers(1).__next__, NOON)
    shutil.copytree(node.home / "waiting cases", node.home / "before")
    door.shut = False
    brought(register)
    shutil.rmtree(node.home / "waiting cases")
    (node.home / "before").rename(node.home / "waiting cases")
    assert brought(register, 2) == 1
    assert [case.number for case in register.cases.search(Sought())] == [told]


def test_one_of_another_key_stays_and_holds_no_other_up(
    node: Settings, register: Register, door: Door
) -> None:
    door.shut = True
    register.open_by_hand(NEW, numbers(1).__next__, NOON)
    (file,) = (node.home / "waiting cases").iterdir()
    file.write_bytes(b"\0" * 100)
    register.open_by_hand(replace(NEW, origin="赵静 2"), numbers(2).__next__, NOON)
    door.shut = False
    assert brought(register) == 1
    assert len(register.waiting) == 1


def test_what_a_machine_had_by_itself_is_the_lines_once(node: Settings, register: Register) -> None:
    own = Cases(f"sqlite:///{node.home / 'cases.sqlite'}")
    alone = Register(own, node)
    for count in range(1, 25):
        alone.enter(replace(FILED, number=numbered(1, count)))
    lead = frozenset({Office.LEADER})
    alone.act(FILED.number, Deed(Move.NOTE, "王敏", lead, text="已电话联系"))
    alone.enclosures.add(FILED.number, "函.txt", "附件".encode(), by="王敏", now=NOON)
    there = alone.cases.case(FILED.number)
    assert take_over(node) == 24
    assert own.search(Sought()) == ()
    assert register.cases.case(FILED.number) == there
    (kept,) = register.enclosures.of(FILED.number)
    assert register.enclosures.content(FILED.number, kept.id)[1] == "附件".encode()
    assert take_over(node) == 0
    own.close()


def test_a_case_that_was_moved_and_not_struck_off_leaves_and_another_of_its_number_stays(
    node: Settings, register: Register
) -> None:
    own = Cases(f"sqlite:///{node.home / 'cases.sqlite'}")
    other = replace(FILED, number=numbered(1, 8))
    own.open(FILED)
    own.open(other)
    register.cases.open(FILED)
    register.cases.open(replace(other, session="of somebody else"))
    assert take_over(node) == 1
    assert [case.number for case in own.search(Sought())] == [other.number]
    assert register.cases.case(other.number).filed.session == "of somebody else"
    own.close()


@pytest.mark.live
def test_a_complaint_is_kept_while_the_server_is_stopped_and_its_case_comes_by_itself(
    server: Path, on_postgres: Pair
) -> None:
    """The service is killed meanwhile: it leaves a slip, by which the next one goes on."""
    node, _ = on_postgres
    Register.of(node).enter(FILED)

    async def kept() -> None:
        desk, journal, _ = begun(node)
        slip = await desk.begin("complaint", "s", "token")
        recorded(node.home / "asterisk", slip, LOUD * 10)
        await desk.file(slip)
        kept = desk.slip("s")
        assert kept is not None
        assert kept.filed
        await desk.drop(slip)
        assert desk.without_case() == 1
        await journal.close()

    async def brought() -> None:
        desk, journal, look = begun(node)
        await desk.take_over(())
        assert desk.without_case() == 1
        async with asyncio.timeout(30):
            while desk.without_case() or list(slips.glob("*.filed")):  # which go a moment later
                await look.look()
                await asyncio.sleep(0.05)
        await desk.close()
        await journal.close()

    slips = node.home / "slips"
    with stopped(server):
        asyncio.run(kept())
    asyncio.run(brought())
    cases = Register.of(node).cases
    assert sorted(case.filed.session for case in cases.search(Sought())) == ["s", "s"]
    cases.close()


def begun(node: Settings) -> tuple[FilingDesk, Journal, BringingCases]:
    """The desk of a service, and what brings its cases."""
    keys = Keys.load(node.home / "keys")
    journal = Journal.open(node.home / "spool", node=node.node)
    register, numbers = LateRegister(node), Numbers.of(node)
    (node.home / "asterisk" / "spool").mkdir(parents=True, exist_ok=True)

    async def is_recording(_: str) -> bool:
        return False

    desk = FilingDesk(
        Archive(numbers, node.home / "asterisk" / "spool", keep_free_mb=0),
        Vault(node.home / "vault.sqlite", keys),
        Tokens(keys),
        journal,
        is_recording,
        lambda: NOON,
        register.enter,
        lambda new, now: register.open_by_hand(new, numbers.next, now),
        lambda: True,
    )
    look = BringingCases(register, numbers, desk.without_case, lambda: desk.file_left_over(()))
    return desk, journal, look
