"""Calls whose end a case is to have a note of: on disk, so that a restart forgets none."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr.cases.moves import Office
from ivr.records.durable import write

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Awaited:
    """A call that was begun from a case."""

    attempt: str
    """As the service names it."""
    number: str
    """Of the case."""
    by: str
    """Who wanted it, and as what they act on cases."""
    offices: frozenset[Office]
    at: datetime


class Waiting:
    """All of them, a file for each. Blocks."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "called_back"

    def keep(self, call: Awaited) -> None:
        """From here on it is waited for."""
        told = {
            "attempt": call.attempt,
            "number": call.number,
            "by": call.by,
            "offices": sorted(call.offices),
            "at": call.at.isoformat(),
        }
        write(self._file(call), json.dumps(told, ensure_ascii=False).encode(), mode=0o600)

    def all(self) -> tuple[Awaited, ...]:
        """Whatever is damaged is told and left out."""
        return tuple(call for file in sorted(self._folder.glob("*.json")) for call in _read(file))

    def drop(self, call: Awaited) -> None:
        """It has its note."""
        self._file(call).unlink(missing_ok=True)

    def _file(self, call: Awaited) -> Path:
        return self._folder / f"{call.attempt}.json"


def _read(file: Path) -> tuple[Awaited, ...]:
    try:
        told = json.loads(file.read_bytes())
        offices = frozenset(map(Office, told["offices"]))
        at = datetime.fromisoformat(told["at"])
        return (Awaited(told["attempt"], told["number"], told["by"], offices, at),)
    except (OSError, ValueError, KeyError, TypeError) as damaged:
        log.warning("%s is not read: %s", file.name, type(damaged).__name__)
        return ()
