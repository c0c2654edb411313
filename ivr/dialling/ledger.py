"""Every try to call somebody, on disk before the first ring: whoever was called is known after it.

A line says that a try begins, later ones how far it came and how it ended. Numbers stand here as
tokens only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from ivr.hours import BEIJING
from ivr.records.durable import append, write
from ivr.records.facts import DialledFor, DialOutcome

log = logging.getLogger(__name__)

KEPT = timedelta(days=400)
"""Tries are remembered for longer than any case is open."""


Stage = Literal["agent", "number", "talking"]
"""How far a try has come: whose phone rings, or that they talk."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to call one number."""

    name: str
    """In Asterisk's lists and in the records."""
    purpose: DialledFor
    reference: str
    """Of the case or of the wish."""
    number: str
    """Token of who is called."""
    agent: str | None
    """Name of who is called first; None: the line speaks itself."""
    at: datetime
    outcome: DialOutcome | None = None
    """None: not over yet."""
    stage: Stage = "agent"
    """Nobody but the agent knows of a try that came no further than that."""


class Ledger:
    """The tries of one line; writing blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._attempts: dict[str, Attempt] = {}

    @classmethod
    def read(cls, path: Path, now: datetime) -> Ledger:
        """What stands there; what is old is taken out of the file, if there is room to."""
        ledger = cls(path)
        for line in path.read_bytes().splitlines() if path.exists() else ():
            ledger._take(line)
        kept = [each for each in ledger._attempts.values() if each.at > now - KEPT]
        ledger._attempts = {each.name: each for each in kept}
        try:
            write(path, b"".join(map(_begun, kept)), mode=0o600)
        except OSError as full:
            log.warning("the ledger of calls made stays as it is: %s", full.strerror)
        return ledger

    def begin(self, attempt: Attempt) -> None:
        """From here on it counts, whatever dies; OSError: nobody may be called."""
        append(self._path, _begun(attempt))
        self._attempts[attempt.name] = attempt

    def comes_to(self, name: str, stage: Stage) -> None:
        """How far it has come; where there is no room for that, a kill makes it look less far."""
        self._attempts[name] = replace(self._attempts[name], stage=stage)
        self._add([name, None, stage])

    def end(self, name: str, outcome: DialOutcome) -> None:
        """How it ended; where there is no room for that, it is lost after the next start."""
        self._attempts[name] = replace(self._attempts[name], outcome=outcome)
        self._add([name, outcome])

    def _add(self, line: list[str | None]) -> None:
        try:
            append(self._path, json.dumps(line).encode() + b"\n")
        except OSError as full:
            log.warning("how a call went is not written down: %s", full.strerror)

    def attempt(self, name: str) -> Attempt | None:
        """The try of that name."""
        return self._attempts.get(name)

    def begun(self) -> tuple[Attempt, ...]:
        """Those that have no end."""
        return tuple(each for each in self._attempts.values() if each.outcome is None)

    def of(self, purpose: DialledFor, reference: str) -> tuple[Attempt, ...]:
        """All for one purpose and one case or wish, the oldest first."""
        return tuple(
            each
            for each in self._attempts.values()
            if (each.purpose, each.reference) == (purpose, reference)
        )

    def on_day_of(self, moment: datetime) -> Iterator[Attempt]:
        """All of one day in Beijing."""
        day = moment.astimezone(BEIJING).date()
        return (e for e in self._attempts.values() if e.at.astimezone(BEIJING).date() == day)

    def _take(self, line: bytes) -> None:
        try:
            told: Any = json.loads(line)
            if isinstance(told, dict):
                attempt = Attempt(**{**told, "at": datetime.fromisoformat(told["at"])})
                self._attempts[attempt.name] = attempt
            elif (known := self._attempts.get(told[0])) is not None:
                name, outcome, *came = told
                stage = came[0] if came else known.stage
                self._attempts[name] = replace(known, outcome=outcome, stage=stage)
        except (ValueError, TypeError, KeyError, IndexError):
            log.warning("a line of the ledger of calls made was torn")


def _begun(attempt: Attempt) -> bytes:
    return json.dumps(asdict(attempt), default=datetime.isoformat).encode() + b"\n"
