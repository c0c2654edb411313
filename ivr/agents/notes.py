"""话后小结: what an agent writes after a call; a subject for the figures, and a note for people.

A row for each conversation from its end on, with nothing written yet. Of the records the subject
is told, at least once; the note is sealed (keys/cases.key), stays here, and goes with its person.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ivr.cases.moves import Refused, too_much_said
from ivr.cases.sealing import seal, unseal
from ivr.records.facts import CallNoted
from ivr.records.journal import put_timed

log = logging.getLogger(__name__)

FILE: Final = "agents/notes.sqlite"
"""Below the home folder."""
MOST_CHARACTERS: Final = 1000
OWED_FOR: Final = timedelta(hours=18)
"""So long a note may still be written: what is older nobody remembers."""
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS note (
    talk TEXT PRIMARY KEY, session TEXT NOT NULL, person TEXT, caller TEXT, key TEXT,
    agent TEXT NOT NULL, extension TEXT NOT NULL, ended TEXT NOT NULL,
    subject TEXT, sealed TEXT, written TEXT, told INTEGER NOT NULL DEFAULT 0)
"""
_BEFORE: Final = (
    "FROM note WHERE ended < :when AND session NOT IN (SELECT value FROM json_each(:but))"
)


class NotKept(Exception):
    """There is no room, or the file is damaged; says so to whoever has written."""


@dataclass(frozen=True, slots=True)
class Talked:
    """A conversation with an agent, and whose call it was."""

    talk: str
    """Its name: that of the agent's leg, or of the line's own call."""
    session: str = ""
    """Empty: the line itself has called."""
    person: str | None = None
    """Token of the ID number that was keyed."""
    caller: str | None = None
    """Token of the telephone number."""
    key: str | None = None
    """What the caller wanted, by the main menu."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A conversation that is over, with nothing written about it."""

    talked: Talked
    agent: str
    """Name."""
    extension: str
    ended: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What was written about a conversation."""

    session: str
    agent: str
    at: datetime
    subject: str
    text: str = field(repr=False)


class Notes:
    """Of one line, in its home folder. All of it blocks; raises NotKept."""

    def __init__(self, home: Path, node: str) -> None:
        self._home = home
        self._node = node

    # --- written ------------------------------------------------------------------------------

    def owe(self, owed: Owed) -> None:
        """A conversation is over; told twice, it is one."""
        talked = owed.talked
        with self._opened() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO note (talk, session, person, caller, key, agent, extension,"
                " ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (talked.talk, talked.session, talked.person, talked.caller, talked.key,
                 owed.agent, owed.extension, _stamp(owed.ended)),
            )  # fmt: skip

    def write(self, extension: str, talk: str, subject: str, text: str, now: datetime) -> None:
        """Once, durable when it returns; the same again is harmless. Refused: says why not."""
        if (why := _too_much(text)) is not None:
            raise Refused(why)
        with self._opened() as rows:
            mine = (talk, extension)
            known = rows.execute(
                "SELECT subject, sealed FROM note WHERE talk = ? AND extension = ?", mine
            ).fetchone()
            if known is None:
                raise Refused("没有这一通，或者不是您接的 · no such call of yours")
            if known[0] is not None:
                return self._is_same(talk, known, subject, text)
            sealed = seal(self._home / "keys", _place(talk), text.encode())
            rows.execute(
                "UPDATE note SET subject = ?, sealed = ?, written = ? WHERE talk = ?",
                (subject, sealed, _stamp(now), talk),
            )
        return self.tell()

    def _is_same(self, talk: str, known: tuple[str, str], subject: str, text: str) -> None:
        """An answer that was lost is asked for again; another note is none."""
        if (subject, text) != (known[0], self._text(talk, known[1])):
            raise Refused("这一通的小结已经写过了 · written already")

    def tell(self) -> None:
        """Tell the records of subjects they may not know; what they refuse is told the next time.

        Told twice, after a kill between the two, counts once: the conversation has its name.
        """
        with self._opened() as rows:
            waiting = rows.execute(
                "SELECT talk, session, agent, extension, subject, key, ended, written FROM note"
                " WHERE subject IS NOT NULL AND told = 0 ORDER BY written"
            ).fetchall()
        if not waiting:
            return
        try:
            put_timed(self._home / "spool", map(_fact, waiting), node=self._node)
        except OSError as full:
            log.warning("the records learn later what calls were about: %s", full.strerror)
            return
        with self._opened() as rows:
            told = [(talk,) for talk, *_ in waiting]
            rows.executemany("UPDATE note SET told = 1 WHERE talk = ?", told)

    # --- read ---------------------------------------------------------------------------------

    def owed_by(self, extension: str, now: datetime) -> tuple[Owed, ...]:
        """What this desk may still write, the newest first."""
        return tuple(
            Owed(Talked(*told), agent, extension, datetime.fromisoformat(ended))
            for *told, agent, ended in self._asked(
                "SELECT talk, session, person, caller, key, agent, ended FROM note WHERE"
                " subject IS NULL AND extension = :desk AND ended >= :since ORDER BY ended DESC",
                {"desk": extension, "since": _stamp(now - OWED_FOR)},
            )
        )

    def about(
        self, people: Collection[str], sessions: Collection[str] = (), *, most: int = 20
    ) -> tuple[Note, ...]:
        """What was written about calls of these people (tokens), or about these; newest first."""
        rows = self._asked(
            "SELECT talk, session, agent, written, subject, sealed FROM note WHERE subject IS NOT"
            " NULL AND (person IN (SELECT value FROM json_each(:people)) OR caller IN"
            " (SELECT value FROM json_each(:people)) OR session IN (SELECT value FROM"
            " json_each(:sessions))) ORDER BY written DESC LIMIT :most",
            {"people": _list(people), "sessions": _list(sessions), "most": most},
        )
        return tuple(
            Note(session, agent, datetime.fromisoformat(at), subject, self._text(talk, sealed))
            for talk, session, agent, at, subject, sealed in rows
        )

    def written(self, talks: Collection[str]) -> frozenset[str]:
        """Of these conversations, which have their note."""
        found = self._asked(
            "SELECT talk FROM note WHERE subject IS NOT NULL AND talk IN"
            " (SELECT value FROM json_each(:talks))",
            {"talks": _list(talks)},
        )
        return frozenset(talk for (talk,) in found)

    # --- gone ---------------------------------------------------------------------------------

    def forget(self, people: Collection[str]) -> int:
        """Remove all about these people (tokens); how many notes."""
        if not (self._home / FILE).exists():
            return 0
        with self._opened() as rows:
            return rows.execute(
                "DELETE FROM note WHERE person IN (SELECT value FROM json_each(:people))"
                " OR caller IN (SELECT value FROM json_each(:people))",
                {"people": _list(people)},
            ).rowcount

    def forget_before(
        self, when: datetime, *, but: Collection[str] = (), only_count: bool = False
    ) -> int:
        """Remove those of conversations before then, but of these sessions; how many."""
        meant = {"when": _stamp(when), "but": _list(but)}
        old = sum(count for (count,) in self._asked(f"SELECT count(*) {_BEFORE}", meant))
        if old and not only_count:
            with self._opened() as rows:
                rows.execute(f"DELETE {_BEFORE}", meant)
        return int(old)

    # --- the file -----------------------------------------------------------------------------

    def _text(self, talk: str, sealed: str) -> str:
        return unseal(self._home / "keys", _place(talk), sealed).decode()

    def _asked(self, query: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        if not (self._home / FILE).exists():
            return []
        with self._opened(reads=True) as rows:
            return rows.execute(query, given).fetchall()

    @contextmanager
    def _opened(self, *, reads: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction on the file, which only this user can read; `reads`: and no more."""
        path = self._home / FILE
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(path, timeout=5.0)) as rows:
                rows.execute("PRAGMA synchronous = FULL")
                rows.execute("PRAGMA secure_delete = ON")
                rows.execute(_TABLE)
                with rows:
                    rows.execute("BEGIN" if reads else "BEGIN IMMEDIATE")
                    yield rows
        except (OSError, sqlite3.Error) as refused:
            raise NotKept(
                f"小结存不下（{type(refused).__name__}），请告诉值班长 · the note is not kept"
            ) from refused


class Clerk:
    """Writes down who has something to write, without letting a call wait."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="notes")

    def owe(self, owed: Owed) -> None:
        """A conversation is over."""
        self._writer.submit(self._owe, owed)

    def close(self) -> None:
        """Until everything is written."""
        self._writer.shutdown()

    def _owe(self, owed: Owed) -> None:
        try:
            self._notes.owe(owed)
        except NotKept as refused:
            log.warning("nothing can be written about a call of %s: %s", owed.agent, refused)


def _too_much(text: str) -> str | None:
    if len(text) > MOST_CHARACTERS:
        return f"小结最多 {MOST_CHARACTERS} 字 · the note is too long"
    return too_much_said(text)


def _fact(row: tuple[Any, ...]) -> tuple[datetime, CallNoted]:
    talk, session, agent, extension, subject, key, ended, written = row
    at = datetime.fromisoformat(written)
    ms = round((at - datetime.fromisoformat(ended)) / timedelta(milliseconds=1))
    return at, CallNoted(
        session=session or None,
        talk=talk,
        agent=agent,
        extension=extension,
        subject=subject,
        key=key,
        ms=max(0, ms),
    )


def _place(talk: str) -> str:
    return f"{talk}/note"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _list(values: Collection[str]) -> str:
    """As SQLite's json_each takes them."""
    return json.dumps([*values])
