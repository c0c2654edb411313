"""What rings, what people said about it, and who once answered: small files in the home folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from ivr.alarms.ringing import Mark, News, Ringing
from ivr.alarms.table import BY_NAME
from ivr.records.durable import append, write
from ivr.records.holding import alone

T = TypeVar("T")

log = logging.getLogger(__name__)

_RINGING = "alarms.json"
_HISTORY = "alarm-history.jsonl"
MOST_HISTORY_BYTES = 1_000_000
_LOCK = "alarm-marks.lock"
_MARKS = "alarm-marks.json"
_ANSWERED = "trunks-answered.json"


def ringing(home: Path) -> tuple[Ringing, ...]:
    """As it was written last; nothing where there is none, or what no one can read.

    An alarm that only another version of the program knows is no alarm of this one.
    """

    def known(kept: Iterable[Mapping[str, Any]]) -> tuple[Ringing, ...]:
        return tuple(Ringing(**each) for each in kept if each["alarm"] in BY_NAME)

    return _read(home / _RINGING, known, ())


def keep_ringing(home: Path, found: Iterable[Ringing]) -> None:
    """For the console and for the next start: what was told is not told again."""
    write(home / _RINGING, json.dumps([asdict(each) for each in found]).encode())


def looked(home: Path) -> float | None:
    """When the watch wrote last what rings, as it does at each look; None: never."""
    try:
        return (home / _RINGING).stat().st_mtime
    except FileNotFoundError:
        return None


def add_history(home: Path, turn: News, at: float) -> None:
    """That it began or ended, for whoever asks in the morning; one older file is kept."""
    path = home / _HISTORY
    if path.exists() and path.stat().st_size > MOST_HISTORY_BYTES:
        path.replace(home / f"{_HISTORY}.1")
    line = json.dumps({"at": at, "kind": turn.kind, "key": turn.ringing.key})
    append(path, f"{line}\n".encode())


def history(home: Path, since: float, until: float) -> Iterator[tuple[float, str, str]]:
    """When, begins or ends, and which alarm."""
    for path in (home / f"{_HISTORY}.1", home / _HISTORY):
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for line in lines:
            with suppress(ValueError, KeyError):
                told = json.loads(line)
                if since <= told["at"] < until:
                    yield told["at"], told["kind"], told["key"]


def marks(home: Path) -> Mapping[str, Mark]:
    """What people said, by the alarm's key or its name; nothing where no one can read it."""
    return _read(home / _MARKS, lambda kept: {key: Mark(**mark) for key, mark in kept.items()}, {})


def mark(home: Path, key: str, said: Mark) -> None:
    """Acknowledged, or silenced, by somebody; on disk when it returns."""
    with alone(home / _LOCK):
        _keep(home, {**marks(home), key: said})


def unmark(home: Path, key: str) -> None:
    """Nothing is said about it any more."""
    with alone(home / _LOCK):
        _keep(home, {name: each for name, each in marks(home).items() if name != key})


def answered(home: Path) -> frozenset[str]:
    """Carriers' equipment (host:port) that has answered OPTIONS at least once."""
    return _read(home / _ANSWERED, frozenset, frozenset())


def keep_answered(home: Path, equipment: Iterable[str]) -> None:
    """Whoever falls silent after this has stopped answering."""
    write(home / _ANSWERED, json.dumps(sorted(equipment)).encode())


def _keep(home: Path, said: Mapping[str, Mark]) -> None:
    content = {key: asdict(each) for key, each in said.items()}
    write(home / _MARKS, json.dumps(content, ensure_ascii=False).encode(), mode=0o600)


def _read(path: Path, read: Callable[[Any], T], nothing: T) -> T:
    """Alarms ring whatever has become of a file: a torn one, one of another version."""
    try:
        return read(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return nothing
    except (OSError, ValueError, TypeError, AttributeError, LookupError) as unreadable:
        log.warning("%s cannot be read, and counts as empty: %s", path.name, unreadable)
        return nothing
