"""Spool files that are no longer needed: everything in them has been kept elsewhere for days."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from analytics.answering.views import FACT_TABLES, TIME
from analytics.loading import quarantine
from ivr.records.holding import hold
from ivr.records.journal import OPERATORS

log = logging.getLogger(__name__)

KEEP = timedelta(days=7)
"""After its last fact a file stays as long, so that a lost database or Parquet file comes back."""


def retire(
    store: duckdb.DuckDBPyConnection, spool: Path, before: datetime, *, now: datetime
) -> int:
    """Set the files apart whose newest fact is older than `before`; how many.

    A service holds a lock on the page that it writes; the newest page of a node stays besides,
    whatever its age. A file of an operator's command is not a page.
    """
    rows = store.execute(
        "SELECT name, bytes_read FROM (SELECT *, max(name) FILTER (NOT ends_with(name, $operators))"
        " OVER (PARTITION BY node) AS newest_page FROM hot.spool)"
        " WHERE (name < newest_page OR ends_with(name, $operators)) AND newest < $before",
        {"operators": f"{OPERATORS}.jsonl", "before": before.astimezone(UTC).replace(tzinfo=None)},
    ).fetchall()
    retired = sum(_set_apart(spool / name, bytes_read, now) for name, bytes_read in rows)
    quarantine.empty(spool, now)
    if retired:
        log.info("%d spool files set apart; their facts are kept elsewhere", retired)
    return retired


def oldest_open(store: duckdb.DuckDBPyConnection) -> datetime:
    """Time of the oldest row that is not in Parquet yet; the end of time where there is none."""
    ((oldest,),) = store.execute(f"SELECT min(moment) FROM ({_MOMENTS})").fetchall()
    return oldest.replace(tzinfo=UTC) if oldest else datetime.max.replace(tzinfo=UTC)


_MOMENTS = " UNION ALL ".join(
    f"SELECT {TIME.get(table, 'happened')} AS moment FROM hot.{table}" for table in FACT_TABLES
)


def _set_apart(path: Path, bytes_read: int, now: datetime) -> bool:
    """Unless somebody writes it, or a whole line is left; a torn one at its very end is none."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        if not hold(file):
            return False
        file.seek(bytes_read)
        if b"\n" in file.read():
            return False
        quarantine.set_apart(path, now)
    return True
