"""Marks on the sound of a case: at which moment, and what is to be heard there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import delete, func, insert, select

from ivr.cases.moves import NO_NUMBERS, Refused, names_somebody
from ivr.cases.store import MARK, Cases, stamp

MOST: Final = 100
"""Of one case."""
MOST_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment of a recording, and a note about it."""

    id: str
    at_ms: int
    note: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of all cases. All of it blocks."""

    cases: Cases

    def of(self, number: str) -> tuple[Mark, ...]:
        """Of one case, in the order of its sound."""
        query = select(MARK).where(MARK.c.number == number).order_by(MARK.c.at_ms, MARK.c.at)
        with self.cases.reading() as rows:
            return tuple(
                Mark(row.id, row.at_ms, row.note, row.made_by, datetime.fromisoformat(row.at))
                for row in rows.execute(query)
            )

    def add(self, number: str, at_ms: int, note: str, *, by: str, now: datetime) -> None:
        """A new one; raises Refused, and NoCase."""
        note = note.strip()
        _check(note)
        most_ms = self.cases.case(number).filed.ms
        if not 0 <= at_ms <= most_ms:
            raise Refused("这一刻不在录音里 · the recording has no such moment")
        counted = select(func.count()).select_from(MARK).where(MARK.c.number == number)
        with self.cases.writing() as rows:
            if rows.execute(counted).scalar_one() >= MOST:
                raise Refused(f"一件工单最多 {MOST} 个标记 · too many marks")
            rows.execute(
                insert(MARK).values(
                    id=uuid4().hex, number=number, at_ms=at_ms, note=note, made_by=by, at=stamp(now)
                )
            )

    def drop(self, number: str, mark: str, *, by: str) -> None:
        """One's own; raises Refused for another's, and where there is none."""
        mine = (MARK.c.number == number, MARK.c.id == mark, MARK.c.made_by == by)
        with self.cases.writing() as rows:
            if rows.execute(delete(MARK).where(*mine)).rowcount == 0:
                raise Refused("没有这个标记，或是别人做的 · no such mark of yours")


def _check(note: str) -> None:
    if not note:
        raise Refused("写明这里有什么 · say what is to be heard")
    if len(note) > MOST_CHARACTERS:
        raise Refused(f"最多 {MOST_CHARACTERS} 字 · the note is too long")
    if names_somebody(note):
        raise Refused(NO_NUMBERS)
