"""What the console keeps by itself, in SQLite files that only the line's user can read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_SECONDS = 5.0
"""So long a change waits for one of another program."""


@contextmanager
def transaction(path: Path, tables: str) -> Iterator[sqlite3.Connection]:
    """One transaction on the file, in which `tables` exist; it blocks, so pages use a thread."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    rows = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        rows.execute("PRAGMA synchronous = FULL")
        rows.executescript(tables)
        with rows:
            yield rows
    finally:
        rows.close()
