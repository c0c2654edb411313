"""Notes of calls of all nodes: what an agent wrote on one is read on all, and forgotten on all.

A node writes to its own file first, which is what its agents wait for, and tells the others at its
beat; the texts stay sealed. A conversation about which nothing is written yet is told to all nodes,
so that the agent finds it at any console; what is written about it first holds. Whoever is
forgotten leaves a tombstone (`ivr.state.people`): a node that was away brings nothing about them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from ivr.agents.notes import OWED_FOR, Note, Notes
from ivr.agents.notes_file import COLUMNS, LineAway, NotesFile, NotKept, Row, stamp
from ivr.config import Settings
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.people import bury, changing, forgotten, forgotten_since
from ivr.state.shared import CannotReach, Shared, Work
from ivr.state.trips import now

log = logging.getLogger(__name__)

T = TypeVar("T")

NOTE: Final = Table(
    "call_note",
    MetaData(),
    Column("talk", String, primary_key=True),
    Column("seq", Integer),
    *(Column(name, String) for name in COLUMNS if name != "talk"),
)
_ROW: Final = tuple(NOTE.c[name] for name in COLUMNS)
_HEARD: Final = tuple(NOTE.c[name] for name in COLUMNS if name != "sealed")
"""Texts stay where they are."""
_MOST_AT_ONCE: Final = 500


class LineNotes(Notes):
    """Those of all nodes, for a command or a page on this one; raises LineAway too."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.home, settings.node)
        self._settings = settings

    def about(
        self, people: Collection[str], sessions: Collection[str] = (), *, most: int = 20
    ) -> tuple[Note, ...]:
        """See Notes: what the others know, and what this machine has not told them yet."""
        untold = self._found(people, sessions, most, waiting=True)
        asked = partial(_about, tokens=people, sessions=sessions, most=most, untold=untold)
        return self._read(self._ask(asked))

    def forget(self, people: Collection[str]) -> int:
        """See Notes."""
        there = self._ask(partial(_forget, tokens=people))
        return max(there, super().forget(people))

    def forget_before(
        self, when: datetime, *, but: Collection[str] = (), only_count: bool = False
    ) -> int:
        """See Notes; each machine removes its own rows, and the line's whoever comes first."""
        old = partial(_forget_before, when=stamp(when), but=but, only_count=only_count)
        return max(self._ask(old), super().forget_before(when, but=but, only_count=only_count))

    def _ask(self, work: Work[T]) -> T:
        try:
            with closing(Shared(self._settings)) as shared:
                return shared.within(work, PATIENCE_SECONDS)
        except CannotReach as away:
            raise LineAway(
                f"小结是全线共有的，共享数据库现在用不了，恢复以后再来：{away}"
                " · notes lie in the database of [state]: try again when it answers"
            ) from away


@dataclass(frozen=True, slots=True)
class News:
    """What a node has not heard of yet."""

    rows: Sequence[Row]
    seq: int
    forgotten: Mapping[str, float]


class NodeNotes:
    """This node's notes are brought, and it hears of the others' (Part)."""

    def __init__(self, settings: Settings, shared: Shared) -> None:
        self._file = NotesFile(settings.home)
        self._shared = shared
        self._seq = 0
        self._losses = shared.losses
        self._forgotten: Mapping[str, float] = {}
        self.left = 0
        """How many waited here at the last look."""
        self.complaint = ""
        """What is wrong with the file, as long as it is."""

    async def catch_up(self) -> None:
        """See Part; a file that is damaged costs the line nothing but its notes."""
        try:
            await self._tell()
            await self._hear()
            self.complaint = ""
        except NotKept as damaged:
            if str(damaged) != self.complaint:
                log.error("notes of calls are not told to the other nodes: %s", damaged)  # noqa: TRY400
            self.complaint = str(damaged)

    def is_even(self) -> bool:
        """No caller's question depends on it."""
        return True

    async def _tell(self) -> None:
        while left := await asyncio.to_thread(self._file.count_waiting):
            self.left = left
            waiting = await asyncio.to_thread(self._file.waiting, _MOST_AT_ONCE)
            told = partial(_deliver, notes=waiting)
            gone = await self._shared.attempt(told, PATIENCE_SECONDS)
            await asyncio.to_thread(_delivered, self._file, waiting, gone)
        self.left = 0

    async def _hear(self) -> None:
        if self._losses != self._shared.losses:  # it may have been put back, and count anew
            self._seq, self._losses = 0, self._shared.losses
        heard = max(self._forgotten.values(), default=0.0)
        since = stamp(datetime.now(UTC) - OWED_FOR)
        asked = partial(_news, seq=self._seq, since=since, heard=heard)
        news = await self._shared.attempt(asked, PATIENCE_SECONDS)
        if news.rows:
            await asyncio.to_thread(self._file.learn, news.rows)
        if news.forgotten != self._forgotten:
            await asyncio.to_thread(self._file.forget_until, news.forgotten)
        self._seq, self._forgotten = news.seq, news.forgotten


def among_nodes(node: Node, settings: Settings) -> NodeNotes:
    """Those of this machine are its line's until the node ends."""
    notes = NodeNotes(settings, node.shared)
    node.shares(notes)
    node.complaints.append(lambda: notes.complaint)
    return notes


def take_over(settings: Settings, shared: Shared) -> int:
    """What was written on this machine is the line's; how many rows. CannotReach, NotKept.

    All of them, also those that were told before: the database may be a new one.
    """
    file = NotesFile(settings.home)
    file.all_wait()
    told = 0
    while waiting := file.waiting(_MOST_AT_ONCE):
        _delivered(file, waiting, shared.at_once(partial(_deliver, notes=waiting)))
        told += len(waiting)
    return told


def _delivered(file: NotesFile, told: Sequence[Row], gone: Collection[str]) -> None:
    """The database has them; who was forgotten meanwhile goes here too."""
    file.remove(gone)
    file.delivered(told)


# --- in the database; each is harmless to repeat --------------------------------------------------


def _deliver(rows: Connection, notes: Sequence[Row]) -> list[str]:
    """A node has these; of which nobody may know any more, by their conversations."""
    changing(rows)
    gone = _gone(rows, notes)
    _enter(rows, {note.talk: note for note in notes if note.talk not in gone})
    return gone


def _enter(rows: Connection, told: Mapping[str, Row]) -> None:
    """What is not there yet; what was written about a conversation first stays."""
    asked = select(NOTE.c.talk, NOTE.c.subject).where(NOTE.c.talk.in_(told))
    there = {row.talk: row.subject for row in rows.execute(asked)}
    seq = _last(rows) + 1
    new = [{**asdict(note), "seq": seq} for talk, note in told.items() if talk not in there]
    if new:
        rows.execute(insert(NOTE), new)
    for talk in (talk for talk, subject in there.items() if subject is None):
        note = {name: getattr(told[talk], name) for name in ("subject", "sealed", "written")}
        if note["subject"] is not None:
            rows.execute(update(NOTE).where(NOTE.c.talk == talk).values(**note, seq=seq))


def _gone(rows: Connection, notes: Sequence[Row]) -> list[str]:
    """The conversations that were over when somebody forgot whoever they were with."""
    at = forgotten(rows, {name for note in notes for name in _names(note)})
    return [
        note.talk
        for note in notes
        if any(at.get(name, float("-inf")) >= _seconds(note.ended) for name in _names(note))
    ]


def _names(note: Row) -> tuple[str, ...]:
    return tuple(name for name in (note.person, note.caller) if name is not None)


def _seconds(stamped: str) -> float:
    return datetime.fromisoformat(stamped).timestamp()


def _news(rows: Connection, seq: int, since: str, heard: float) -> News:
    """What was told after `seq`, of conversations since then; who was forgotten about `heard`.

    A database that was made anew counts from the beginning.
    """
    last = _last(rows)
    asked = select(*_HEARD).where(NOTE.c.ended >= since, NOTE.c.seq > (seq if seq <= last else 0))
    found = rows.execute(asked.where(NOTE.c.seq <= last)) if last != seq else ()
    told = [Row(**row._mapping, sealed=None) for row in found]
    return News(told, last, forgotten_since(rows, heard))


def _last(rows: Connection) -> int:
    return rows.execute(select(func.max(NOTE.c.seq))).scalar() or 0


def _about(
    rows: Connection,
    tokens: Collection[str],
    sessions: Collection[str],
    most: int,
    untold: Sequence[Row],
) -> list[Row]:
    theirs = or_(NOTE.c.person.in_(tokens), NOTE.c.caller.in_(tokens), NOTE.c.session.in_(sessions))
    asked = select(*_ROW).where(theirs, NOTE.c.subject.is_not(None))
    newest = rows.execute(asked.order_by(NOTE.c.written.desc()).limit(most))
    found = {row.talk: Row(*row) for row in newest}
    gone = _gone(rows, untold)
    ours = {note.talk: note for note in untold if note.talk not in gone}
    return sorted({**ours, **found}.values(), key=_written, reverse=True)[:most]


def _written(note: Row) -> str:
    return note.written or ""


def _forget(rows: Connection, tokens: Collection[str]) -> int:
    changing(rows)
    bury(rows, dict.fromkeys(tokens, now(rows)))
    theirs = or_(NOTE.c.person.in_(tokens), NOTE.c.caller.in_(tokens))
    return rows.execute(delete(NOTE).where(theirs)).rowcount


def _forget_before(rows: Connection, when: str, but: Collection[str], *, only_count: bool) -> int:
    past = (NOTE.c.ended < when, NOTE.c.session.not_in(but))
    if only_count:
        return rows.execute(select(func.count()).select_from(NOTE).where(*past)).scalar_one()
    return rows.execute(delete(NOTE).where(*past)).rowcount
