"""How each agent was last, a JSON line for each change, so that it outlives the service.

Lines are added and never changed; a service that begins, and is alone then, keeps of what the one
before has written the last line of each agent. The whole history is in the facts.
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from ivr.agents.desks import Remembered
from ivr.agents.notes import Talked
from ivr.agents.presence import Presence, State
from ivr.records.durable import append, write

log = logging.getLogger(__name__)

FILE = "agents/states.jsonl"
"""Below the home folder."""


class Book:
    """The agents' states of this line; names no caller."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="agents")

    def last(self) -> tuple[Remembered, ...]:
        """How each agent was last; a line that a power cut has torn is left out."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        found: dict[str, Remembered] = {}
        for line in lines:
            try:
                told = _read(line)
            except (ValueError, TypeError, KeyError):
                continue
            found[told.extension] = told
        return tuple(found.values())

    def taken_over(self) -> tuple[Remembered, ...]:
        """The same, once nobody else writes; what is out of date is taken out, if there is room."""
        held = self.last()
        try:
            write(self._path, b"".join(map(_line, held)), mode=0o600)
        except OSError as full:
            log.warning("the book of agents' states stays as it is: %s", full.strerror)
        return held

    def keep(self, told: Remembered) -> None:
        """Write it down, without letting anybody wait."""
        self._writer.submit(self._write, told)

    def close(self) -> None:
        """Until everything is written."""
        self._writer.shutdown()

    def _write(self, told: Remembered) -> None:
        try:
            append(self._path, _line(told))
        except OSError as full:
            log.warning("an agent's state will not outlive this service: %s", full.strerror)
        except Exception:  # nobody reads what becomes of it
            log.exception("an agent's state will not outlive this service")


def _line(told: Remembered) -> bytes:
    presence = told.presence
    line = {
        "at": told.since.isoformat(),
        "extension": told.extension,
        "state": presence.state,
        "reason": presence.reason,
        "then": presence.then,
        "talked": None if told.talked is None else asdict(told.talked),
    }
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _read(line: bytes) -> Remembered:
    told = json.loads(line)
    presence = Presence(State(told["state"]), str(told["reason"]), State(told["then"]))
    talked = None if (held := told.get("talked")) is None else Talked(**held)
    at = datetime.fromisoformat(told["at"])
    return Remembered(str(told["extension"]), presence, at, talked)
