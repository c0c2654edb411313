"""What a machine takes a recording for: help for who works with the case, and never evidence.

One recording at a time, the oldest first, in a process of its own that gives way to everything.
What it wrote is sealed as enclosures are, and goes with its case.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import and_, insert, or_, select, update

from ivr.cases.sealing import seal, unseal
from ivr.cases.store import CASE, TRANSCRIPT, Cases, stamp
from ivr.config import Settings

log = logging.getLogger(__name__)

WARNING: Final = "机器识别，仅供参考，不作依据"
"""Above every transcript."""
MOST_TRIES: Final = 3
"""A recording that its reader did not survive so often is left to people."""


class Engine(Protocol):
    """Whoever writes down what is said, without a network."""

    name: str

    def write_down(self, sound: bytes) -> str:
        """What is said in a file of Asterisk's format `wav`; what it raises is a try in vain."""


class Whisper:
    """faster-whisper (the extra `proof`), with a model that is on this machine."""

    name = "whisper"

    def __init__(self, model: Path) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415  the extra is not always there
        from opencc import OpenCC  # noqa: PLC0415

        self._model: Any = WhisperModel(
            str(model), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
        )
        self._simplified: Callable[[str], str] = OpenCC("t2s").convert

    def write_down(self, sound: bytes) -> str:
        """Each breath a line."""
        parts, _ = self._model.transcribe(
            io.BytesIO(sound), language="zh", condition_on_previous_text=False
        )
        return self._simplified("\n".join(part.text.strip() for part in parts))


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was taken for what was said."""

    text: str
    engine: str
    at: datetime


class Transcripts:
    """Of the cases of a line. All of it blocks."""

    def __init__(self, cases: Cases, settings: Settings) -> None:
        self._cases = cases
        self._keys = settings.home / "keys"
        self._recordings = settings.recordings_folder

    def of(self, number: str) -> Transcript | None:
        """None: not written, or not yet. Raises Unreadable."""
        query = select(TRANSCRIPT).where(TRANSCRIPT.c.number == number, TRANSCRIPT.c.sealed != "")
        with self._cases.reading() as rows:
            row = rows.execute(query).first()
        if row is None:
            return None
        text = unseal(self._keys, _place(number), row.sealed).decode("utf-8")
        return Transcript(text, row.engine, datetime.fromisoformat(row.at))

    def write_next(self, engine: Engine) -> str | None:
        """The number of the case whose recording was tried; None: there is nothing to do."""
        for number, path, sha256 in self._waiting():
            sound = self._sound(path, sha256)
            if sound is None:
                continue
            self._begin(number, engine)
            try:
                text = engine.write_down(sound).strip()
            except Exception as vain:  # noqa: BLE001  others' engine: its faults end no queue
                log.warning("the recording of %s is not read: %s", number, type(vain).__name__)
                return number
            self._keep(number, text)
            return number
        return None

    def _waiting(self) -> list[tuple[str, str, str]]:
        begun = and_(TRANSCRIPT.c.sealed == "", TRANSCRIPT.c.tries < MOST_TRIES)
        query = (
            select(CASE.c.number, CASE.c.path, CASE.c.sha256)
            .outerjoin(TRANSCRIPT, TRANSCRIPT.c.number == CASE.c.number)
            .where(CASE.c.path != "", or_(TRANSCRIPT.c.number.is_(None), begun))
            .order_by(CASE.c.filed_at, CASE.c.number)
        )
        with self._cases.reading() as rows:
            return [tuple(row) for row in rows.execute(query)]

    def _sound(self, path: str, sha256: str) -> bytes | None:
        """None: it is on another machine, or it is not what was filed."""
        try:
            sound = (self._recordings / path).read_bytes()
        except OSError:
            return None
        return sound if hashlib.sha256(sound).hexdigest() == sha256 else None

    def _begin(self, number: str, engine: Engine) -> None:
        """On disk before the engine has it."""
        mine = TRANSCRIPT.c.number == number
        with self._cases.writing() as rows:
            again = update(TRANSCRIPT).where(mine).values(tries=TRANSCRIPT.c.tries + 1)
            if rows.execute(again).rowcount == 0:
                now = stamp(datetime.now(UTC))
                new = {"number": number, "engine": engine.name, "at": now, "sealed": "", "tries": 1}
                rows.execute(insert(TRANSCRIPT).values(new))

    def _keep(self, number: str, text: str) -> None:
        """Nothing where the case has gone meanwhile."""
        sealed = seal(self._keys, _place(number), text.encode("utf-8"))
        now = stamp(datetime.now(UTC))
        with self._cases.writing() as rows:
            kept = update(TRANSCRIPT).where(TRANSCRIPT.c.number == number)
            rows.execute(kept.values(sealed=sealed, at=now))


def _place(number: str) -> str:
    return f"{number}/transcript"
