"""A database of the line's own, SQLite or PostgreSQL: transactions, and steps of its schema.

SQLAlchemy takes long to import: who starts while callers wait imports this only when it is needed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    event,
    insert,
    select,
    text,
)

_LOCK = 12329
"""Of PostgreSQL: one process at a time brings a schema up to date."""


def whole_transactions(engine: Engine, *, busy_seconds: float) -> None:
    """Where it is SQLite: writers wait for each other so long, and none begins as a reader."""
    if engine.dialect.name != "sqlite":
        return

    def set_up(connection: Any, _: Any) -> None:
        """The driver begins no transaction of its own: ours are whole, and wait their turn."""
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin_immediate)


def brought_up_to_date(engine: Engine, steps: Path, versions: str) -> int:
    """Take the steps (`0001_….sql`) that lack, one process at a time; the schema's version.

    `versions`: the table that has it; two schemas may share a database.
    """
    _make_file(engine)
    taken = Table(versions, MetaData(), Column("version", Integer, primary_key=True))
    with engine.begin() as rows:
        if engine.dialect.name == "postgresql":
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                rows.execute(text(f"SET LOCAL {limit} = 0"))  # steps take what they take
            rows.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        taken.create(rows, checkfirst=True)
        at = max((number for (number,) in rows.execute(select(taken.c.version))), default=0)
        for path in sorted(steps.glob("[0-9]*.sql"))[at:]:
            for statement in path.read_text(encoding="utf-8").split(";\n"):
                if statement.strip():
                    rows.execute(text(statement))
            at = int(path.name[:4])
            rows.execute(insert(taken).values(version=at))
    return at


def _begin_immediate(rows: Connection) -> None:
    rows.exec_driver_sql("BEGIN IMMEDIATE")


def _make_file(engine: Engine) -> None:
    """Readable by this user only, from its first byte."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        os.close(os.open(engine.url.database, os.O_CREAT | os.O_RDWR, 0o600))
