"""The rows of the vault on this machine: a SQLite file that only its user can read.

It is all there is of the vault on a line of one machine. With several it is what this one was told:
each row waits here until the line's database has it, and goes when its person is forgotten.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

FILE: Final = "vault.sqlite"
"""Below the home folder."""
_PERSON = (
    "CREATE TABLE IF NOT EXISTS person (token TEXT PRIMARY KEY, sealed BLOB NOT NULL,"
    " kept REAL NOT NULL)"
)
_WAITING = "CREATE TABLE IF NOT EXISTS waiting (token TEXT PRIMARY KEY) WITHOUT ROWID"
_HAS_WAITING = "SELECT 1 FROM sqlite_master WHERE name = 'waiting'"
_EVERYBODY_WAITS = "INSERT OR IGNORE INTO waiting SELECT token FROM person"


@dataclass(frozen=True, slots=True)
class Row:
    """A number that nobody can read without the vault's key."""

    token: str
    sealed: bytes
    kept: float
    """When it was last keyed in, in seconds since 1970."""


class Rows(Protocol):
    """Where sealed numbers are kept by their tokens; each call is durable when it returns."""

    def put(self, row: Row) -> None:
        """Keep it, also where the token is kept already."""

    def find(self, token: str) -> Row | None:
        """What is kept under a token."""

    def all(self) -> Iterator[Row]:
        """Everybody, in no order; each is read when it comes."""

    def kept_before(self, when: float) -> frozenset[str]:
        """Tokens of those last kept before then of whom this machine has to decide."""

    def forget(self, tokens: Collection[str], mark: str) -> int:
        """Nobody has these any more; `mark` is their number's. How many there were."""

    def let_go(self, token: str) -> bool:
        """This machine needs it no longer; whether there was anything."""

    def seal(self, anew: Mapping[Row, bytes]) -> None:
        """The same numbers under another key; those that have changed meanwhile stay."""


class VaultFile:
    """The rows at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def put(self, row: Row) -> None:
        """See Rows."""
        with self._opened() as rows:
            rows.execute(
                "INSERT OR REPLACE INTO person (token, sealed, kept) VALUES (?, ?, ?)",
                (row.token, row.sealed, row.kept),
            )
            rows.execute("INSERT OR IGNORE INTO waiting (token) VALUES (?)", (row.token,))

    def find(self, token: str) -> Row | None:
        """See Rows."""
        with self._opened() as rows:
            found = rows.execute("SELECT * FROM person WHERE token = ?", (token,)).fetchone()
        return None if found is None else Row(*found)

    def all(self) -> Iterator[Row]:
        """See Rows."""
        with self._opened() as rows:
            found = rows.execute("SELECT token, sealed, kept FROM person").fetchall()
        return (Row(*row) for row in found)

    def kept_before(self, when: float) -> frozenset[str]:
        """See Rows."""
        with self._opened() as rows:
            tokens = rows.execute("SELECT token FROM person WHERE kept < ?", (when,))
            return frozenset(token for (token,) in tokens)

    def forget(self, tokens: Collection[str], mark: str = "") -> int:
        """See Rows; a file keeps no mark."""
        del mark
        return self.forget_kept_until(dict.fromkeys(tokens, float("inf")))

    def let_go(self, token: str) -> bool:
        """See Rows."""
        return self.forget([token]) > 0

    def seal(self, anew: Mapping[Row, bytes]) -> None:
        """See Rows."""
        with self._opened() as rows:
            rows.executemany(
                "UPDATE person SET sealed = ? WHERE token = ? AND sealed = ?",
                [(sealed, row.token, row.sealed) for row, sealed in anew.items()],
            )

    # --- with several machines ------------------------------------------------------------------

    def waiting(self, most: int) -> list[Row]:
        """Those that the line's database is not known to have, so many of them at most."""
        with self._opened() as rows:
            found = rows.execute("SELECT * FROM person NATURAL JOIN waiting LIMIT ?", (most,))
            return [Row(*row) for row in found]

    def waits(self, token: str) -> bool:
        """Whether the line's database is not known to have it."""
        with self._opened() as rows:
            found = rows.execute("SELECT 1 FROM waiting WHERE token = ?", (token,))
            return found.fetchone() is not None

    def delivered(self, told: Iterable[Row]) -> None:
        """The database has them; who was kept anew meanwhile waits on."""
        with self._opened() as rows:
            rows.executemany(
                "DELETE FROM waiting WHERE token = ? AND NOT EXISTS (SELECT 1 FROM person"
                " WHERE person.token = waiting.token AND kept > ?)",
                [(row.token, row.kept) for row in told],
            )

    def everybody_waits(self) -> None:
        """All are told again: the database may be a new one."""
        with self._opened() as rows:
            rows.execute(_EVERYBODY_WAITS)

    def forget_kept_until(self, moments: Mapping[str, float]) -> int:
        """Remove these, by their tokens, where they were not kept later; how many."""
        given = list(moments.items())
        with self._opened() as rows:
            gone = rows.executemany("DELETE FROM person WHERE token = ? AND kept <= ?", given)
            rows.executemany(
                "DELETE FROM waiting WHERE token = ? AND token NOT IN (SELECT token FROM person)",
                [(token,) for token in moments],
            )
        return gone.rowcount

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """One transaction on the file; of a file of before, everybody still waits."""
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        rows = sqlite3.connect(self._path, timeout=5.0)
        try:
            rows.execute("PRAGMA synchronous = FULL")
            rows.execute("PRAGMA secure_delete = ON")
            rows.execute(_PERSON)
            with rows:
                if not rows.execute(_HAS_WAITING).fetchone():
                    rows.execute("BEGIN IMMEDIATE")
                    rows.execute(_WAITING)
                    rows.execute(_EVERYBODY_WAITS)
                yield rows
        finally:
            rows.close()
