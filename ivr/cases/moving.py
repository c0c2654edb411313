"""The cases of one machine become the line's: what its own database has goes to the shared one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from ivr.cases.store import CASE, OF_A_CASE, Cases
from ivr.config import Settings

log = logging.getLogger(__name__)

_AT_ONCE: Final = 10
"""Cases in one transaction: each may have fifty megabytes enclosed."""


def take_over(settings: Settings) -> int:
    """How many went; again is harmless. Raises CannotReach, and then nothing is lost.

    A case leaves this machine's database, which keeps no trace of it, when the line's has it. One
    whose number is another case's there stays, and the operator is told.
    """
    file = settings.home / "cases.sqlite"
    if not settings.shares or settings.cases_url == url_of(file) or not file.exists():
        return 0
    here, line = Cases(url_of(file)), Cases(settings.cases_url)
    went, after = 0, ""
    try:
        while numbers := _next(here, after):
            after = numbers[-1]
            went += _moved(here, line, numbers)
    finally:
        here.close()
        line.close()
    return went


def url_of(file: Path) -> str:
    """For SQLAlchemy."""
    return f"sqlite:///{file}"


def _next(here: Cases, after: str) -> list[str]:
    query = select(CASE.c.number).where(CASE.c.number > after).order_by(CASE.c.number)
    with here.reading() as rows:
        return list(rows.execute(query.limit(_AT_ONCE)).scalars())


def _moved(here: Cases, line: Cases, numbers: Sequence[str]) -> int:
    """Nobody does anything with them meanwhile: it would be lost with what is left behind."""
    with here.writing() as ours:
        with line.writing() as theirs:
            there = _which(theirs, numbers)
            lacking = [number for number in numbers if number not in there]
            for table in (CASE, *OF_A_CASE):
                _copy(ours, theirs, table, lacking)
        gone = [*lacking, *_same(ours, there)]
        for table in (*OF_A_CASE, CASE):
            ours.execute(delete(table).where(table.c.number.in_(gone)))
    for number in set(numbers) - set(gone):
        log.error("case %s stays in cases.sqlite: the line has another of this number", number)
    return len(gone)


def _which(rows: Connection, numbers: Sequence[str]) -> dict[str, tuple[str, str]]:
    """When each was filed, and in which session: the same case, or another of its number."""
    columns = (CASE.c.number, CASE.c.filed_at, CASE.c.session)
    found = rows.execute(select(*columns).where(CASE.c.number.in_(numbers)))
    return {number: (filed_at, session) for number, filed_at, session in found}


def _same(ours: Connection, there: dict[str, tuple[str, str]]) -> list[str]:
    """Of a move before, whose outcome was not known here."""
    return [number for number, told in _which(ours, list(there)).items() if there[number] == told]


def _copy(ours: Connection, theirs: Connection, table: Any, numbers: Sequence[str]) -> None:
    query = select(table).where(table.c.number.in_(numbers))
    found = [dict(row._mapping) for row in ours.execute(query)]
    if found:
        theirs.execute(insert(table), found)
