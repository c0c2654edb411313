"""Which clips were heard, in order, whole or cut: found byte for byte in the received A-law."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

FRAME = 160
_SILENT_FRAME = b"\xd5" * FRAME
ANCHOR = 3
"""A clip is recognised by a frame that no other clip has: looked for from its third on."""


@dataclass(frozen=True)
class HeardClip:
    """One clip in the received audio."""

    name: str
    at: float
    """Seconds from the beginning of the call."""
    whole: bool


class Ear:
    """Knows all clips of a set by their A-law."""

    def __init__(self, clips: Mapping[str, bytes]) -> None:
        self._first = {sound: name for name, sound in reversed(list(clips.items()))}
        self.alias = {name: self._first[sound] for name, sound in clips.items()}
        """Clips that sound the same (二七, 二期) are one file: name → the first such name."""
        self._clips = {
            name: sound
            for sound, name in self._first.items()
            if len(sound) > FRAME * 6 and not name.startswith("pause.")
        }
        self._frames: dict[bytes, list[tuple[str, int]]] = defaultdict(list)
        for name, sound in self._clips.items():
            for at in range(ANCHOR * FRAME, len(sound) - FRAME, FRAME):
                if (frame := sound[at : at + FRAME]) != _SILENT_FRAME:
                    self._frames[frame].append((name, at))

    def sound(self, name: str) -> bytes:
        """The A-law of a clip."""
        return self._clips[self.alias[name]]

    def listen(self, audio: bytes) -> list[HeardClip]:
        """The clips in the order in which they were heard."""
        found: list[HeardClip] = []
        position = 0
        while (position := self._past_silence(audio, position)) + FRAME <= len(audio):
            match = self._at(audio, position)
            if match is None:
                position += 1
                continue
            name, start, length = match
            whole = length >= len(self._clips[name]) - FRAME
            found.append(HeardClip(name, start / 8000, whole))
            position = start + max(length, FRAME)
        return found

    def _past_silence(self, audio: bytes, position: int) -> int:
        """Long silence is passed over at once: nothing is recognised by it."""
        while audio.startswith(_SILENT_FRAME, position):
            position += FRAME
        return position

    def _at(self, audio: bytes, position: int) -> tuple[str, int, int] | None:
        """The clip that has exactly this frame, and how much of it is there; the longest wins."""
        best: tuple[str, int, int] | None = None
        for name, offset in self._frames.get(audio[position : position + FRAME], ()):
            start = position - offset
            if start < 0:
                continue
            length = _common(self._clips[name], audio[start:])
            if length > offset and (best is None or length > best[2]):
                best = (name, start, length)
        return best


def _common(clip: bytes, audio: bytes) -> int:
    """How many bytes of the clip are heard from its beginning on."""
    if audio.startswith(clip):
        return len(clip)
    low, high = 0, min(len(clip), len(audio))
    while low < high:
        middle = (low + high + 1) // 2
        if audio[:middle] == clip[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
