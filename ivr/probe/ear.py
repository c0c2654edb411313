"""Which clips were heard, in order, whole or cut: found byte for byte in the received A-law."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.probe.sound import FRAME, RATE, SILENCE

ANCHOR = 3
"""A clip is recognised by a frame that hardly any other has: looked for from its third on."""
MOST_ALIKE = 4
"""A frame that stands in more places than this is silence, and tells nothing."""
EDGE = 5
"""So many frames at either end of a sound are its beginning and its end: a tenth of a second."""
FLAT = 4
"""A frame of hardly any different values is all but silent."""


@dataclass(frozen=True, slots=True)
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
        frames: dict[bytes, list[tuple[str, int]]] = defaultdict(list)
        for name, sound in self._clips.items():
            for at in range(ANCHOR * FRAME, len(sound) - FRAME, FRAME):
                frames[sound[at : at + FRAME]].append((name, at))
        self._frames = {
            frame: places for frame, places in frames.items() if len(places) <= MOST_ALIKE
        }

    def sound(self, clip: str) -> bytes:
        """The A-law of a clip."""
        return self._clips[self.alias[clip]]

    def knows(self, clip: str) -> bool:
        """Whether it is long enough to be recognised."""
        return self.alias[clip] in self._clips

    def at(self, audio: bytes, position: int) -> tuple[str, int, int] | None:
        """The clip that has exactly this frame, where it begins and how much of it is there."""
        best: tuple[str, int, int] | None = None
        for name, offset in self._frames.get(audio[position : position + FRAME], ()):
            start = position - offset
            if start < 0:
                continue
            length = _common(self._clips[name], audio, start)
            if length > offset and (best is None or length > best[2]):
                best = (name, start, length)
        return best

    def whole(self, name: str, length: int) -> bool:
        """Whether so many bytes are all of a clip, but for a frame."""
        return length >= len(self._clips[name]) - FRAME


class Listener:
    """One call's audio as it grows: what was recognised already is not looked at again."""

    def __init__(self, ear: Ear) -> None:
        self._ear = ear
        self._found: list[HeardClip] = []
        self._position = 0
        self._known_at = 0
        """Where the last clip was recognised: nothing that comes later changes what lies before."""

    def listen(self, audio: bytes) -> list[HeardClip]:
        """The clips in the order in which they were heard; `audio` begins as it did before."""
        if self._found and not self._found[-1].whole:  # it may have gone on meanwhile
            self._found.pop()
            self._position = self._known_at
        while self._past_silence(audio) + FRAME <= len(audio):
            match = self._ear.at(audio, self._position)
            if match is None:
                self._position += 1
                continue
            self._known_at = self._position
            name, start, length = match
            self._found.append(HeardClip(name, start / 8000, self._ear.whole(name, length)))
            self._position = start + max(length, FRAME)
        return list(self._found)

    def _past_silence(self, audio: bytes) -> int:
        """Long silence is passed over at once: nothing is recognised by it."""
        while audio.startswith(SILENCE, self._position):
            self._position += FRAME
        return self._position


def _common(clip: bytes, audio: bytes, start: int) -> int:
    """How many bytes of the clip are heard from `start` on."""
    if audio.startswith(clip, start):
        return len(clip)
    low, high = 0, min(len(clip), len(audio) - start)
    while low < high:
        middle = (low + high + 1) // 2
        if audio.startswith(clip[:middle], start):
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(frozen=True, slots=True)
class Share:
    """How much of one sound is in what was heard, whatever was lost of it on the way."""

    found: float = 0.0
    """0 to 1: of the frames by which it is known."""
    begins: bool = False
    """Its first are among them."""
    ends: bool = False
    at: float = 0.0
    """Seconds into the audio, where it begins or would have."""


def share(sound: bytes, audio: bytes) -> Share:
    """Found frame by frame at the place where most of them agree; silence tells nothing."""
    known = _telling(sound)
    votes: Counter[int] = Counter()
    where: dict[int, set[int]] = defaultdict(set)
    position = 0
    while position + FRAME <= len(audio):
        offset = known.get(audio[position : position + FRAME])
        if offset is not None:
            votes[position - offset] += 1
            where[position - offset].add(offset)
        position += 1 if offset is None else FRAME
    if not votes:
        return Share()
    start, hits = votes.most_common(1)[0]
    edges = sorted(known.values())
    return Share(
        found=hits / len(known),
        begins=not where[start].isdisjoint(edges[:EDGE]),
        ends=not where[start].isdisjoint(edges[-EDGE:]),
        at=max(0, start) / RATE,
    )


def last_of(sound: bytes, audio: bytes) -> int:
    """Where in the audio the last frame of a sound ends; 0 where there is none."""
    known = _telling(sound)
    for position in range(len(audio) - FRAME, -1, -1):
        if audio[position : position + FRAME] in known:
            return position + FRAME
    return 0


def _telling(sound: bytes) -> dict[bytes, int]:
    """The frames that stand in a sound once, and where."""
    frames = [(sound[at : at + FRAME], at) for at in range(0, len(sound) - FRAME + 1, FRAME)]
    times = Counter(frame for frame, _ in frames)
    return {frame: at for frame, at in frames if times[frame] == 1 and len(set(frame)) > FLAT}
