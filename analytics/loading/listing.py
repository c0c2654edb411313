"""Which Parquet files count: listed beside them, so that the list outlives the database."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import duckdb

log = logging.getLogger(__name__)

FILE = "files.json"
_COLUMNS = ("name", "fact_table", "first_day", "last_day", "rows")


def keep(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Write the list as the database has it; on disk when it returns."""
    rows = store.execute("SELECT * FROM hot.parquet_file ORDER BY ALL").fetchall()
    files = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    fresh = parquet / f".{FILE}.new"
    fresh.write_text(json.dumps(files, default=str, indent=1))
    sync(fresh)
    fresh.replace(parquet / FILE)
    sync(parquet)


def recall(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Tell a new database of the files that are there already."""
    path = parquet / FILE
    if not path.exists():
        return
    for file in json.loads(path.read_text()):
        store.execute(
            "INSERT INTO hot.parquet_file VALUES (?, ?, ?, ?, ?)",
            [file[column] for column in _COLUMNS],
        )


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
