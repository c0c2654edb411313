"""The desk: on disk before thanks, noted once, filed by whoever finds it."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Container
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from ivr.cases.case import Case, Filed
from ivr.cases.moves import Office, Refused, State
from ivr.cases.numbers import is_possible
from ivr.cases.opening import CannotReach, NewCase
from ivr.cases.register import Register
from ivr.cases.store import Sought
from ivr.config import Settings
from ivr.people.identity import IdNumber, parse
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.recordings import desk as room
from ivr.recordings.archive import CannotKeep, KeptLater, Slip
from ivr.recordings.desk import FilingDesk
from ivr.recordings.numbering import Numbers
from ivr.records import journal as journal_room
from ivr.records.facts import LinkLost, Voted
from ivr.records.journal import Journal, read_lines, recorded
from tests.recordings.test_archive import LOUD, NOON, opened
from tests.recordings.test_archive import recorded as has_recorded

KEYS = Keys(b"t" * 32, b"v" * 32, b"a" * 32)


@dataclass
class Place:
    """A desk on a disk of its own, and Asterisk's recordings that go on."""

    home: Path
    desk: FilingDesk
    journal: Journal
    sounding: set[str] = field(default_factory=set)

    def known(self, kind: str) -> list[dict]:
        lines = [
            line
            for path in sorted((self.home / "line" / "spool").glob("*.jsonl"))
            for line in read_lines(path)
        ]
        return [line for line in lines if line["fact"] == kind]

    async def spoken(self, session: str = "s") -> Slip:
        slip = await self.desk.begin("complaint", session, "token")
        has_recorded(self.home, slip, LOUD * 10)
        return slip

    def file(self, slip: Slip) -> Path:
        return self.home / "recordings" / slip.path


@asynccontextmanager
async def a_desk(home: Path) -> AsyncIterator[Place]:
    known = recorded(home / "line" / "spool")
    journal = Journal.open(home / "line" / "spool", node="n1")
    sounding: set[str] = set()

    async def is_recording(name: str) -> bool:
        return name in sounding

    register, numbers = register_of(home), Numbers(home / "slips", home / "recordings", 1)
    desk = FilingDesk(
        opened(home),
        Vault(home / "vault.sqlite", KEYS),
        Tokens(KEYS),
        journal,
        is_recording,
        lambda: NOON,
        lambda filed, replaces: register.enter(filed, replaces=replaces),
        lambda new, now: register.open_by_hand(new, numbers.next, now),
        lambda: True,
    )
    await desk.take_over(known)
    try:
        yield Place(home, desk, journal, sounding)
    finally:
        await desk.close()
        await journal.close()


def register_of(home: Path) -> Register:
    (home / "line").mkdir(exist_ok=True)
    return Register.of(Settings(home=home / "line"))


def at_a_desk(home: Path, story: Callable[[Place], Awaitable[None]]) -> None:
    async def course() -> None:
        async with a_desk(home) as place:
            await story(place)

    asyncio.run(course())


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110  a thread brings it about
            await asyncio.sleep(0.01)


async def until_looked(place: Place, done: Callable[[], bool], busy: Container[str] = ()) -> None:
    """As calls end: what was not done in time, as a case on a busy machine, is done by the next."""

    def looked() -> bool:
        place.desk.file_left_over(busy)
        return done()

    await until(looked)


def person() -> IdNumber:
    number = parse("990102200012120127")
    assert isinstance(number, IdNumber)
    return number


def test_a_vote_is_on_disk_when_thanks_are_said(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        await place.desk.vote("s", "token", 4)
        assert [vote["choice"] for vote in place.known("Voted")] == [4]

    at_a_desk(tmp_path, story)


def test_a_vote_that_cannot_be_kept_is_not_thanked_for_and_facts_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = os.write, [True]

    def write_some(descriptor: int, content: bytes) -> int:
        if full[0] and b"Voted" in content:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content)

    monkeypatch.setattr(os, "write", write_some)
    monkeypatch.setattr(journal_room, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(room, "PROMISE_SECONDS", 0.1)

    async def story(place: Place) -> None:
        with pytest.raises(CannotKeep):
            await place.desk.vote("s", "token", 4)
        place.journal.note(LinkLost(reason="meanwhile"))
        full[0] = False
        await place.desk.vote("s", "token", 5)
        assert [vote["choice"] for vote in place.known("Voted")] == [5], "it was not kept"
        assert [fact["reason"] for fact in place.known("LinkLost")] == ["meanwhile"]

    at_a_desk(tmp_path, story)


@pytest.mark.parametrize("command", ["write", "fdatasync"])
def test_a_vote_behind_a_disk_that_hangs_is_withdrawn_and_never_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The disk hangs in what was noted before; the voter is told that nothing was kept."""
    real, hanging = getattr(os, command), threading.Event()
    monkeypatch.setattr(os, command, lambda *given: (hanging.wait(20), real(*given))[1])
    monkeypatch.setattr(room, "PROMISE_SECONDS", 0.1)

    async def story(place: Place) -> None:
        place.journal.note(LinkLost(reason="before"))
        await asyncio.sleep(0.1)
        with pytest.raises(CannotKeep) as refused:
            await place.desk.vote("s", "token", 4)
        assert not isinstance(refused.value, KeptLater)
        hanging.set()
        await place.desk.vote("s", "token", 5)
        assert [vote["choice"] for vote in place.known("Voted")] == [5]
        assert [fact["reason"] for fact in place.known("LinkLost")] == ["before"]

    at_a_desk(tmp_path, story)


def test_a_vote_that_the_disk_has_in_hand_is_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written and not synced: it may be counted yet, so nobody says that it is not kept."""
    real, hanging = os.fdatasync, threading.Event()

    def sync(descriptor: int) -> None:
        hanging.wait(20)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", sync)
    monkeypatch.setattr(room, "PROMISE_SECONDS", 0.1)

    async def story(place: Place) -> None:
        with pytest.raises(KeptLater):
            await place.desk.vote("s", "token", 4)
        hanging.set()
        await place.journal.settled()
        assert [vote["choice"] for vote in place.known("Voted")] == [4]

    at_a_desk(tmp_path, story)


def test_half_a_line_is_gone_on_with_and_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = os.write, [10, 0]
    full = [True]

    def write_some(descriptor: int, content: bytes) -> int:
        most = left.pop(0) if left else 0
        if full[0] and not most:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content[:most] if full[0] else content)

    monkeypatch.setattr(os, "write", write_some)
    monkeypatch.setattr(journal_room, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(room, "PROMISE_SECONDS", 0.2)

    async def story(place: Place) -> None:
        with pytest.raises(KeptLater):
            await place.desk.vote("s", "token", 4)
        full[0] = False
        await place.journal.settled()
        assert [vote["choice"] for vote in place.known("Voted")] == [4]

    at_a_desk(tmp_path, story)


def test_who_speaks_is_in_the_vault_before_the_recording_begins(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        token = await place.desk.know(person())
        found = place.desk.vault.reveal(token)
        assert found is not None
        assert found.reveal() == "990102200012120127"

    at_a_desk(tmp_path, story)


def test_a_vault_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "vault.sqlite").write_bytes(b"no database" * 1000)

    async def story(place: Place) -> None:
        with pytest.raises(CannotKeep):
            await place.desk.know(person())

    at_a_desk(tmp_path, story)


def test_a_recording_is_noted_once_however_often_it_is_filed(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        slip = await place.spoken()
        await asyncio.gather(*(place.desk.file(slip) for _ in range(5)))
        await place.desk.file(slip)
        (fact,) = place.known("Recorded")
        assert (fact["reference"], fact["ms"]) == (slip.reference, 1000)
        kept = place.desk.slip("s")
        assert kept is not None
        assert kept.filed
        assert (await place.desk.clip(slip)).seconds == 1.0

    at_a_desk(tmp_path, story)


def test_a_service_that_died_after_the_fact_does_not_note_it_again(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        slip = await place.spoken()
        await place.desk.file(slip)
        slips = tmp_path / "slips"
        (slips / f"{slip.reference}.filed").rename(slips / f"{slip.reference}.slip")

    async def sequel(place: Place) -> None:
        await until_looked(place, lambda: place.desk.slip("s") is None)
        assert len(place.known("Recorded")) == 1

    at_a_desk(tmp_path, story)
    at_a_desk(tmp_path, sequel)
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_a_dead_service_left_is_filed_when_it_is_over(tmp_path: Path) -> None:
    slips = []

    async def story(place: Place) -> None:
        slips.append(await place.spoken("dead"))
        slips.append(await place.spoken("alive"))
        slips.append(await place.desk.begin("complaint", "never spoke", None))

    async def sequel(place: Place) -> None:
        dead, alive, empty = slips
        place.sounding.add(dead.reference)
        await until_looked(place, lambda: place.desk.slip("never spoke") is None, {"alive"})
        assert not place.file(dead).exists(), "it still sounds"
        place.sounding.clear()
        await until_looked(place, lambda: place.desk.slip("dead") is None, {"alive"})
        assert place.file(dead).exists()
        assert place.desk.slip("alive") == alive
        assert not place.file(empty).exists()
        assert [each["session"] for each in place.known("Recorded")] == ["dead"]

    at_a_desk(tmp_path, story)
    at_a_desk(tmp_path, sequel)


def test_what_could_not_be_filed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def story(place: Place) -> None:
        slip = await place.spoken()
        with monkeypatch.context() as full:
            full.setattr(os, "fsync", refuse)
            with pytest.raises(CannotKeep):
                await place.desk.file(slip)
        await until_looked(place, lambda: place.file(slip).exists())
        await until_looked(place, lambda: place.desk.slip("s") is None)
        assert len(place.known("Recorded")) == 1

    at_a_desk(tmp_path, story)


def test_the_one_spoken_anew_is_marked_when_the_new_one_is_safe(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        first = await place.spoken()
        await place.desk.file(first)
        second = await place.desk.begin("complaint", "s", "token", replaces=first)
        assert place.known("RecordingMoved") == []
        has_recorded(place.home, second, LOUD)
        await place.desk.file(second)
        (moved,) = place.known("RecordingMoved")
        assert (moved["reference"], moved["state"]) == (first.reference, "replaced")
        assert place.file(first).exists()

    at_a_desk(tmp_path, story)


class Killed(BaseException):
    """The process is gone at this moment."""


MOMENTS = [
    ("archive", "file", "before"),
    ("archive", "file", "after"),
    ("journal", "keep", "after"),
    ("archive", "mark_filed", "after"),
    ("register", "enter", "before"),
    ("register", "enter", "after"),
]


@pytest.mark.parametrize(("part", "step", "when"), MOMENTS)
def test_a_case_is_there_once_whenever_the_service_was_killed(
    tmp_path: Path, part: str, step: str, when: str
) -> None:
    """Nothing runs on in this process after the moment, as if it had been killed."""

    def dies(real: Callable) -> Callable:
        def blocking(*given: object) -> object:
            if when == "after":
                real(*given)
            raise Killed

        async def waiting(*given: object) -> object:
            await real(*given)
            raise Killed

        return waiting if step == "keep" else blocking

    async def before(place: Place) -> None:
        slip = await place.spoken()
        if part == "register":
            place.desk.enter = dies(place.desk.enter)
        else:
            owner = getattr(place.desk, part)
            object.__setattr__(place.desk, part, Dying(owner, step, dies(getattr(owner, step))))
        with suppress(Killed):
            await place.desk.file(slip)
        with suppress(Killed):
            await asyncio.gather(*place.desk._entering.values())
        place.desk._filing.clear()
        place.desk._entering.clear()

    async def afterwards(place: Place) -> None:
        await until_looked(place, lambda: not list((tmp_path / "slips").glob("*.slip")))
        await until_looked(place, lambda: not list((tmp_path / "slips").glob("*.filed")))
        cases = register_of(tmp_path).cases.search(Sought())
        assert len(cases) == 1
        assert len(place.known("Recorded")) == 1
        assert {line["n"] for line in place.known("CaseMoved")} == {1}

    at_a_desk(tmp_path, before)
    at_a_desk(tmp_path, afterwards)


class Dying:
    """A part of the desk of which one step is the last."""

    def __init__(self, real: object, step: str, last: Callable) -> None:
        self._real = real
        setattr(self, step, last)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@pytest.mark.parametrize("was_written", [False, True])
def test_without_the_database_of_cases_recordings_are_kept_and_their_cases_follow(
    tmp_path: Path, *, was_written: bool
) -> None:
    """Once, also where the case was written and only the answer got lost."""

    async def story(place: Place) -> None:
        real, away = place.desk.enter, [True]

        def enter(filed: Filed, replaces: str | None) -> None:
            if was_written or not away[0]:
                real(filed, replaces)
            if away[0]:
                raise CannotReach("away")

        place.desk.enter = enter
        slip = await place.spoken()
        await place.desk.file(slip)
        await place.desk.drop(slip)
        assert list((tmp_path / "slips").glob("*.filed")), "the slip waits for the case"
        away[0] = False
        await until_looked(place, lambda: not list((tmp_path / "slips").glob("*.filed")))
        assert len(register_of(tmp_path).cases.search(Sought())) == 1

    at_a_desk(tmp_path, story)


def test_what_was_spoken_anew_is_one_case(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        first = await place.spoken()
        await place.desk.file(first)
        second = await place.desk.begin("complaint", "s", "token", replaces=first)
        has_recorded(place.home, second, LOUD * 10)
        await place.desk.file(second)
        await place.desk.drop(second)
        cases = register_of(place.home).cases
        assert cases.case(first.reference).into == second.reference
        assert cases.case(second.reference).state is State.PENDING

    at_a_desk(tmp_path, story)


# --- cases without a recording -------------------------------------------------------------------


def discontented(place: Place, choice: int = 4, person: str = "somebody") -> None:
    vote = Voted(session="s", person=person, choice=choice)
    place.desk.complain_of_vote(vote, Sensitive("13800138000"))


def cases_of(place: Place) -> tuple[Case, ...]:
    return register_of(place.home).cases.search(Sought())


def test_a_discontented_vote_opens_one_case_a_day(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        for choice in (1, 3, 0):
            discontented(place, choice)
        discontented(place, 4)
        discontented(place, 5)
        await until(lambda: bool(cases_of(place)))
        discontented(place, 5)
        discontented(place, 4, person="somebody else")
        await until(lambda: len(cases_of(place)) == 2)
        await asyncio.sleep(0.1)
        first = next(each for each in cases_of(place) if each.filed.person == "somebody")
        assert (first.filed.kind, first.events[0].text) == ("vote", "热线满意度调查：不满意")
        assert (first.events[0].by, first.state) == ("热线", State.PENDING)
        assert not first.filed.has_sound
        assert first.filed.caller is not None
        assert place.desk.vault.reveal(first.filed.caller) == Sensitive("13800138000")

    at_a_desk(tmp_path, story)
    at_a_desk(tmp_path, _again)


async def _again(place: Place) -> None:
    """The successor finds the same vote in the spool."""
    discontented(place, 4)
    await place.desk.close()
    assert len(cases_of(place)) == 2


def test_votes_open_nothing_unless_it_is_set(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        place.desk.votes_open_cases = lambda: False
        discontented(place, 5)
        await place.desk.close()
        assert cases_of(place) == ()

    at_a_desk(tmp_path, story)


def test_a_vote_whose_case_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        opens = place.desk.open_by_hand

        def away(new: NewCase, now: datetime) -> str:
            raise CannotReach("as ordered")

        place.desk.open_by_hand = away
        discontented(place, 5)
        await asyncio.sleep(0.1)
        place.desk.open_by_hand = opens
        place.desk.file_left_over(())  # a call has ended
        await until(lambda: len(cases_of(place)) == 1)

    at_a_desk(tmp_path, story)


def test_a_case_by_hand_names_nobody_and_is_made_once(tmp_path: Path) -> None:
    new = NewCase("contact", "单位漏缴三个月", "赵静", Office.AGENT, "赵静 1", "s", "somebody")

    async def story(place: Place) -> None:
        first = await place.desk.open_case(new, None)
        assert is_possible(first)
        assert await place.desk.open_case(new, None) == first, "sent twice"
        other = await place.desk.open_case(replace(new, origin="赵静 2"), None)
        assert other != first
        for text in ("", "身份证 11010519491231002X", "长" * 5000):
            with pytest.raises(Refused):
                await place.desk.open_case(replace(new, text=text, origin="x"), None)
        case = register_of(place.home).cases.case(first)
        assert (case.events[0].by, case.events[0].office) == ("赵静", Office.AGENT)
        assert case.events[0].text == "单位漏缴三个月"

    at_a_desk(tmp_path, story)


def test_numbers_of_recordings_and_of_cases_are_one_series(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        slip = await place.desk.begin("complaint", "s", None)
        new = NewCase("contact", "单位漏缴", "赵静", Office.AGENT, "赵静 1")
        assert await place.desk.open_case(new, None) != slip.reference
        numbers = Numbers(place.home / "slips", place.home / "recordings", 1)
        known = iter([*register_of(place.home).cases.search(Sought()), None])
        taken = next(known)
        assert taken is not None
        tried = iter([taken.number, numbers.next()])
        register = register_of(place.home)
        made = register.open_by_hand(replace(new, origin="b"), lambda: next(tried), NOON)
        assert made != taken.number, "one that an older case has is passed over"

    at_a_desk(tmp_path, story)
