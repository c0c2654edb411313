"""Spool files that are no longer needed: everything in them has been kept elsewhere for days."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from analytics.answering.views import FACT_TABLES

log = logging.getLogger(__name__)

KEEP = timedelta(days=7)
"""After its last fact a file stays as long, so that a lost database or Parquet file comes back."""


def retire(store: duckdb.DuckDBPyConnection, spool: Path, before: datetime) -> int:
    """Remove the files whose newest fact is older than `before`; how many.

    A node's newest file stays whatever its age: the service may still be writing to it.
    """
    rows = store.execute(
        "SELECT name, bytes_read FROM"
        " (SELECT *, max(name) OVER (PARTITION BY node) AS newest_file FROM hot.spool)"
        " WHERE name < newest_file AND newest < ?",
        [before.astimezone(UTC).replace(tzinfo=None)],
    ).fetchall()
    known = [spool / name for name, bytes_read in rows if _read_whole(spool / name, bytes_read)]
    for path in known:
        path.unlink(missing_ok=True)
    if known:
        log.info("%d spool files removed; their facts are kept elsewhere", len(known))
    return len(known)


def oldest_open(store: duckdb.DuckDBPyConnection) -> datetime:
    """Time of the oldest row that is not in Parquet yet; the end of time where there is none."""
    ((oldest,),) = store.execute(f"SELECT min(moment) FROM ({_MOMENTS})").fetchall()
    return oldest.replace(tzinfo=UTC) if oldest else datetime.max.replace(tzinfo=UTC)


_MOMENT = {"call_session": "coalesce(started, answered, ended)"}
_MOMENTS = " UNION ALL ".join(
    f"SELECT {_MOMENT.get(table, 'happened')} AS moment FROM hot.{table}" for table in FACT_TABLES
)


def _read_whole(path: Path, bytes_read: int) -> bool:
    """Whether no whole line is left; a torn one at the very end of a dead file is none."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(bytes_read)
        return b"\n" not in file.read()
