"""Recordings on disk: a slip before each one begins, a number of its own, a file that stays.

A slip says whose recording it is going to be. It is on disk before the beep, so whatever ends
meanwhile — the call, the service, the link — somebody finds the slip and files what was recorded.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from ivr.recordings.numbering import Numbers
from ivr.records.durable import sync, write
from ivr.records.facts import RecordingKind

HEADER_BYTES = 44
BYTES_A_MS = 16
"""Of Asterisk's format `wav`: 8 kHz, 16 bits, one channel."""
FRAME_BYTES = 20 * BYTES_A_MS
SPEECH_LEVEL = 256
"""A frame whose mean amplitude is above this is speech: Asterisk's own line (dsp.conf)."""
SPEECH_FRAMES = 10
"""A fifth of a second: less is a click on the line."""
LEAST_FREE_BYTES = 1_000_000
"""With less free when a recording ends, Asterisk may have stopped writing before the caller did."""
_SLIP, _FILED = ".slip", ".filed"


class CannotKeep(Exception):
    """The disk refuses, or is too full: nothing may be promised to the caller."""


class KeptLater(CannotKeep):
    """The disk has it and does not say that it is safe: neither kept nor lost, for all we know."""


@dataclass(frozen=True, slots=True)
class Slip:
    """What is known of a recording before it begins."""

    reference: str
    """Its number for the caller, its name in Asterisk and on disk: digits, nothing personal."""
    kind: RecordingKind
    session: str
    person: str | None
    """Token of the ID number; None where none was asked for."""
    began: datetime
    """In Beijing time."""
    replaces: str | None = None
    """Reference of the recording that the caller speaks again."""
    filed: bool = False
    caller: str | None = None
    """Token of the number that it is left from; None where nobody vouches for one."""

    @property
    def path(self) -> str:
        """Under the folder of recordings, by date and kind."""
        return f"{self.began:%Y-%m-%d}/{self.kind}/{self.reference}.wav"


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording that has been filed."""

    ms: int
    bytes: int
    sha256: str
    whole: bool
    """There was room for it until its end."""


class Archive:
    """The folder of recordings, and the slips of those that are not finished. All of it blocks."""

    def __init__(self, numbers: Numbers, spool: Path, *, keep_free_mb: int) -> None:
        self.folder = numbers.recordings
        self._slips = numbers.slips
        self._spool = spool
        self._numbers = numbers
        self._keep_free = keep_free_mb * 1_000_000

    def begin(  # noqa: PLR0913  a slip has as many parts as it has
        self,
        kind: RecordingKind,
        session: str,
        person: str | None,
        now: datetime,
        *,
        replaces: str | None = None,
        caller: str | None = None,
    ) -> Slip:
        """Number a recording and write its slip; CannotKeep when it could not be kept."""
        with refusals():
            make_private(self._slips)
            number = self._numbers.next()
            slip = Slip(number, kind, session, person, now, replaces, caller=caller)
            make_private(self._place(slip).parent)
            self._part(slip).touch(0o600)
            if self._free() < self._keep_free:
                self._part(slip).unlink()
                raise CannotKeep(
                    "less is free on the disk than the setting recordings.keep_free_mb"
                )
            told = json.dumps(asdict(slip), default=datetime.isoformat)
            write(self._slip(slip), told.encode(), mode=0o600)
        return slip

    def left_over(self) -> tuple[Slip, ...]:
        """Every slip on disk, the oldest first."""
        paths = [*self._slips.glob(f"*{_SLIP}"), *self._slips.glob(f"*{_FILED}")]
        return tuple(sorted(map(_read, paths), key=lambda slip: slip.began))

    def has_sound(self, slip: Slip) -> bool:
        """Whether Asterisk has begun to write it."""
        return self._source(slip).exists()

    def is_speech(self, slip: Slip) -> bool:
        """Whether somebody can be heard; CannotKeep where a full disk may have kept it out."""
        with refusals():
            content = self._source(slip).read_bytes()[HEADER_BYTES:]
            is_full = self._free() < LEAST_FREE_BYTES
        heard = _is_speech(content)
        if is_full and not heard:
            raise CannotKeep("the disk is full: nobody knows what was said")
        return heard

    def file(self, slip: Slip) -> Sound:
        """Put a finished recording into the folder; on disk when it returns. Twice is harmless.

        Raises CannotKeep where nothing was recorded, or where the disk refuses; Asterisk's own file
        and the slip stay for another try.
        """
        with refusals():
            if self._source(slip).exists():
                self._copy(slip)
            content = self._place(slip).read_bytes()
            whole = self._free() >= LEAST_FREE_BYTES
        ms = max(0, len(content) - HEADER_BYTES) // BYTES_A_MS
        return Sound(ms, len(content), hashlib.sha256(content).hexdigest(), whole)

    def sound(self, slip: Slip) -> tuple[Path, float]:
        """Where a filed recording lies, and how many seconds it has."""
        with refusals():
            size = self._place(slip).stat().st_size
        return self._place(slip), max(0, size - HEADER_BYTES) / BYTES_A_MS / 1000

    def mark_filed(self, slip: Slip) -> Slip:
        """The records know it: from here on the slip serves the call only."""
        self._slip(slip).rename(self._slips / f"{slip.reference}{_FILED}")
        return replace(slip, filed=True)

    def drop(self, slip: Slip) -> None:
        """Nobody needs the slip any more, nor what Asterisk wrote."""
        for path in (self._source(slip), self._part(slip), self._slip(slip)):
            path.unlink(missing_ok=True)

    # --- places -------------------------------------------------------------------------------

    def _place(self, slip: Slip) -> Path:
        return self.folder / slip.path

    def _part(self, slip: Slip) -> Path:
        """Empty, and there from the beginning: it shows that the folder can be written."""
        return self._place(slip).with_name(f".{slip.reference}.part")

    def _source(self, slip: Slip) -> Path:
        return self._spool / f"{slip.reference}.wav"

    def _slip(self, slip: Slip) -> Path:
        return self._slips / f"{slip.reference}{_FILED if slip.filed else _SLIP}"

    def _free(self) -> int:
        return min(shutil.disk_usage(each).free for each in (self.folder, self._slips, self._spool))

    # --- doing it -----------------------------------------------------------------------------

    def _copy(self, slip: Slip) -> None:
        content = self._source(slip).read_bytes()
        make_private(self._place(slip).parent)
        write(self._place(slip), _whole_header(content), mode=0o600)
        self._part(slip).unlink(missing_ok=True)


def _read(path: Path) -> Slip:
    told = json.loads(path.read_text(encoding="utf-8"))
    told["began"] = datetime.fromisoformat(told["began"])
    return Slip(**{**told, "filed": path.suffix == _FILED})


def _is_speech(content: bytes) -> bool:
    loud = 0
    for at in range(0, len(content), FRAME_BYTES):
        loud += level(content[at : at + FRAME_BYTES]) > SPEECH_LEVEL
        if loud >= SPEECH_FRAMES:
            return True
    return False


def level(frame: bytes) -> float:
    """How loud it is: the mean amplitude of its 16-bit samples."""
    samples = memoryview(frame[: len(frame) // 2 * 2]).cast("h")
    return sum(map(abs, samples)) / max(1, len(samples))


def _whole_header(content: bytes) -> bytes:
    """The sound with the lengths that it has: an Asterisk that was killed did not write them."""
    if len(content) < HEADER_BYTES:
        return content
    riff, data = struct.pack("<I", len(content) - 8), struct.pack("<I", len(content) - HEADER_BYTES)
    return content[:4] + riff + content[8:40] + data + content[HEADER_BYTES:]


def make_private(folder: Path) -> None:
    """The folder and those above it that are lacking; each name on disk."""
    if folder.is_dir():
        return
    make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync(folder.parent)


@contextmanager
def refusals() -> Iterator[None]:
    """What a disk refuses, by one name."""
    try:
        yield
    except OSError as refused:
        raise CannotKeep(f"{refused.filename or 'disk'}: {refused.strerror}") from refused
