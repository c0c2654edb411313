"""Conversations that are over are filed: whole, once, and whatever was killed or full meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.recordings import tapes
from ivr.recordings.archive import CannotKeep
from ivr.recordings.talks import TalkArchive, TalkSlip
from ivr.recordings.tapes import FiledTapes
from ivr.records.facts import Fact, TalkRecorded
from tests.recordings.test_archive import wav
from tests.recordings.test_talks import NOON, begun, loud, opened, write

WITHIN = 60.0


class Notes:
    """In place of the journal."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.refuses = False

    def note(self, fact: Fact) -> None:
        self.facts.append(fact)

    async def keep(self, *facts: Fact, within: float) -> None:
        if self.refuses:
            raise OSError("full")
        self.facts += facts


class Filing:
    """A service's tapes over a folder of the test's own."""

    def __init__(self, home: Path, known: frozenset[str] = frozenset()) -> None:
        self.archive, self.notes = opened(home), Notes()
        self.tapes = FiledTapes(self.archive, self.notes, lambda: NOON, known)  # type: ignore[arg-type]  a fake

    def talk(self) -> TalkSlip:
        """One of a piece, whose slip is on disk."""
        slip = begun(self.archive)
        self.archive.keep(slip)
        write(self.archive, slip, 1, loud(100), loud(200))
        return slip

    async def until(self, holds: Callable[[], object]) -> None:
        deadline = asyncio.get_running_loop().time() + WITHIN
        while not holds():
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)

    @property
    def told(self) -> list[str]:
        return [fact.outcome for fact in self.notes.facts if isinstance(fact, TalkRecorded)]


Story = Callable[[Filing], Awaitable[Any]]


@pytest.fixture
def filing(tmp_path: Path) -> Callable[[Story], None]:
    return lambda story: asyncio.run(_told(story, tmp_path))


async def _told(story: Story, home: Path) -> None:
    await story(Filing(home))


def unclosed(track: Path) -> None:
    """As Asterisk leaves it that writes still, or was killed."""
    content = track.read_bytes()
    track.write_bytes(content[:40] + bytes(4) + content[44:])


def test_what_is_over_is_filed_told_and_leaves_nothing_behind(
    filing: Callable[[Story], None],
) -> None:
    async def story(room: Filing) -> None:
        slip = room.talk()
        room.tapes.over(slip)
        await room.until(lambda: room.told == ["kept"] and not room.archive.left_over())
        assert (room.archive.folder / slip.path).exists()
        assert not any(track.exists() for track in room.archive.tracks(slip, 1))
        assert room.tapes.fault == ""

    filing(story)


def test_what_asterisk_writes_still_is_waited_for(
    filing: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller whom the guardian has sent to the agents talks on, and is recorded on."""
    monkeypatch.setattr(tapes, "CLOSING_SECONDS", 2.0)

    async def story(room: Filing) -> None:
        slip = room.talk()
        tracks = room.archive.tracks(slip, 1)
        for track in tracks:
            unclosed(track)
        room.tapes.over(slip)
        for _ in range(12):
            await asyncio.sleep(0.3)
            for track in tracks:
                with track.open("ab") as file:
                    file.write(loud(300, 100))
        assert room.told == []
        for track in tracks:
            track.write_bytes(wav(track.read_bytes()[44:]))
        await room.until(lambda: room.told == ["kept"])
        (fact,) = room.notes.facts
        assert isinstance(fact, TalkRecorded)
        assert fact.ms == 250

    filing(story)


def test_what_a_killed_asterisk_has_left_is_filed(
    filing: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tapes, "CLOSING_SECONDS", 0.1)

    async def story(room: Filing) -> None:
        slip = room.talk()
        for track in room.archive.tracks(slip, 1):
            unclosed(track)
        room.tapes.over(slip)
        await room.until(lambda: room.told == ["kept"])

    filing(story)


def test_what_the_disk_refuses_waits_and_the_operator_is_told(
    filing: Callable[[Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = TalkArchive.file

    def full(*_: object) -> None:
        raise CannotKeep("No space left on device")

    async def story(room: Filing) -> None:
        slip = room.talk()
        monkeypatch.setattr(TalkArchive, "file", full)
        room.tapes.over(slip)
        await room.until(lambda: room.tapes.fault)
        assert [each.over for each in room.archive.left_over()] == [True]
        assert room.told == []
        monkeypatch.setattr(TalkArchive, "file", real)
        room.tapes.file_left_over(frozenset())
        await room.until(lambda: room.told == ["kept"])
        await room.until(lambda: room.tapes.fault == "")

    filing(story)


def test_what_the_records_refuse_is_not_filed_away(filing: Callable[[Story], None]) -> None:
    async def story(room: Filing) -> None:
        room.notes.refuses = True
        slip = room.talk()
        room.tapes.over(slip)
        await room.until(lambda: room.tapes.fault)
        assert room.archive.has_begun(slip), "its pieces stay for another try"
        room.notes.refuses = False
        room.tapes.file_left_over(frozenset())
        await room.until(lambda: room.told == ["kept"])

    filing(story)


def test_a_service_started_anew_files_what_is_over_and_leaves_who_talks(tmp_path: Path) -> None:
    async def story() -> None:
        before = Filing(tmp_path)
        going_on, ended = before.talk(), before.talk()
        before.archive.keep(replace(ended, session="gone"))
        after = Filing(tmp_path)
        await after.tapes.take_over(frozenset())
        after.tapes.file_left_over({"s"})
        await after.until(lambda: after.told == ["kept"])
        await after.until(lambda: len(after.archive.left_over()) == 1)
        assert after.tapes.found("s", "room") == going_on
        assert after.tapes.found("s", "another room") is None

    asyncio.run(story())


def test_what_the_records_know_is_not_told_twice(tmp_path: Path) -> None:
    async def story() -> None:
        slip = Filing(tmp_path).talk()
        after = Filing(tmp_path)
        await after.tapes.take_over(frozenset({slip.reference}))
        after.tapes.file_left_over(frozenset())
        await after.until(lambda: not after.archive.left_over())
        assert after.told == []
        assert (after.archive.folder / slip.path).exists()

    asyncio.run(story())


def test_what_was_never_written_is_told_as_lost(filing: Callable[[Story], None]) -> None:
    async def story(room: Filing) -> None:
        slip = begun(room.archive)
        room.tapes.over(slip)
        await room.until(lambda: room.told == ["lost"])
        await room.until(lambda: room.tapes.fault)
        assert not room.archive.left_over()

    filing(story)


def test_a_pause_that_is_open_when_the_talk_ends_is_counted_to_its_end(tmp_path: Path) -> None:
    async def story() -> None:
        room = Filing(tmp_path)
        slip = room.talk().leaving_out("pause", datetime.fromtimestamp(0, NOON.tzinfo))
        room.archive.keep(slip)
        await room.tapes.take_over(frozenset())
        room.tapes.file_left_over(frozenset())
        await room.until(lambda: room.told == ["kept"])
        (fact,) = room.notes.facts
        assert isinstance(fact, TalkRecorded)
        assert fact.paused_ms == round(NOON.timestamp() * 1000)

    asyncio.run(story())
