"""Spool files that are no longer needed: everything in them lies in Parquet, for some days now."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from analytics.views import FACT_TABLES

log = logging.getLogger(__name__)

KEEP = timedelta(days=7)
"""After its last fact a file stays as long, so that a lost database or Parquet file comes back."""


def retire(store: duckdb.DuckDBPyConnection, spool: Path, now: datetime) -> int:
    """Remove the files that nobody needs any more; how many.

    A node's newest file stays whatever its age: the service may still be writing to it.
    """
    rows = store.execute(
        "SELECT name, bytes_read FROM"
        " (SELECT *, max(name) OVER (PARTITION BY node) AS newest_file FROM hot.spool)"
        " WHERE name < newest_file AND newest < least($kept, ($oldest))".replace(
            "$oldest", _OLDEST_OPEN
        ),
        {"kept": (now - KEEP).astimezone(UTC).replace(tzinfo=None)},
    ).fetchall()
    known = [spool / name for name, bytes_read in rows if not _has_more(spool / name, bytes_read)]
    for path in known:
        path.unlink(missing_ok=True)
        store.execute("DELETE FROM hot.spool WHERE name = ?", [path.name])
    if known:
        log.info("%d spool files removed; their facts lie in Parquet", len(known))
    return len(known)


_MOMENT = {"call_session": "coalesce(started, answered, ended)"}
_MOMENTS = " UNION ALL ".join(
    f"SELECT {_MOMENT.get(table, 'happened')} AS moment FROM hot.{table}" for table in FACT_TABLES
)
_OLDEST_OPEN = f"SELECT min(moment) FROM ({_MOMENTS})"
"""Of the rows that are not in Parquet yet; NULL, which `least` passes over, without any."""


def _has_more(path: Path, bytes_read: int) -> bool:
    """Whether whole lines are left; a torn one at the very end of a dead file is none."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(bytes_read)
        return b"\n" in file.read()
