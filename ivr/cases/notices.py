"""Who was told of what: claimed by one program before it is sent, so that nobody is told twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ivr.cases.reminding import Reminder
from ivr.cases.store import NOTICE, Cases, stamp

PATIENCE: Final = timedelta(minutes=10)
"""What was claimed so long ago and not sent was claimed by a program that has ended meanwhile."""


@dataclass(frozen=True, slots=True)
class Notices:
    """What has been told of the cases of a line. All of it blocks."""

    cases: Cases

    def claim(self, wanted: Iterable[Reminder], now: datetime) -> tuple[Reminder, ...]:
        """Those that nobody has told and nobody else is about to: now the caller's to send."""
        try:
            with self.cases.writing() as rows:
                return tuple(each for each in wanted if _claimed(rows, each, now))
        except IntegrityError:  # another machine was quicker with one of them: the next look
            return ()

    def settle(self, sent: Iterable[Reminder]) -> None:
        """They have gone out."""
        with self.cases.writing() as rows:
            for each in sent:
                rows.execute(update(NOTICE).where(*_is(each)).values(sent=1))

    def release(self, refused: Iterable[Reminder]) -> None:
        """They have not: whoever looks next tries again."""
        with self.cases.writing() as rows:
            for each in refused:
                rows.execute(delete(NOTICE).where(*_is(each), NOTICE.c.sent == 0))


def _is(each: Reminder) -> tuple[ColumnElement[bool], ...]:
    return (NOTICE.c.number == each.number, NOTICE.c.what == each.what)


def _claimed(rows: Connection, each: Reminder, now: datetime) -> bool:
    known = rows.execute(select(NOTICE.c.sent, NOTICE.c.at).where(*_is(each))).first()
    if known is None:
        new = insert(NOTICE).values(number=each.number, what=each.what, at=stamp(now), sent=0)
        rows.execute(new)
        return True
    if known.sent or known.at > stamp(now - PATIENCE):
        return False
    left = (*_is(each), NOTICE.c.at == known.at)
    return rows.execute(update(NOTICE).where(*left).values(at=stamp(now))).rowcount == 1
