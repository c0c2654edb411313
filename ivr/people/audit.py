"""Who was told which person a token stands for, and why: a trail that cannot be changed unnoticed.

Each line holds a keyed hash over itself and the line before it, so that a line which is changed,
moved or taken out breaks the chain; the key lies apart from the trail. Only lines cut off at the
very end leave a whole chain: ship the trail elsewhere where that matters.

Whoever writes leaves a note beside the trail, under the same key: how the file was then, and its
last hash. While the file is as noted nothing in it can have changed, and the next entry is added
without following the chain again, however long it has become. Whoever reads follows it always.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Literal

from ivr.people.keys import Keys

Action = Literal[
    "who", "forget", "export", "voters", "rotate", "reveal",
    "sign-in", "sign-in refused", "sign-out", "password",
    "user added", "user locked", "user unlocked", "roles", "password given",
    "case heard", "case moved", "case opened", "case printed", "case exported", "cases exported",
    "case file added", "case file read", "case file removed", "called", "callback withdrawn",
    "overheard", "talk heard", "talk held", "talk released",
    "line opened", "line closed", "trail", "sql", "question kept", "question dropped",
    "announced", "announcement ended", "settings", "settings rolled back",
    "words changed", "words taken over", "words submitted", "words approved", "words sent back",
    "words discarded", "words published", "words rolled back", "words withdrawn",
    "alarm acknowledged", "alarm silenced",
    "schedule kept", "schedule dropped", "schedule paused", "schedule resumed", "report sent",
    "second factor", "second factor reset",
]  # fmt: skip

FIRST: Final = "0" * 64
"""The hash before the first line."""


class AuditChanged(Exception):
    """The trail is not as it was written; names the first line that is not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One look at what is kept from others, or one change of what all depend on."""

    at: datetime
    action: Action
    token: str
    """What it is about: a person's token, a recording's reference, a survey's days, a key's name,
    a user of the console, the line, an announcement, settings, a sentence, a set of prompts."""
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Between two lines of a trail."""

    last: str = FIRST
    """The hash of the line before it."""
    end: int = 0
    """Bytes from the beginning of the file."""


class Audit:
    """The trail at `path`, under the line's audit key."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._note = path.with_suffix(".last")
        self._key = key

    @classmethod
    def of(cls, home: Path) -> Audit:
        """The trail of the line whose home this is."""
        return cls(home / "audit.jsonl", Keys.load(home / "keys").audit)

    def note(self, entry: Entry) -> None:
        """Write an entry; on disk when it returns. Raises AuditChanged on a broken trail."""
        with self._locked() as file:
            last, end = self._noted(file) or self._checked(file)
            file.truncate(end)
            content = {**asdict(entry), "at": entry.at.isoformat(timespec="seconds")}
            line = {**content, "hash": self._hash(last, content)}
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self._leave_note(file, line["hash"])

    def check(self) -> None:
        """Raises AuditChanged when any line is not as it was written."""
        with self._locked() as file:
            self._checked(file)

    def entries(self) -> list[Entry]:
        """All of it, in order; raises AuditChanged when any line is not as it was written."""
        with self._locked() as file:
            _, end = self._checked(file)
            file.seek(0)
            return [entry_of(line) for line in file.read(end).splitlines()]

    def since(self, place: Place) -> tuple[list[bytes], Place]:
        """The lines from there on, and where they end; AuditChanged where one is not as written.

        A place that is none, as after the file was put back from a backup, is the beginning.
        """
        with self._locked() as file:
            try:
                last, end = self._checked(file, place)
            except AuditChanged:
                place = Place()
                last, end = self._checked(file)
            file.seek(place.end)
            return file.read(end - place.end).splitlines(), Place(last, end)

    def chained(self, last: str, content: Mapping[str, str]) -> str:
        """The hash of what comes after the one that has `last`."""
        return self._hash(last, dict(content))

    def _checked(self, file: IO[bytes], since: Place | None = None) -> tuple[str, int]:
        """Follow the chain from its beginning, or a place; its last hash, how many bytes it has.

        A last line without an end was torn by a power cut or a full disk: whoever asked for it was
        refused, so it is no entry.
        """
        last, end = FIRST, 0
        if since is not None and since.end:
            self._check_is_there(file, since)
            last, end = since.last, since.end
        file.seek(end)
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            told, content = _parted(line)
            if not hmac.compare_digest(told, self._hash(last, content)):
                raise AuditChanged(
                    f"{self._path}, line {number}: the trail was changed; keep the file as it is"
                    " and tell whoever answers for data protection"
                )
            last, end = told, end + len(line)
        return last, end

    def _check_is_there(self, file: IO[bytes], place: Place) -> None:
        """Each line ends with its hash."""
        ending = f'{place.last}"}}\n'.encode()
        file.seek(max(0, place.end - len(ending)))
        if file.read(len(ending)) != ending:
            raise AuditChanged(f"{self._path}: a line that was here is missing")

    def _noted(self, file: IO[bytes]) -> tuple[str, int] | None:
        """The last hash and the length, while the file is as the last writer left it; else None."""
        try:
            told, content = _parted(self._note.read_bytes())
        except OSError:
            return None
        if not hmac.compare_digest(told, self._hash(FIRST, content)):
            return None
        if content["file"] != _as_it_is(file):
            return None
        return content["last"], os.fstat(file.fileno()).st_size

    def _leave_note(self, file: IO[bytes], last: str) -> None:
        """Where it cannot be left, as on a full disk, the next writer follows the chain."""
        content = {"file": _as_it_is(file), "last": last}
        line = {**content, "hash": self._hash(FIRST, content)}
        part = self._note.with_suffix(".part")
        with suppress(OSError):
            descriptor = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as note:
                note.write(json.dumps(line).encode())
            part.replace(self._note)

    def _hash(self, last: str, content: dict[str, str]) -> str:
        message = last + json.dumps(content, sort_keys=True)
        return hmac.new(self._key, message.encode(), hashlib.sha256).hexdigest()

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The file, for one process at a time, readable by this user only."""
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _as_it_is(file: IO[bytes]) -> str:
    """Which file it is, how long, and when anything of it was changed last, by the kernel's word.

    Unlike the time of writing, which programs may set, that of a change is the kernel's own.
    """
    state = os.fstat(file.fileno())
    return f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"


def entry_of(line: bytes) -> Entry:
    """What stands in a line of a trail."""
    told = json.loads(line)
    at = datetime.fromisoformat(told["at"])
    return Entry(at, told["action"], told["token"], told["operator"], told["reason"])


def hash_of(line: bytes) -> str:
    """The hash that stands in a line of a trail; empty where there is none."""
    return _parted(line)[0]


def _parted(line: bytes) -> tuple[str, dict[str, str]]:
    """A line's hash and its content; an empty hash for what is no line of ours."""
    try:
        content = json.loads(line)
        told = str(content.pop("hash"))
    except (ValueError, KeyError, AttributeError, TypeError):
        return "", {}
    return (told, content) if told.isascii() else ("", {})
