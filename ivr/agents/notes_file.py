"""The notes of calls on this machine: a SQLite file that only its user can read, texts sealed.

It is all there is of them on a line of one machine. With several it is what was written here, and
what is still to be written anywhere: each row waits here until the line's database has it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

FILE: Final = "agents/notes.sqlite"
"""Below the home folder."""
_NOTE: Final = """
CREATE TABLE IF NOT EXISTS note (
    talk TEXT PRIMARY KEY, session TEXT NOT NULL, person TEXT, caller TEXT, key TEXT,
    agent TEXT NOT NULL, extension TEXT NOT NULL, ended TEXT NOT NULL,
    subject TEXT, sealed TEXT, written TEXT, told INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS note_person ON note (person);
CREATE INDEX IF NOT EXISTS note_caller ON note (caller)
"""
_WAITING: Final = """
CREATE TABLE IF NOT EXISTS waiting (talk TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS gone AFTER DELETE ON note
BEGIN DELETE FROM waiting WHERE talk = OLD.talk; END
"""
_HAS_WAITING: Final = "SELECT 1 FROM sqlite_master WHERE name = 'waiting'"
_ALL_WAIT: Final = "INSERT OR IGNORE INTO waiting SELECT talk FROM note"


class NotKept(Exception):
    """There is no room, or the file is damaged; says so to whoever has written."""


class LineAway(NotKept):
    """The notes of the other nodes cannot be asked for, or forgotten, just now; says so."""


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation with an agent, and what was written about it, if anything was."""

    talk: str
    session: str
    person: str | None
    caller: str | None
    key: str | None
    agent: str
    extension: str
    ended: str
    """As `stamp`."""
    subject: str | None
    """None: nothing is written yet."""
    sealed: str | None
    written: str | None
    """As `stamp`."""


COLUMNS: Final = tuple(field.name for field in fields(Row))
_COLUMNS: Final = ", ".join(COLUMNS)
_MARKS: Final = ", ".join("?" * len(COLUMNS))
_LEARN: Final = f"INSERT OR IGNORE INTO note ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608
_WRITTEN_ELSEWHERE: Final = "DELETE FROM note WHERE talk = ? AND subject IS NULL"


class NotesFile:
    """The rows of one machine. All of it blocks; raises NotKept."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def exists(self) -> bool:
        """Whether there ever was anything to write."""
        return self._path.exists()

    def waits(self, rows: sqlite3.Connection, talk: str) -> None:
        """The line's database is not known to have it as it is from now on."""
        rows.execute("INSERT OR IGNORE INTO waiting (talk) VALUES (?)", (talk,))

    def asked(self, query: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What a question is answered; nothing where there is no file."""
        if not self.exists():
            return []
        with self.opened(reads=True) as rows:
            return rows.execute(query, given).fetchall()

    def found(self, condition: str, given: Mapping[str, Any]) -> list[Row]:
        """The rows that fulfil it."""
        query = f"SELECT {_COLUMNS} FROM note {condition}"  # noqa: S608  names of ours
        return [Row(*row) for row in self.asked(query, given)]

    # --- with several machines ------------------------------------------------------------------

    def waiting(self, most: int) -> list[Row]:
        """Those that the line's database is not known to have, so many of them at most."""
        return self.found("NATURAL JOIN waiting LIMIT :most", {"most": most})

    def count_waiting(self) -> int:
        """How many these are."""
        return sum(count for (count,) in self.asked("SELECT count(*) FROM waiting", {}))

    def delivered(self, told: Iterable[Row]) -> None:
        """The database has them; what was written meanwhile waits on."""
        with self.opened() as rows:
            rows.executemany(
                "DELETE FROM waiting WHERE talk = ? AND NOT EXISTS (SELECT 1 FROM note"
                " WHERE note.talk = waiting.talk AND note.written IS NOT ?)",
                [(row.talk, row.written) for row in told],
            )

    def all_wait(self) -> None:
        """All are told again: the database may be a new one."""
        if self.exists():
            with self.opened() as rows:
                rows.execute(_ALL_WAIT)

    def learn(self, others: Iterable[Row]) -> None:
        """What is still to be written about calls of other nodes, and what is written by now."""
        with self.opened() as rows:
            for row in others:
                if row.subject is None:
                    rows.execute(_LEARN, astuple(row))
                else:
                    rows.execute(_WRITTEN_ELSEWHERE, (row.talk,))

    def remove(self, talks: Iterable[str]) -> None:
        """These conversations."""
        with self.opened() as rows:
            rows.executemany("DELETE FROM note WHERE talk = ?", [(talk,) for talk in talks])

    def forget_until(self, moments: Mapping[str, float]) -> None:
        """Remove all about these people (tokens) that was over by then (seconds since 1970)."""
        if not self.exists():
            return
        given = [(name, stamp(datetime.fromtimestamp(at, UTC))) for name, at in moments.items()]
        with self.opened() as rows:
            for column in ("person", "caller"):
                gone = f"DELETE FROM note WHERE {column} = ? AND ended <= ?"  # noqa: S608
                rows.executemany(gone, given)

    @contextmanager
    def opened(self, *, reads: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction; `reads`: and no more."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self._path, timeout=5.0)) as rows:
                rows.execute("PRAGMA synchronous = FULL")
                rows.execute("PRAGMA secure_delete = ON")
                _make_ready(rows)
                with rows:
                    rows.execute("BEGIN" if reads else "BEGIN IMMEDIATE")
                    yield rows
        except (OSError, sqlite3.Error) as refused:
            raise NotKept(
                f"小结存不下（{type(refused).__name__}），请告诉值班长 · the note is not kept"
            ) from refused


def stamp(at: datetime) -> str:
    """As moments stand in rows: of two, the later one is the greater text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def listed(values: Collection[str]) -> str:
    """As SQLite's json_each takes them."""
    return json.dumps([*values])


def _make_ready(rows: sqlite3.Connection) -> None:
    """Of a file of before there were several machines, all wait."""
    if rows.execute(_HAS_WAITING).fetchone():
        return
    with rows:
        rows.execute("BEGIN IMMEDIATE")
        for statement in (*_NOTE.split(";\n"), *_WAITING.split(";\n"), _ALL_WAIT):
            rows.execute(statement)
