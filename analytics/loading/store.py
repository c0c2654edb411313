"""The loader's own database: opened, migrated, and made anew when it is lost or damaged."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb

from analytics.answering.asking import LIMITS
from analytics.answering.views import literal
from analytics.loading import listing, quarantine
from ivr.records.durable import sync
from ivr.records.facts import KINDS

log = logging.getLogger(__name__)

STORAGE_VERSION = "v1.4.0"
"""Of the file: DuckDB 1.4 and everything later reads it."""

SCHEMA = Path(__file__).resolve().parent / "schema"
_TYPES = {"int": "BIGINT", "bool": "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class FactsFolder:
    """Where the facts lie under the home folder."""

    home: Path

    @property
    def spool(self) -> Path:
        """What the services write."""
        return self.home / "spool"

    @property
    def private(self) -> Path:
        """The loader's database; nobody else opens it."""
        return self.home / "facts" / "private.duckdb"

    @property
    def lock(self) -> Path:
        """Held by the one loader."""
        return self.home / "facts" / "loader.lock"

    @property
    def published(self) -> Path:
        """What analysts open, read-only."""
        return self.home / "facts" / "pub" / "ivr.duckdb"

    @property
    def parquet(self) -> Path:
        """The files of closed days, which the published database reads."""
        return self.home / "facts" / "pub" / "parquet"


def open_store(folder: FactsFolder) -> duckdb.DuckDBPyConnection:
    """The private database, of the newest schema; a damaged one is laid aside and made anew.

    The spools and the Parquet of closed days hold every fact, so a new database fills itself.
    Raises Away where that Parquet cannot be reached.
    """
    for each in (folder.private.parent, folder.parquet):
        each.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        return _opened(folder)
    except (duckdb.Error, listing.Forgotten) as fault:
        if isinstance(fault, duckdb.Error) and not is_damage(fault):
            raise
        log.warning("the database of facts is made anew from spools and Parquet: %s", fault)
        _lay_aside(folder.private)
        return _opened(folder)


def fact_columns() -> dict[str, str]:
    """Every field that any fact can have, with its type in DuckDB; from the facts themselves."""
    columns = {"id": "UUID", "at": "TIMESTAMP", "node": "VARCHAR", "fact": "VARCHAR"}
    for kind in KINDS.values():
        for name, annotation in kind.__annotations__.items():
            columns[name] = _TYPES.get(str(annotation).removesuffix(" | None"), "VARCHAR")
    return columns


def migrate(store: duckdb.DuckDBPyConnection, steps: Path | None = None) -> None:
    """Apply what the database lacks, each step whole, in the order of the files' numbers."""
    store.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER, applied TIMESTAMP)")
    store.execute(
        "COMMENT ON TABLE schema_version IS"
        " 'Which versions of this schema were applied, and when (UTC).'"
    )
    row = store.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
    current = row[0] if row else 0
    for step in sorted((steps or SCHEMA).glob("*.sql")):
        version = int(step.name.split("_")[0])
        if version > current:
            store.begin()
            store.execute(step.read_text())
            applied = datetime.now(UTC).replace(tzinfo=None)
            store.execute("INSERT INTO schema_version VALUES (?, ?)", [version, applied])
            store.commit()


def read_all(store: duckdb.DuckDBPyConnection) -> None:
    """Read every value of every table: a block that rotted is found before a question meets it.

    The size is of all rows that were ever written: a table without any has no block.
    """
    tables = store.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
        " WHERE database_name = current_database() AND NOT temporary AND estimated_size > 0"
    ).fetchall()
    for (table,) in tables:
        store.execute(f"SELECT bit_xor(hash(each_row)) FROM {table} AS each_row").fetchall()


def shrink(folder: FactsFolder) -> None:
    """Make the private file as small as what it holds; the store must be closed."""
    with _made(folder.private) as store:
        store.execute(f"ATTACH {literal(str(folder.private))} AS large (READ_ONLY)")
        tables = store.execute(
            "SELECT table_name FROM duckdb_tables()"
            " WHERE database_name = current_database() AND schema_name = 'hot'"
        ).fetchall()
        store.begin()
        for (table,) in tables:
            store.execute(f"INSERT INTO hot.{table} BY NAME FROM large.hot.{table}")
        store.commit()
        store.execute("DETACH large")


def is_damage(fault: duckdb.Error) -> bool:
    """Whether the file itself is bad; a lock, a permission and a full disk pass by themselves."""
    kinds = (
        duckdb.IOException,
        duckdb.SerializationException,
        duckdb.InternalException,
        duckdb.FatalException,
        duckdb.CatalogException,  # a layout that no migration leads on from
    )
    return isinstance(fault, kinds) and not passes(fault)


def passes(fault: duckdb.Error) -> bool:
    """Whether the system refused, in its own words: nothing is known of the file."""
    return any(words in str(fault) for words in _PASSING)


_REFUSALS = "EACCES EPERM ENOSPC EDQUOT EFBIG EROFS EIO EMFILE ENFILE ENOMEM ENODEV ENOTCONN ESTALE"
_PASSING = (
    "Could not set lock on file",
    *(os.strerror(getattr(errno, name)) for name in _REFUSALS.split()),
)
"""DuckDB ends its message with the system's words; "lock" alone is a part of "block"."""


def _opened(folder: FactsFolder) -> duckdb.DuckDBPyConnection:
    if not folder.private.exists():
        _lay_aside(folder.private)  # a log without its database would be replayed into the new one
        with _made(folder.private) as new:
            listing.recall(new, folder.parquet, folder.published)
    store = _connected(folder.private)
    try:
        migrate(store)
        read_all(store)
        listing.ensure_newest(store, folder.parquet)
    except BaseException:
        store.close()
        raise
    return store


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), config=LIMITS)


@contextmanager
def _made(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new database of the old storage version, which has its name only when it is whole."""
    fresh = path.with_name(f".{path.name}.new")
    for part in (fresh, _log_of(fresh)):
        part.unlink(missing_ok=True)
    with duckdb.connect() as maker:
        maker.execute(f"ATTACH {literal(str(fresh))} (STORAGE_VERSION '{STORAGE_VERSION}')")
    fresh.chmod(0o600)  # a reader of this file would lock the loader out
    with _connected(fresh) as store:
        migrate(store)
        yield store
        store.execute("CHECKPOINT")
    sync(fresh)
    fresh.replace(path)
    sync(path.parent)


def _lay_aside(path: Path) -> None:
    """What is there of a database and its log into the quarantine, with a name of its own."""
    mark, now = uuid4().hex[:8], datetime.now(UTC)
    for part in (path, _log_of(path)):
        if part.exists():
            quarantine.set_apart(part.rename(part.with_name(f"damaged-{mark}-{part.name}")), now)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")
