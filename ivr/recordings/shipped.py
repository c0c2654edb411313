"""Which recordings the depot has of this machine: proven there once, and which are to go there."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

FILE: Final = "shipped.sqlite"
"""Under the home folder."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS shipped(
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, sha256 TEXT NOT NULL,
    at TEXT NOT NULL, past INTEGER NOT NULL DEFAULT 0) STRICT
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """One recording that the depot had, whole, at a moment."""

    path: str
    """Under the folder of recordings."""
    size: int
    changed: int
    """When its file was written, in nanoseconds since 1970: another one is sent anew."""
    sha256: str
    at: datetime


class Shipped:
    """The list on disk, in SQLite. All of it blocks."""

    def __init__(self, home: Path) -> None:
        self._file = home / FILE

    def all(self, since: date | None = None) -> dict[str, Sent]:
        """By their paths; of that day and later."""
        query = "SELECT path, size, changed, sha256, at FROM shipped WHERE path >= ?"
        with self._rows() as rows:
            found = rows.execute(query, ("" if since is None else str(since),))
            return {
                path: Sent(path, size, changed, sha256, datetime.fromisoformat(at))
                for path, size, changed, sha256, at in found
            }

    def has(self, path: str) -> bool:
        """Whether it was sent from here."""
        with self._rows() as rows:
            query = "SELECT 1 FROM shipped WHERE path = ?"
            return rows.execute(query, (path,)).fetchone() is not None

    def note(self, sent: Sent) -> None:
        """On disk when it returns."""
        with self._rows() as rows:
            rows.execute(
                "INSERT OR REPLACE INTO shipped (path, size, changed, sha256, at)"
                " VALUES (?, ?, ?, ?, ?)",
                (sent.path, sent.size, sent.changed, sent.sha256, sent.at.isoformat()),
            )

    def overdue(self, first: date, held: Collection[str]) -> list[str]:
        """Those of days before the first that is kept, but what is held."""
        return [path for path in sorted(self.all()) if path[:10] < str(first) and path not in held]

    def doom(self, paths: Collection[str]) -> None:
        """They are to go from the depot too, as soon as it answers."""
        with self._rows() as rows:
            given = [(path,) for path in paths]
            rows.executemany("UPDATE shipped SET past = 1 WHERE path = ?", given)

    def doomed(self) -> list[str]:
        """What still has to go."""
        with self._rows() as rows:
            found = rows.execute("SELECT path FROM shipped WHERE past ORDER BY path")
            return [path for (path,) in found]

    def forget(self, path: str) -> None:
        """It has gone."""
        with self._rows() as rows:
            rows.execute("DELETE FROM shipped WHERE path = ?", (path,))

    @contextmanager
    def _rows(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        if not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch(0o600)
        with closing(sqlite3.connect(self._file, timeout=5.0)) as rows, rows:
            rows.execute("PRAGMA synchronous = FULL")
            rows.execute(_SCHEMA)
            yield rows
