"""The loader's own database: opened, migrated, and made anew when it is lost or damaged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb

from analytics.loading.listing import recall
from ivr.records.facts import KINDS

log = logging.getLogger(__name__)

STORAGE_VERSION = "v1.4.0"
"""Of the file: DuckDB 1.4 and everything later reads it."""
MEMORY_LIMIT = "512MB"
THREADS = 2

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
    """
    for each in (folder.private.parent, folder.parquet):
        each.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        return _opened(folder)
    except duckdb.Error as damaged:
        if not _is_damage(damaged):
            raise
        _lay_aside(folder.private)
        log.warning("the database of facts is made anew from spools and Parquet: %s", damaged)
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


def shrink(folder: FactsFolder) -> None:
    """Make the private file as small as what it holds; the store must be closed."""
    small = folder.private.with_name(f"small-{uuid4().hex[:8]}.duckdb")
    _make(small)
    with _connected(small) as store:
        migrate(store)
        store.execute(f"ATTACH '{_quoted(folder.private)}' AS large (READ_ONLY)")
        tables = store.execute(
            "SELECT table_name FROM duckdb_tables()"
            " WHERE database_name = current_database() AND schema_name = 'hot'"
        ).fetchall()
        store.begin()
        for (table,) in tables:
            store.execute(f"INSERT INTO hot.{table} BY NAME FROM large.hot.{table}")
        store.commit()
        store.execute("DETACH large")
    small.replace(folder.private)


def _opened(folder: FactsFolder) -> duckdb.DuckDBPyConnection:
    new = not folder.private.exists()
    if new:
        _make(folder.private)
    store = _connected(folder.private)
    try:
        migrate(store)
        if new:
            recall(store, folder.parquet)
    except duckdb.Error:
        store.close()
        raise
    return store


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        str(path),
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": THREADS,
            "autoinstall_known_extensions": False,
        },
    )


def _make(path: Path) -> None:
    """An empty database of the old storage version, which it keeps."""
    with duckdb.connect() as maker:
        maker.execute(f"ATTACH '{_quoted(path)}' (STORAGE_VERSION '{STORAGE_VERSION}')")
    path.chmod(0o600)  # a reader of this file would lock the loader out


def _is_damage(fault: duckdb.Error) -> bool:
    """Whether the file itself is bad; a lock, a permission and a full disk pass by themselves."""
    told = str(fault)
    passing = ("lock", "Permission denied", "No space left", "File too large", "Too many open")
    kinds = (
        duckdb.IOException,
        duckdb.SerializationException,
        duckdb.InternalException,
        duckdb.FatalException,
        duckdb.CatalogException,  # a layout that no migration leads on from
    )
    return isinstance(fault, kinds) and not any(each in told for each in passing)


def _lay_aside(path: Path) -> None:
    mark = uuid4().hex[:8]
    for part in (path, path.with_name(f"{path.name}.wal")):
        if part.exists():
            part.rename(part.with_name(f"damaged-{mark}-{part.name}"))


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
