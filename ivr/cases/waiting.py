"""Cases without a recording that wait for their database: sealed, on this machine's disk.

A recording has its slip, which says who by token and has no word of anybody; what is written here
has words. Each file is one case under the number that was told, and its name is made of its origin:
kept twice it is one, and whoever opens it twice has opened one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ivr.cases.moves import Office
from ivr.cases.opening import NewCase
from ivr.cases.sealing import Unreadable, seal_bytes, unseal_bytes
from ivr.records.durable import sync, write

log = logging.getLogger(__name__)

FOLDER: Final = "waiting cases"
_SEALED: Final = ".sealed"


@dataclass(frozen=True, slots=True)
class Kept:
    """A case that is to be opened."""

    new: NewCase
    number: str
    """Somebody has been told that it has this one."""
    at: datetime


class Waiting:
    """Those of one machine. All of it blocks; OSError where the disk refuses."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER
        self._keys = home / "keys"

    def __len__(self) -> int:
        return len(self._files())

    def number(self, origin: str) -> str | None:
        """Which one was told for it; None where it does not wait. Raises Unreadable."""
        file = self._file(origin)
        return self._read(file).number if file.exists() else None

    def keep(self, kept: Kept) -> str:
        """On disk on return; its number."""
        file = self._file(kept.new.origin)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = {"new": asdict(kept.new), "number": kept.number, "at": kept.at.isoformat()}
        content = json.dumps(told, ensure_ascii=False).encode()
        write(file, seal_bytes(self._keys, file.name, content), mode=0o600)
        return kept.number

    def all(self) -> Iterator[Kept]:
        """The oldest first; one that is damaged is told, and stays for whoever has its key."""
        for file in self._files():
            try:
                yield self._read(file)
            except (Unreadable, ValueError, KeyError, TypeError) as damaged:
                log.error("%s is no case that waits: %s", file, type(damaged).__name__)  # noqa: TRY400

    def opened(self, kept: Kept) -> None:
        """It is a case of the database."""
        self._file(kept.new.origin).unlink(missing_ok=True)
        sync(self._folder)

    def _files(self) -> list[Path]:
        files = self._folder.glob(f"*{_SEALED}")
        return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))

    def _file(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}{_SEALED}"

    def _read(self, file: Path) -> Kept:
        told = json.loads(unseal_bytes(self._keys, file.name, file.read_bytes()))
        told["new"]["office"] = Office(told["new"]["office"])
        return Kept(NewCase(**told["new"]), told["number"], datetime.fromisoformat(told["at"]))
