"""What a recording looks like: where it is loud, where silent, and whether it is what was filed."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

from ivr.recordings.shape import Evidence, evidence, shape


def sound(*parts: tuple[int, int]) -> bytes:
    """Header, and seconds of a level each."""
    samples = [level for level, seconds in parts for _ in range(8000 * seconds)]
    return bytes(44) + struct.pack(f"<{len(samples)}h", *samples)


def test_silences_and_peaks_are_where_they_are() -> None:
    made = shape(sound((8000, 1), (0, 2), (4000, 1), (10, 3)))
    assert made.ms == 7000
    assert made.silences == ((1000, 3000), (4000, 7000))
    assert len(made.peaks) == 350, "a frame each, while there is room"
    assert (made.peaks[0], made.peaks[100], made.peaks[175]) == (100, 0, 50)


def test_a_long_one_has_no_more_peaks_than_a_page_has_room_for() -> None:
    assert 300 <= len(shape(sound((5000, 1), (0, 60))).peaks) <= 600


def test_a_pause_of_somebody_who_speaks_is_no_silence() -> None:
    second = struct.pack("<8000h", *([3000] * 4800 + [0] * 3200))
    assert shape(bytes(44) + second * 3).silences == ()


def test_nothing_and_less_than_nothing() -> None:
    for content in (b"", bytes(44), bytes(10)):
        assert shape(content).silences == ()


def test_what_was_changed_is_no_evidence(tmp_path: Path) -> None:
    file = tmp_path / "x.wav"
    file.write_bytes(b"as it was")
    filed = hashlib.sha256(b"as it was").hexdigest()
    assert evidence(file, filed) is Evidence.WHOLE
    file.write_bytes(b"as it is")
    assert evidence(file, filed) is Evidence.CHANGED
    assert evidence(tmp_path / "none.wav", filed) is Evidence.GONE
