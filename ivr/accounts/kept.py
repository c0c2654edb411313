"""Connections to a SQLite file, kept as long as it is the same file and nobody writes it.

Opening one costs some milliseconds under load. A kept one must not stand in the way of
an import, though: to leave WAL at its end it needs the file for itself (store.py), and a connection
that has read in WAL holds on to it until it is closed. One that has not is no hindrance.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

_IDENTITY = "file"


def keep_while_same(engine: Engine, file: Path) -> None:
    """Let the engine's pool drop what was opened of another file, and what has read in WAL."""
    wal = file.with_name(f"{file.name}-wal")

    def opened(_: Any, entry: ConnectionPoolEntry) -> None:
        entry.info[_IDENTITY] = _identity(file)

    def taken(_: Any, entry: ConnectionPoolEntry, __: Any) -> None:
        if entry.info.get(_IDENTITY) != _identity(file):
            raise DisconnectionError("the file was replaced")

    def given_back(connection: Any, entry: ConnectionPoolEntry) -> None:
        if connection is not None and wal.exists():
            entry.invalidate()

    hooks: dict[str, Callable[..., None]] = {
        "connect": opened,
        "checkout": taken,
        "checkin": given_back,
    }
    for name, hook in hooks.items():
        event.listen(engine, name, hook)


def _identity(file: Path) -> tuple[int, int] | None:
    """By which a file is told from another one of its name; None where there is none."""
    try:
        seen = file.stat()
    except FileNotFoundError:
        return None
    return seen.st_dev, seen.st_ino
