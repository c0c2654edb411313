"""The archive: numbers that nobody else has, slips before sounds, files that stay."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ivr.cases.numbers import MOST_COUNT, is_possible, numbered
from ivr.hours import BEIJING
from ivr.recordings import archive
from ivr.recordings.archive import Archive, CannotKeep, Slip
from ivr.recordings.numbering import Numbers

NOON = datetime(2026, 11, 25, 12, tzinfo=BEIJING)
LOUD = struct.pack("<800h", *([3000, -3000] * 400))
"""A tenth of a second."""
Usage = namedtuple("Usage", "free")


def opened(home: Path, *, series: int = 1, keep_free_mb: int = 1) -> Archive:
    (home / "spool").mkdir(exist_ok=True)
    return Archive(
        Numbers(home / "slips", home / "recordings", series),
        home / "spool",
        keep_free_mb=keep_free_mb,
    )


def begin(room: Archive, now: datetime = NOON) -> Slip:
    return room.begin("complaint", "s", "token", now)


def wav(samples: bytes) -> bytes:
    head = b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    return head + b"data" + struct.pack("<I", len(samples)) + samples


def recorded(home: Path, slip: Slip, samples: bytes) -> bytes:
    content = wav(samples)
    (home / "spool" / f"{slip.reference}.wav").write_bytes(content)
    return content


def test_numbers_are_series_count_and_a_check(tmp_path: Path) -> None:
    room = opened(tmp_path, series=7)
    assert [begin(room).reference for _ in range(3)] == [numbered(7, n) for n in (1, 2, 3)]
    tomorrow = begin(room, NOON + timedelta(days=1)).reference
    assert tomorrow == numbered(7, 4)
    assert is_possible(tomorrow)


def test_numbers_go_on_after_a_restart_and_with_a_clock_set_back(tmp_path: Path) -> None:
    begin(opened(tmp_path))
    assert begin(opened(tmp_path)).reference == numbered(1, 2)
    assert begin(opened(tmp_path), NOON - timedelta(days=2)).reference == numbered(1, 3)


def test_a_dropped_number_is_not_given_again(tmp_path: Path) -> None:
    room = opened(tmp_path)
    room.drop(begin(room))
    assert begin(room).reference == numbered(1, 2)


def test_a_counter_of_before_which_had_a_day_begins_anew(tmp_path: Path) -> None:
    room = opened(tmp_path)
    begin(room)
    (tmp_path / "slips" / "last").write_text("261124 17")
    assert begin(room).reference == numbered(1, 1)


def test_a_count_that_is_used_up_begins_anew_and_takes_nobodys_number(tmp_path: Path) -> None:
    room = opened(tmp_path)
    first = begin(room)
    recorded(tmp_path, first, b"\1\0" * 8000)
    room.file(first)
    (tmp_path / "slips" / "last").write_text(str(MOST_COUNT - 1))
    assert begin(room).reference == numbered(1, MOST_COUNT)
    assert begin(room).reference == numbered(1, 2), "the first is still kept"


def test_many_at_once_have_numbers_of_their_own(tmp_path: Path) -> None:
    rooms = [opened(tmp_path, series=1), opened(tmp_path, series=1)]
    with ThreadPoolExecutor(8) as pool:
        slips = list(pool.map(lambda n: begin(rooms[n % 2]), range(40)))
    assert len({slip.reference for slip in slips}) == 40


def test_a_slip_is_found_as_it_was_written(tmp_path: Path) -> None:
    slip = opened(tmp_path).begin("suggestion", "s", None, NOON, replaces="26112501001")
    assert opened(tmp_path).left_over() == (slip,)
    path = tmp_path / "slips" / f"{slip.reference}.slip"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    opened(tmp_path).mark_filed(slip)
    (found,) = opened(tmp_path).left_over()
    assert found.filed


def test_a_recording_is_filed_for_this_user_only(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begin(room)
    content = recorded(tmp_path, slip, LOUD * 20)
    sound = room.file(slip)
    path = tmp_path / "recordings/2026-11-25/complaint" / f"{slip.reference}.wav"
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (sound.ms, sound.bytes, sound.whole) == (2000, len(content), True)
    assert room.file(slip) == sound
    room.drop(slip)
    assert room.file(slip) == sound, "the folder's own file stays"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_lengths_that_a_killed_asterisk_did_not_write_are_mended(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begin(room)
    content = recorded(tmp_path, slip, LOUD)
    torn = content[:4] + bytes(4) + content[8:40] + bytes(4) + content[44:]
    (tmp_path / "spool" / f"{slip.reference}.wav").write_bytes(torn)
    room.file(slip)
    assert (tmp_path / "recordings" / slip.path).read_bytes() == content


def test_without_room_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = opened(tmp_path, keep_free_mb=200)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(199_000_000))
    with pytest.raises(CannotKeep, match="keep_free_mb"):
        begin(room)
    assert room.left_over() == ()
    assert list((tmp_path / "recordings").rglob("*.part")) == []


def test_a_folder_that_cannot_be_written_is_found_out_before(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("no folder")
    with pytest.raises(CannotKeep):
        begin(opened(tmp_path))


def test_a_disk_that_becomes_full_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = opened(tmp_path)
    slip = begin(room)
    content = recorded(tmp_path, slip, LOUD)

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", refuse)
        with pytest.raises(CannotKeep, match="No space left"):
            room.file(slip)
    assert not (tmp_path / "recordings" / slip.path).exists()
    assert room.left_over() == (slip,)
    room.file(slip)
    assert (tmp_path / "recordings" / slip.path).read_bytes() == content


def test_a_disk_that_is_full_in_the_end_may_have_cut_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = opened(tmp_path)
    slip = begin(room)
    recorded(tmp_path, slip, LOUD)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000))
    assert not room.file(slip).whole


@pytest.mark.parametrize(
    ("samples", "heard"),
    [
        (b"", False),
        (bytes(160_000), False),
        (struct.pack("<8000h", *([90, -90] * 4000)), False),
        (bytes(16_000) + LOUD + bytes(16_000), False),
        (bytes(16_000) + LOUD * 3, True),
        (LOUD * 3 + b"\x01", True),
    ],
    ids=["empty", "silence", "line noise", "a click", "a word", "an odd byte"],
)
def test_speech_is_more_than_a_click(tmp_path: Path, samples: bytes, heard: bool) -> None:
    room = opened(tmp_path)
    slip = begin(room)
    recorded(tmp_path, slip, samples)
    assert room.is_speech(slip) is heard


def test_a_full_disk_is_not_taken_for_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = opened(tmp_path)
    slip = begin(room)
    recorded(tmp_path, slip, b"")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000))
    with pytest.raises(CannotKeep, match="full"):
        room.is_speech(slip)


def test_speech_level_is_that_of_asterisk() -> None:
    assert archive.SPEECH_LEVEL == 256
