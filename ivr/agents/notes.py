"""话后小结: what an agent writes after a call; a subject for the figures, and a note for people.

A row for each conversation from its end on, with nothing written yet. Of the records the subject
is told, at least once; the note is sealed (keys/cases.key), in no record, and goes with its person.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from ivr.agents.notes_file import NotesFile, NotKept, Row, listed, stamp
from ivr.cases.moves import Refused, too_much_said
from ivr.cases.sealing import seal, unseal
from ivr.config import Settings
from ivr.records.facts import CallNoted
from ivr.records.journal import put_timed

log = logging.getLogger(__name__)

MOST_CHARACTERS: Final = 1000
OWED_FOR: Final = timedelta(hours=18)
"""So long a note may still be written: what is older nobody remembers."""
_BEFORE: Final = (
    "FROM note WHERE ended < :when AND session NOT IN (SELECT value FROM json_each(:but))"
)
_ABOUT: Final = (
    "WHERE subject IS NOT NULL AND (person IN (SELECT value FROM json_each(:people))"
    " OR caller IN (SELECT value FROM json_each(:people))"
    " OR session IN (SELECT value FROM json_each(:sessions))) ORDER BY written DESC LIMIT :most"
)


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
    """Of one machine, in its home folder. All of it blocks; raises NotKept."""

    def __init__(self, home: Path, node: str) -> None:
        self._home = home
        self._node = node
        self._file = NotesFile(home)

    # --- written ------------------------------------------------------------------------------

    def owe(self, owed: Owed) -> None:
        """A conversation is over; told twice, it is one."""
        talked = owed.talked
        with self._file.opened() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO note (talk, session, person, caller, key, agent, extension,"
                " ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (talked.talk, talked.session, talked.person, talked.caller, talked.key,
                 owed.agent, owed.extension, stamp(owed.ended)),
            )  # fmt: skip
            self._file.waits(rows, talked.talk)

    def write(self, extension: str, talk: str, subject: str, text: str, now: datetime) -> None:
        """Once, durable when it returns; the same again is harmless. Refused: says why not."""
        if (why := _too_much(text)) is not None:
            raise Refused(why)
        with self._file.opened() as rows:
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
                (subject, sealed, stamp(now), talk),
            )
            self._file.waits(rows, talk)
        return self.tell()

    def _is_same(self, talk: str, known: tuple[str, str], subject: str, text: str) -> None:
        """An answer that was lost is asked for again; another note is none."""
        if (subject, text) != (known[0], self._text(talk, known[1])):
            raise Refused("这一通的小结已经写过了 · written already")

    def tell(self) -> None:
        """Tell the records of subjects they may not know; what they refuse is told the next time.

        Told twice, after a kill between the two, counts once: the conversation has its name.
        """
        with self._file.opened() as rows:
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
        with self._file.opened() as rows:
            told = [(talk,) for talk, *_ in waiting]
            rows.executemany("UPDATE note SET told = 1 WHERE talk = ?", told)

    # --- read ---------------------------------------------------------------------------------

    def owed_by(self, extension: str, now: datetime) -> tuple[Owed, ...]:
        """What this desk may still write, the newest first."""
        return tuple(
            Owed(Talked(*told), agent, extension, datetime.fromisoformat(ended))
            for *told, agent, ended in self._file.asked(
                "SELECT talk, session, person, caller, key, agent, ended FROM note WHERE"
                " subject IS NULL AND extension = :desk AND ended >= :since ORDER BY ended DESC",
                {"desk": extension, "since": stamp(now - OWED_FOR)},
            )
        )

    def about(
        self, people: Collection[str], sessions: Collection[str] = (), *, most: int = 20
    ) -> tuple[Note, ...]:
        """What was written about calls of these people (tokens), or about these; newest first."""
        return self._read(self._found(people, sessions, most))

    def written(self, talks: Collection[str]) -> frozenset[str]:
        """Of these conversations, which have their note."""
        found = self._file.asked(
            "SELECT talk FROM note WHERE subject IS NOT NULL AND talk IN"
            " (SELECT value FROM json_each(:talks))",
            {"talks": listed(talks)},
        )
        return frozenset(talk for (talk,) in found)

    # --- gone ---------------------------------------------------------------------------------

    def forget(self, people: Collection[str]) -> int:
        """Remove all about these people (tokens); how many notes."""
        if not self._file.exists():
            return 0
        with self._file.opened() as rows:
            return rows.execute(
                "DELETE FROM note WHERE person IN (SELECT value FROM json_each(:people))"
                " OR caller IN (SELECT value FROM json_each(:people))",
                {"people": listed(people)},
            ).rowcount

    def forget_before(
        self, when: datetime, *, but: Collection[str] = (), only_count: bool = False
    ) -> int:
        """Remove those of conversations before then, but of these sessions; how many."""
        meant = {"when": stamp(when), "but": listed(but)}
        old = sum(count for (count,) in self._file.asked(f"SELECT count(*) {_BEFORE}", meant))
        if old and not only_count:
            with self._file.opened() as rows:
                rows.execute(f"DELETE {_BEFORE}", meant)
        return int(old)

    # --- rows -----------------------------------------------------------------------------------

    def _found(
        self,
        people: Collection[str],
        sessions: Collection[str],
        most: int,
        *,
        waiting: bool = False,
    ) -> list[Row]:
        """As `about`; `waiting`: of those only that the line's database is not known to have."""
        given = {"people": listed(people), "sessions": listed(sessions), "most": most}
        return self._file.found(f"NATURAL JOIN waiting {_ABOUT}" if waiting else _ABOUT, given)

    def _read(self, rows: Iterable[Row]) -> tuple[Note, ...]:
        return tuple(
            Note(
                row.session,
                row.agent,
                datetime.fromisoformat(row.written or row.ended),
                row.subject or "",
                self._text(row.talk, row.sealed or ""),
            )
            for row in rows
        )

    def _text(self, talk: str, sealed: str) -> str:
        return unseal(self._home / "keys", _place(talk), sealed).decode()


def notes_of(settings: Settings) -> Notes:
    """The line's: this machine's, or those of all nodes, which take long to import."""
    if not settings.shares:
        return Notes(settings.home, settings.node)
    notes: Notes = import_module("ivr.agents.notes_together").LineNotes(settings)
    return notes


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
