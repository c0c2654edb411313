"""Statements that go to the database together: one round trip, however many there are.

The time that callers wait, and that others wait for a lock, is made of round trips. The driver's
pipeline, which SQLAlchemy does not know; on SQLite there is nowhere to go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, unique
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Executable, Float, literal_column, select, text
from sqlalchemy.exc import DBAPIError

Statement = tuple[Executable, Mapping[str, Any]]
Answer = Sequence[tuple[Any, ...]]

CLOCK: Final = {
    "postgresql": literal_column("extract(epoch FROM clock_timestamp())", Float),
    "sqlite": literal_column("(julianday('now') - 2440587.5) * 86400.0", Float),
}
"""Seconds since 1970 by the database's own clock, for a statement of each dialect."""
TIME: Final = {dialect: select(clock) for dialect, clock in CLOCK.items()}
"""The same, asked for itself."""
_ROOM: Final = 12329
"""Of PostgreSQL's advisory locks, those of this room."""


@unique
class Matter(Enum):
    """What one transaction of all nodes does at a time; an older program knows these numbers."""

    JOINING = 1
    LIMITS = 2
    SWITCH = 3
    CALLS = 4
    AGENTS = 5
    WISHES = 6
    ANNOUNCEMENTS = 7
    TRAIL = 10
    PEOPLE = 11
    USERS = 12
    PINS = 13
    SETTINGS = 14
    PROMPTS = 20


_ALONE: Final = text("SELECT pg_advisory_xact_lock(:room, :what)")


def now(rows: Connection) -> float:
    """Seconds since 1970 by the database's own clock."""
    return float(rows.execute(TIME[rows.dialect.name]).scalar_one())


def alone(rows: Connection, what: Matter) -> None:
    """Nobody else is in such a transaction until this one ends; SQLite has one writer anyway."""
    if rows.dialect.name == "postgresql":
        rows.execute(_ALONE, {"room": _ROOM, "what": what.value})


def durable(rows: Connection) -> None:
    """What this transaction writes no crash of the server loses: nobody else has it."""
    if rows.dialect.name == "postgresql":
        rows.execute(text("SET LOCAL synchronous_commit = on"))


def answered(rows: Connection, *statements: Statement) -> list[Answer]:
    """What each answers; the transaction goes on."""
    if rows.dialect.name != "postgresql":
        return [_answer(rows.execute(words, told)) for words, told in statements]
    return _in_one_trip(rows, statements, ends=False)


def answered_at_last(rows: Connection, *statements: Statement) -> list[Answer]:
    """What each answers; the transaction ends with them, in the same trip: nothing may follow."""
    if rows.dialect.name != "postgresql":
        return answered(rows, *statements)
    return _in_one_trip(rows, statements, ends=True)


def told_alone(
    rows: Connection, what: Matter, query: Executable, asked: Mapping[str, Any]
) -> Answer:
    """`alone`, and then the answer to `query` as it is when everybody else is out.

    Two statements, for one would see the rows as they were before it waited for the others.
    """
    if rows.dialect.name != "postgresql":
        return _answer(rows.execute(query, asked))
    return answered(rows, (_ALONE, {"room": _ROOM, "what": what.value}), (query, asked))[-1]


def _answer(result: Any) -> Answer:
    return [tuple(row) for row in result] if result.returns_rows else []


def _in_one_trip(rows: Connection, statements: Sequence[Statement], *, ends: bool) -> list[Answer]:
    driver: Any = rows.connection.driver_connection
    try:
        with driver.pipeline():
            answers = [_sent(driver, rows.dialect, *each) for each in statements]
            if ends:  # what SQLAlchemy does after it finds no transaction any more
                driver.execute("COMMIT", prepare=False)
        return [answer.fetchall() if answer.description else [] for answer in answers]
    except driver.Error as fault:
        rows.invalidate(fault)
        raise DBAPIError.instance(
            "", {}, fault, driver.Error, hide_parameters=True, dialect=rows.dialect
        ) from None


def _sent(driver: Any, dialect: Dialect, statement: Executable, told: Mapping[str, Any]) -> Any:
    words = _compiled(statement, dialect)
    return driver.execute(words.string, words.construct_params(told))


@lru_cache(maxsize=64)
def _compiled(statement: Any, dialect: Dialect) -> Any:
    return statement.compile(dialect=dialect)
