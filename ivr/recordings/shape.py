"""What a recording looks like, for whoever listens: how loud it is where, and where silent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ivr.recordings.archive import BYTES_A_MS, FRAME_BYTES, HEADER_BYTES, SPEECH_LEVEL, level

FRAME_MS = FRAME_BYTES // BYTES_A_MS
MOST_PEAKS = 600
LEAST_SILENCE_MS = 1000
"""Shorter ones are pauses of somebody who speaks."""


class Evidence(StrEnum):
    """Whether a recording may be played as what was filed."""

    WHOLE = "完好"
    CHANGED = "录音和存档时不一样，被改过或损坏，不能作证据 · changed since it was filed"
    GONE = "录音已经不在 · the recording is gone"
    AWAY = "录音在各机器共用的存放处，现在取不到，稍后再听 · the depot cannot be reached now"


def evidence(path: Path, sha256: str) -> Evidence:
    """The file compared with the sum that was filed with it."""
    try:
        with path.open("rb") as sound:
            found = hashlib.file_digest(sound, "sha256").hexdigest()
    except FileNotFoundError:
        return Evidence.GONE
    return Evidence.WHOLE if found == sha256 else Evidence.CHANGED


@dataclass(frozen=True, slots=True)
class Shape:
    """Peaks from 0 to 100, all of equal length, and silences from when to when."""

    ms: int
    peaks: tuple[int, ...]
    silences: tuple[tuple[int, int], ...]


def shape(content: bytes) -> Shape:
    """Of a whole file of Asterisk's format `wav`; of two channels who is heard in either."""
    channels = int.from_bytes(content[22:24], "little") or 1
    sound, size = content[HEADER_BYTES:], channels * FRAME_BYTES
    frames = [sound[at : at + size] for at in range(0, len(sound), size)]
    levels = [channels * level(frame) for frame in frames]
    return Shape(len(sound) // (channels * BYTES_A_MS), _peaks(levels), _silences(levels))


def _peaks(levels: list[float]) -> tuple[int, ...]:
    """The loudest frame of each part; the loudest of all is 100."""
    most = max(levels, default=0.0) or 1.0
    width = max(1, -(-len(levels) // MOST_PEAKS))
    parts = (levels[at : at + width] for at in range(0, len(levels), width))
    return tuple(round(100 * max(part) / most) for part in parts)


def _silences(levels: list[float]) -> tuple[tuple[int, int], ...]:
    found, since = [], None
    for n, loud in enumerate([*levels, float("inf")]):
        if loud <= SPEECH_LEVEL:
            since = n if since is None else since
        elif since is not None:
            if (n - since) * FRAME_MS >= LEAST_SILENCE_MS:
                found.append((since * FRAME_MS, n * FRAME_MS))
            since = None
    return tuple(found)
