"""Recordings of conversations on disk: two tracks become two channels, and gaps are heard."""

from __future__ import annotations

import json
import shutil
import stat
import struct
import wave
from array import array
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ivr.hours import BEIJING
from ivr.recordings import talks
from ivr.recordings.archive import CannotKeep
from ivr.recordings.shape import shape
from ivr.recordings.talks import HeldTalk, TalkArchive, TalkSlip
from tests.recordings.test_archive import Usage, wav

NOON = datetime(2026, 11, 25, 12, tzinfo=BEIJING)
GAP_SAMPLES = round(talks.GAP_SECONDS * 8000)


def opened(home: Path, *, keep_free_mb: int = 1) -> TalkArchive:
    (home / "spool").mkdir(exist_ok=True)
    return TalkArchive(
        home / "recordings", home / "slips" / talks.SLIPS, home / "spool", keep_free_mb=keep_free_mb
    )


def loud(level: int, samples: int = 800) -> bytes:
    return struct.pack(f"<{samples}h", *([level] * samples))


def begun(room: TalkArchive, pieces: int = 1) -> TalkSlip:
    return replace(room.begin("s", "room", "王敏", NOON), pieces=pieces)


def write(room: TalkArchive, slip: TalkSlip, piece: int, left: bytes, right: bytes) -> None:
    for track, content in zip(room.tracks(slip, piece), (left, right), strict=True):
        track.write_bytes(wav(content))


def channels(room: TalkArchive, slip: TalkSlip) -> tuple[array[int], array[int]]:
    with wave.open(str(room.folder / slip.path)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (2, 2, 8000)
        both = array("h", sound.readframes(sound.getnframes()))
    return both[0::2], both[1::2]


def test_the_caller_is_left_and_the_agent_right(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begun(room)
    write(room, slip, 1, loud(100), loud(200))
    sound = room.file(slip)
    assert sound is not None
    assert channels(room, slip) == (array("h", [100] * 800), array("h", [200] * 800))
    assert (sound.ms, sound.whole, sound.gaps) == (100, True, ())
    assert sound.bytes == (room.folder / slip.path).stat().st_size
    assert stat.S_IMODE((room.folder / slip.path).stat().st_mode) == 0o600


def test_a_track_that_is_shorter_or_lacks_is_silent_and_keeps_the_other_in_step(
    tmp_path: Path,
) -> None:
    room = opened(tmp_path)
    slip = begun(room, pieces=2)
    write(room, slip, 1, loud(100, 400), loud(200))
    room.tracks(slip, 2)[1].write_bytes(wav(loud(300)))
    room.file(slip)
    left, right = channels(room, slip)
    assert left == array("h", [100] * 400 + [0] * 1200)
    assert right == array("h", [200] * 800 + [300] * 800)


def test_what_is_longer_than_what_is_read_at_once_stays_in_step(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begun(room)
    write(room, slip, 1, loud(100, 100_001), loud(200, 90_000))
    room.file(slip)
    left, right = channels(room, slip)
    assert left == array("h", [100] * 100_001)
    assert right == array("h", [200] * 90_000 + [0] * 10_001)


def test_a_gap_is_a_beep_of_a_second_however_long_it_was(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begun(room)
    slip = slip.leaving_out("pause", NOON).going_on(NOON + timedelta(minutes=2))
    slip = replace(slip, pieces=2)
    write(room, slip, 1, loud(100), loud(200))
    write(room, slip, 2, loud(300), loud(400))
    sound = room.file(slip)
    assert sound is not None
    left, right = channels(room, slip)
    assert left[:800] == array("h", [100] * 800)
    assert left[800 : 800 + GAP_SAMPLES] == right[800 : 800 + GAP_SAMPLES]
    assert max(left[800 : 800 + GAP_SAMPLES]) > 2000
    assert left[800 + GAP_SAMPLES :] == array("h", [300] * 800)
    assert json.loads(sound.gaps_told()) == [{"at_ms": 100, "why": "pause", "ms": 120_000}]
    assert slip.left_out_ms("pause") == 120_000
    assert sound.ms == 200 + round(1000 * talks.GAP_SECONDS)


def test_a_pause_that_becomes_a_hold_is_two_gaps_each_with_its_own_time(tmp_path: Path) -> None:
    slip = begun(opened(tmp_path)).leaving_out("pause", NOON)
    slip = slip.leaving_out("hold", NOON + timedelta(seconds=3))
    slip = slip.going_on(NOON + timedelta(seconds=10))
    assert (slip.left_out_ms("pause"), slip.left_out_ms("hold")) == (3000, 7000)
    assert slip.gap is None


def test_a_header_that_a_killed_asterisk_never_wrote_hides_nothing(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begun(room)
    write(room, slip, 1, loud(100), loud(200))
    assert room.is_closed(slip)
    for track in room.tracks(slip, 1):
        content = track.read_bytes()
        track.write_bytes(content[:40] + bytes(4) + content[44:])
    assert not room.is_closed(slip)
    room.file(slip)
    assert channels(room, slip)[1] == array("h", [200] * 800)


def test_filed_twice_is_the_same_and_nothing_is_left_in_the_spool(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begun(room)
    room.keep(slip)
    write(room, slip, 1, loud(100), loud(200))
    first = room.file(slip)
    assert room.file(slip) == first
    assert room.left_over() == (slip,)
    room.drop(slip)
    assert room.left_over() == ()
    assert [*(tmp_path / "spool").iterdir()] == []
    again = room.file(slip)  # killed between the two: the file is there, and known
    assert again is not None
    assert first is not None
    assert again.sha256 == first.sha256


def test_where_asterisk_wrote_nothing_there_is_nothing(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begun(room)
    assert room.file(slip) is None
    write(room, slip, 1, b"", b"")
    assert room.file(slip) is None


def test_a_slip_is_read_as_it_was_written(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = replace(begun(room, 2), agents=("王敏", "李强")).leaving_out("pause", NOON)
    room.keep(slip)
    assert room.left_over() == (slip,)
    path = tmp_path / "slips" / talks.SLIPS / f"{slip.reference}.slip"
    assert not talks.is_over(path)
    room.keep(replace(slip, over=True))
    assert talks.is_over(path)


def test_a_full_disk_is_said_before_anything_sounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = opened(tmp_path, keep_free_mb=200)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100_000_000))
    with pytest.raises(CannotKeep, match="keep_free_mb"):
        room.begin("s", "room", "王敏", NOON)
    assert room.left_over() == ()


def test_both_channels_are_in_the_picture(tmp_path: Path) -> None:
    room = opened(tmp_path)
    slip = begun(room)
    write(room, slip, 1, loud(0, 16_000), loud(0, 8000) + loud(5000, 8000))
    room.file(slip)
    seen = shape((room.folder / slip.path).read_bytes())
    assert seen.ms == 2000
    assert seen.silences == ((0, 1000),)
    assert seen.peaks[-1] == 100


def test_what_is_held_tells_all_of_itself(tmp_path: Path) -> None:
    held = HeldTalk(
        "abc", "2026-11-25/talk/abc.wav", "s", "王敏", "t", 1, "sum", "[]", "班长", "诉讼"
    )
    talks.hold(tmp_path, held)
    assert talks.held_talks(tmp_path) == (held,)
    assert {(tmp_path / path).suffix for path in talks.held_paths(held)} == {".wav", ".hold"}
    assert (tmp_path / talks.held_paths(held)[1]).exists()
    talks.release(tmp_path, held.path)
    assert talks.held_talks(tmp_path) == ()
