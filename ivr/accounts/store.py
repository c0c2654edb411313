"""The line's own account database, in SQLite: its tables, opened for writing.

Readers are never blocked: what writes does so in one transaction (WAL).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType

WAIT_SECONDS = 5.0
"""For another import that is at it."""
_CACHE_KIB = 200_000
"""Ten million rows are indexed in memory."""

TABLES: Mapping[str, str] = MappingProxyType(
    {
        "fund_account": "id_number TEXT NOT NULL, paid_to TEXT, monthly_deposit TEXT, balance TEXT",
        # A term of months is kept as years to four decimals (0.5 is six months).
        "loan_account": "id_number TEXT NOT NULL, term_years NUMERIC, periods_repaid INTEGER,"
        " balance TEXT",
        "query_password": "id_number TEXT NOT NULL, hash TEXT NOT NULL",
    }
)
"""Table → its columns. Amounts are exact as texts; a NULL is what a centre does not know."""


class ImportRefused(Exception):
    """Nothing was imported; names every bad line, never what stands in it."""


@contextmanager
def prepared(database: Path) -> Iterator[sqlite3.Connection]:
    """The SQLite database with both tables, in a transaction that is rolled back unless committed.

    Readers are never blocked by a writer (WAL), and need no room on the disk when it has gone.
    ImportRefused when it cannot be written.
    """
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(_opened(database)) as connection:
            yield connection
            _at_rest(connection)
    except (sqlite3.Error, OSError) as unusable:
        raise ImportRefused(f"nothing was changed; {database}: {_advice(unusable)}") from unusable


def _opened(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=WAIT_SECONDS, isolation_level=None)
    database.chmod(0o600)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("BEGIN IMMEDIATE")
    for name, definition in TABLES.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({definition})")
        connection.execute(f"CREATE INDEX IF NOT EXISTS {name}_id ON {name} (id_number)")
    return connection


def _at_rest(connection: sqlite3.Connection) -> None:
    """Out of WAL, where a reader must make a file first, which it cannot on a full disk.

    SQLite asks for the file alone and does not wait; look-ups leave gaps of milliseconds.
    """
    if connection.in_transaction:
        connection.rollback()
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        try:
            ((mode,),) = connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.OperationalError:
            mode = "busy"
        if mode == "delete":
            return
        time.sleep(0.02)


def _advice(unusable: Exception) -> str:
    if getattr(unusable, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
        return "another import is at it; try again when it has ended"
    return str(unusable)
