"""The loader's own database: opened, migrated, and made anew from the spools when it is damaged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb

from ivr.facts import KINDS

log = logging.getLogger(__name__)

STORAGE_VERSION = "v1.4.0"
"""Of the file: DuckDB 1.4 and everything later reads it."""
MEMORY_LIMIT = "512MB"
THREADS = 2

_FOLDER = Path(__file__).resolve().parent
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


def open_store(path: Path) -> duckdb.DuckDBPyConnection:
    """The database at `path`, of the newest schema; a damaged one is laid aside and made anew.

    The spools hold every fact, so a new database fills itself.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        return _opened(path)
    except duckdb.Error as damaged:
        if not _is_damage(damaged):
            raise
        _lay_aside(path)
        log.warning("the database of facts is made anew from the spools: %s", damaged)
        return _opened(path)


def fact_columns() -> dict[str, str]:
    """Every field that any fact can have, with its type in DuckDB; from the facts themselves."""
    columns = {"id": "UUID", "at": "TIMESTAMP", "node": "VARCHAR", "fact": "VARCHAR"}
    for kind in KINDS.values():
        for name, annotation in kind.__annotations__.items():
            columns[name] = _TYPES.get(str(annotation).removesuffix(" | None"), "VARCHAR")
    return columns


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    if not path.exists():
        _make(path)
    store = duckdb.connect(
        str(path),
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": THREADS,
            "autoinstall_known_extensions": False,
        },
    )
    try:
        _migrate(store)
    except duckdb.Error:
        store.close()
        raise
    return store


def _make(path: Path) -> None:
    """An empty database of the old storage version, which it keeps."""
    with duckdb.connect() as maker:
        maker.execute(f"ATTACH '{_quoted(path)}' (STORAGE_VERSION '{STORAGE_VERSION}')")
    path.chmod(0o600)  # a reader of this file would lock the loader out


def _migrate(store: duckdb.DuckDBPyConnection) -> None:
    """Apply what the database lacks, each step whole, in the order of the files' numbers."""
    store.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER, applied TIMESTAMP)")
    row = store.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
    current = row[0] if row else 0
    for step in sorted((_FOLDER / "schema").glob("*.sql")):
        version = int(step.name.split("_")[0])
        if version > current:
            store.begin()
            store.execute(step.read_text())
            applied = datetime.now(UTC).replace(tzinfo=None)
            store.execute("INSERT INTO schema_version VALUES (?, ?)", [version, applied])
            store.commit()


def _is_damage(fault: duckdb.Error) -> bool:
    """Whether the file itself is bad; a lock, a permission and a full disk pass by themselves."""
    told = str(fault)
    passing = ("lock", "Permission denied", "No space left", "Too many open files")
    kinds = (
        duckdb.IOException,
        duckdb.SerializationException,
        duckdb.InternalException,
        duckdb.FatalException,
    )
    return isinstance(fault, kinds) and not any(each in told for each in passing)


def _lay_aside(path: Path) -> None:
    mark = uuid4().hex[:8]
    for part in (path, path.with_name(f"{path.name}.wal")):
        if part.exists():
            part.rename(part.with_name(f"damaged-{mark}-{part.name}"))


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
