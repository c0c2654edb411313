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

GONE_SECONDS = 5
"""A server that says nothing for so long is asked whether it is there."""
_LOCK = 12329
"""Of PostgreSQL: one process at a time brings a schema up to date."""


class SchemaNewer(Exception):
    """A later program has changed the schema, and this one does not know how; says what to do."""

    def __init__(self, at: int, known: int) -> None:
        super().__init__(
            f"数据库的结构是第 {at} 版，本机的程序只认得到第 {known} 版：把本机的程序升级到和别的"
            "机器一样；不要用旧程序"
            " · a later program has changed this database: upgrade this machine's"
        )


def patience_with(url: str, *, connect_seconds: int, options: str = "") -> dict[str, Any]:
    """What a driver is given, so that a server which does not answer keeps no thread for ever.

    A machine that is gone is noticed by its network: nothing else ends a wait for its answer.
    """
    if not url.startswith("postgresql"):
        return {}
    return {
        "connect_timeout": connect_seconds,
        "options": options,
        "tcp_user_timeout": GONE_SECONDS * 1000,
        "keepalives_idle": GONE_SECONDS,
        "keepalives_interval": 1,
        "keepalives_count": 3,
    }


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

    `versions`: the table that has it; two schemas may share a database. Raises SchemaNewer.
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
        known = sorted(steps.glob("[0-9]*.sql"))
        if at > len(known):
            raise SchemaNewer(at, len(known))
        for path in known[at:]:
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
