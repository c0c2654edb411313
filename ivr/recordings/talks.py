"""Recordings of conversations with agents, on disk: pieces on two tracks, made into one file.

A slip of its own says what is being recorded, piece by piece, before Asterisk writes a byte of it;
whatever ends meanwhile, somebody finds the slip and puts the pieces together. Between two pieces
stands a short beep: something was left out there, and nothing of it is kept anywhere.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
import struct
from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from ivr.recordings.archive import (
    BYTES_A_MS,
    HEADER_BYTES,
    LEAST_FREE_BYTES,
    CannotKeep,
    make_private,
    refusals,
)
from ivr.records.durable import sync, write
from ivr.records.facts import LeftOut

FOLDER: Final = "talk"
"""Under the folder of a day."""
GAP_SECONDS: Final = 1.0
"""What stands in the place of whatever was left out, however long that was."""
_BEEP_HERTZ, _BEEP_LEVEL, _BEEP_SECONDS = 1000, 3000, 0.4
_HERTZ: Final = 8000
_CHUNK_BYTES: Final = 64_000
SLIPS: Final = "talks"
"""Under the folder of slips."""
_SLIP: Final = ".slip"
_HOLD: Final = ".hold"


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is not recorded: from when on, and how long."""

    why: LeftOut
    after: int
    """So many pieces were begun before it."""
    began: datetime
    seconds: float | None = None
    """None: it lasts."""


@dataclass(frozen=True, slots=True)
class TalkSlip:
    """What is known of a conversation's recording while it goes on."""

    reference: str
    """Its name on disk: by chance, nothing personal."""
    session: str
    room: str
    """The bridge of the conversation."""
    began: datetime
    """In Beijing time."""
    agents: tuple[str, ...] = ()
    """Names of all who have been in it, in their order."""
    pieces: int = 0
    """How many were begun."""
    gaps: tuple[Gap, ...] = ()
    over: bool = False
    """The conversation has ended: what there is may be put together."""

    @property
    def path(self) -> str:
        """Under the folder of recordings."""
        return f"{self.began:%Y-%m-%d}/{FOLDER}/{self.reference}.wav"

    @property
    def gap(self) -> Gap | None:
        """What is being left out now."""
        last = self.gaps[-1] if self.gaps else None
        return last if last is not None and last.seconds is None else None

    def leaving_out(self, why: LeftOut, now: datetime) -> TalkSlip:
        """From now on nothing is recorded; of two reasons each has its own time."""
        closed = self.going_on(now)
        return replace(closed, gaps=(*closed.gaps, Gap(why, self.pieces, now)))

    def going_on(self, now: datetime) -> TalkSlip:
        """Whatever was left out is over."""
        gap = self.gap
        if gap is None:
            return self
        lasted = max(0.0, (now - gap.began).total_seconds())
        return replace(self, gaps=(*self.gaps[:-1], replace(gap, seconds=lasted)))

    def left_out_ms(self, why: LeftOut) -> int:
        """How long that was the reason, all together."""
        return round(1000 * sum(gap.seconds or 0.0 for gap in self.gaps if gap.why == why))


@dataclass(frozen=True, slots=True)
class TalkSound:
    """A conversation's recording that was put together."""

    ms: int
    bytes: int
    sha256: str
    whole: bool
    """There was room for it until its end."""
    gaps: tuple[tuple[int, Gap], ...]
    """Each at how many milliseconds of the file."""

    def gaps_told(self) -> str:
        """As the facts have them: JSON, `at_ms` in the file, `why`, and how long (`ms`)."""
        return json.dumps(
            [
                {"at_ms": at, "why": gap.why, "ms": round(1000 * (gap.seconds or 0.0))}
                for at, gap in self.gaps
            ]
        )


class TalkArchive:
    """Slips of conversations, their pieces in Asterisk's spool, and what is made. All blocks."""

    def __init__(self, folder: Path, slips: Path, spool: Path, *, keep_free_mb: int) -> None:
        self.folder = folder
        self._slips = slips
        self._spool = spool
        self._keep_free = keep_free_mb * 1_000_000

    def begin(self, session: str, room: str, agent: str, now: datetime) -> TalkSlip:
        """A slip on disk; CannotKeep where nothing could be kept."""
        slip = TalkSlip(secrets.token_hex(8), session, room, now, (agent,))
        with refusals():
            make_private(self._place(slip).parent)
            self.check_room()
            self.keep(slip)
        return slip

    def check_room(self) -> None:
        """CannotKeep with less on the disk than the settings want to stay free."""
        with refusals():
            if self._free() < self._keep_free:
                raise CannotKeep(
                    "less is free on the disk than the setting recordings.keep_free_mb"
                )

    def keep(self, slip: TalkSlip) -> None:
        """As it stands now; CannotKeep where the disk refuses."""
        with refusals():
            make_private(self._slips)
            told = json.dumps(asdict(slip), default=datetime.isoformat)
            write(self._slip(slip), told.encode(), mode=0o600)

    def left_over(self) -> tuple[TalkSlip, ...]:
        """Every slip on disk, the oldest first."""
        found = (_read(path) for path in self._slips.glob(f"*{_SLIP}"))
        return tuple(sorted(found, key=lambda slip: slip.began))

    def tracks(self, slip: TalkSlip, piece: int) -> tuple[Path, Path]:
        """What Asterisk writes of a piece: what the caller says, and what the caller hears."""
        name = f"{FOLDER}-{slip.reference}-{piece}"
        return self._spool / f"{name}-caller.wav", self._spool / f"{name}-agent.wav"

    def has_begun(self, slip: TalkSlip) -> bool:
        """Whether Asterisk writes, or wrote, the last piece."""
        return any(track.exists() for track in self.tracks(slip, slip.pieces))

    def is_closed(self, slip: TalkSlip) -> bool:
        """Whether Asterisk has written the last piece to its end: then its header says so."""
        return all(
            not track.exists() or _told_bytes(track) == track.stat().st_size - HEADER_BYTES
            for track in self.tracks(slip, slip.pieces)
        )

    def size(self, slip: TalkSlip) -> int:
        """Bytes of the last piece by now."""
        tracks = self.tracks(slip, slip.pieces)
        return sum(track.stat().st_size for track in tracks if track.exists())

    def file(self, slip: TalkSlip) -> TalkSound | None:
        """Put the pieces together; on disk when it returns. Twice is harmless.

        None where Asterisk has written nothing. CannotKeep where the disk refuses: slip and pieces
        stay for another try.
        """
        place = self._place(slip)
        with refusals():
            pieces = [n for n in range(1, slip.pieces + 1) if self._has_sound(slip, n)]
            if not pieces and not place.exists():
                return None
            gaps = self._put_together(slip, place) if pieces else ()
            size, sha256 = place.stat().st_size, _sum(place)
            whole = self._free() >= LEAST_FREE_BYTES
        ms = max(0, size - HEADER_BYTES) // (2 * BYTES_A_MS)
        return TalkSound(ms, size, sha256, whole, gaps)

    def drop(self, slip: TalkSlip) -> None:
        """Nobody needs the slip any more, nor what Asterisk wrote; the slip goes last."""
        for piece in range(1, slip.pieces + 1):
            for track in self.tracks(slip, piece):
                track.unlink(missing_ok=True)
        self._slip(slip).unlink(missing_ok=True)

    # --- doing it -----------------------------------------------------------------------------

    def _place(self, slip: TalkSlip) -> Path:
        return self.folder / slip.path

    def _slip(self, slip: TalkSlip) -> Path:
        return self._slips / f"{slip.reference}{_SLIP}"

    def _free(self) -> int:
        return min(shutil.disk_usage(each).free for each in (self.folder, self._spool))

    def _has_sound(self, slip: TalkSlip, piece: int) -> bool:
        return any(
            track.exists() and track.stat().st_size > HEADER_BYTES
            for track in self.tracks(slip, piece)
        )

    def _put_together(self, slip: TalkSlip, place: Path) -> tuple[tuple[int, Gap], ...]:
        """Under a hidden name first."""
        make_private(place.parent)
        part = place.with_name(f".{slip.reference}.part")
        descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(bytes(HEADER_BYTES))
                gaps = tuple(self._write_pieces(slip, file))
                size = file.tell() - HEADER_BYTES
                file.seek(0)
                file.write(_header(size))
                file.flush()
                os.fsync(file.fileno())
            part.replace(place)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync(place.parent)
        return gaps

    def _write_pieces(self, slip: TalkSlip, file: IO[bytes]) -> Iterator[tuple[int, Gap]]:
        for piece in range(slip.pieces + 1):
            if piece:
                for woven in _woven(*self.tracks(slip, piece)):
                    file.write(woven)
            for gap in (gap for gap in slip.gaps if gap.after == piece):
                yield (file.tell() - HEADER_BYTES) // (2 * BYTES_A_MS), gap
                file.write(_GAP)


def _read(path: Path) -> TalkSlip:
    told = json.loads(path.read_text(encoding="utf-8"))
    gaps = tuple(
        Gap(**{**each, "began": datetime.fromisoformat(each["began"])}) for each in told["gaps"]
    )
    began = datetime.fromisoformat(told["began"])
    return TalkSlip(**{**told, "began": began, "agents": tuple(told["agents"]), "gaps": gaps})


def is_over(slip: Path) -> bool:
    """Whether the conversation of this slip has ended, so that its recording is to be filed."""
    try:
        return _read(slip).over
    except (OSError, ValueError, LookupError, TypeError):
        return False  # filed in this moment


def _told_bytes(track: Path) -> int:
    """Of sound, by the header of the file; nothing until whoever writes it has closed it."""
    with track.open("rb") as file:
        header = file.read(HEADER_BYTES)
    return struct.unpack("<I", header[40:44])[0] if len(header) == HEADER_BYTES else 0


def _woven(left: Path, right: Path) -> Iterator[bytes]:
    """Two tracks as one sound of two channels; the shorter one ends in silence."""
    with _sound_of(left) as one, _sound_of(right) as other:
        while True:
            first, second = one.read(_CHUNK_BYTES), other.read(_CHUNK_BYTES)
            if not first and not second:
                return
            yield _interleaved(first, second)


def _sound_of(track: Path) -> IO[bytes]:
    """Past its header; nothing where Asterisk has not written this track."""
    file = (track if track.exists() else Path(os.devnull)).open("rb")
    file.read(HEADER_BYTES)
    return file


def _interleaved(left: bytes, right: bytes) -> bytes:
    samples = max(len(left), len(right)) // 2
    woven = array("h", bytes(4 * samples))
    for channel, track in enumerate((left, right)):
        woven[channel::2] = array("h", track[: 2 * samples].ljust(2 * samples, b"\0"))
    return woven.tobytes()


def _beep() -> bytes:
    """The same on both channels, with silence before and after."""
    sounding, turn = round(_BEEP_SECONDS * _HERTZ), 2 * math.pi * _BEEP_HERTZ / _HERTZ
    tone = array("h", (round(_BEEP_LEVEL * math.sin(turn * n)) for n in range(sounding)))
    silence = bytes(round((GAP_SECONDS - _BEEP_SECONDS) / 2 * _HERTZ) * 2)
    track = silence + tone.tobytes() + silence
    return _interleaved(track, track)


_GAP: Final = _beep()


def _header(size: int) -> bytes:
    """Of a WAV file: 8 kHz, 16 bits, two channels."""
    form = struct.pack("<4sI4s4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16)
    coding = struct.pack("<HHIIHH", 1, 2, _HERTZ, 4 * _HERTZ, 4, 16)
    return form + coding + struct.pack("<4sI", b"data", size)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- legal hold (保全) ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HeldTalk:
    """A recording that is not deleted, and all that is known of it: the facts of it may go."""

    reference: str
    path: str
    session: str
    agents: str
    at: str
    """When it began, in Beijing time, as the page shows it."""
    ms: int
    sha256: str
    gaps: str
    """As `TalkSound.gaps_told`."""
    by: str
    reason: str


def hold(folder: Path, held: HeldTalk) -> None:
    """Beside the recording; on disk when it returns."""
    write(_hold(folder, held.path), json.dumps(asdict(held)).encode(), mode=0o600)


def release(folder: Path, path: str) -> None:
    """It goes when its time has come."""
    _hold(folder, path).unlink(missing_ok=True)
    sync(_hold(folder, path).parent)


def held_talks(folder: Path) -> tuple[HeldTalk, ...]:
    """All that are held, the oldest first."""
    paths = sorted(folder.glob(f"*/{FOLDER}/*{_HOLD}"))
    return tuple(HeldTalk(**json.loads(path.read_text(encoding="utf-8"))) for path in paths)


def held_paths(held: HeldTalk) -> tuple[str, str]:
    """Under the folder of recordings: what retention leaves where it is."""
    return held.path, str(_hold(Path(), held.path))


def _hold(folder: Path, path: str) -> Path:
    return (folder / path).with_suffix(_HOLD)
