"""Cases without a recording, and opinions, that wait for their database: sealed, on this disk.

A recording has its slip, which says who by token and has no word of anybody; what is written here
has words. Each file is one case under the number that was told, or one opinion on a case, and its
name is made of its origin: kept twice it is one, and whoever brings it twice has brought one.
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
from ivr.cases.opinions import Said
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

    @property
    def origin(self) -> str:
        """By which it is known again."""
        return self.new.origin


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

    def said(self) -> frozenset[str]:
        """The cases of which an opinion waits."""
        return frozenset(kept.number for kept in self.all() if isinstance(kept, Said))

    def keep(self, kept: Kept | Said) -> str:
        """On disk on return; the number of its case."""
        file = self._file(kept.origin)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = {**asdict(kept), "at": kept.at.isoformat()}
        content = json.dumps(told, ensure_ascii=False).encode()
        write(file, seal_bytes(self._keys, file.name, content), mode=0o600)
        return kept.number

    def all(self) -> Iterator[Kept | Said]:
        """The oldest first; one that is damaged is told, and stays for whoever has its key."""
        for file in self._files():
            try:
                yield self._read(file)
            except FileNotFoundError:
                continue  # brought meanwhile
            except (Unreadable, ValueError, KeyError, TypeError) as damaged:
                log.error("%s is no case that waits: %s", file, type(damaged).__name__)  # noqa: TRY400

    def brought(self, kept: Kept | Said) -> None:
        """The database has it."""
        file = self._file(kept.origin)
        if file.exists():
            file.unlink()
            sync(self._folder)

    def _files(self) -> list[Path]:
        files = self._folder.glob(f"*{_SEALED}")
        return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))

    def _file(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}{_SEALED}"

    def _read(self, file: Path) -> Kept | Said:
        told = json.loads(unseal_bytes(self._keys, file.name, file.read_bytes()))
        told["at"] = datetime.fromisoformat(told["at"])
        if "opinion" in told:
            return Said(**told)
        told["new"]["office"] = Office(told["new"]["office"])
        return Kept(NewCase(**told["new"]), told["number"], told["at"])
