"""A range of days of one table as a file for other programs: Parquet or CSV by its name."""

from __future__ import annotations

from pathlib import Path

import duckdb

from analytics.asking import CannotAnswer, opened
from analytics.questioning import Days

_FORMATS = {".parquet": "FORMAT parquet, COMPRESSION zstd", ".csv": "FORMAT csv, HEADER"}


def export(published: Path, table: str, days: Days, target: Path) -> int:
    """Write `table` from the newest published facts to `target`; the number of rows.

    Raises CannotAnswer for an unknown table or file type, and for a file that exists already.
    """
    if target.suffix not in _FORMATS:
        raise CannotAnswer(f"{target}: name it .parquet or .csv")
    if target.exists():
        raise CannotAnswer(f"{target} exists already; remove it or choose another name")
    with opened(published, reach=target.parent) as facts:
        chosen = f"{_checked(facts, table)} WHERE on_days({_time_of(table)}, $since, $until)"
        part = target.with_name(f".{target.name}.part")
        try:
            row = facts.execute(
                f"COPY (FROM {chosen}) TO '{_quoted(part)}' ({_FORMATS[target.suffix]})",
                {"since": days.first, "until": days.last},
            ).fetchone()
        except duckdb.IOException as full:
            part.unlink(missing_ok=True)
            raise CannotAnswer(str(full)) from full
        part.replace(target)
    return int(row[0]) if row else 0


def _checked(facts: duckdb.DuckDBPyConnection, table: str) -> str:
    """The table's name, if it is one that has times."""
    rows = facts.execute(
        "SELECT DISTINCT table_name FROM duckdb_columns()"
        " WHERE NOT internal AND column_name IN ('started', 'happened') ORDER BY ALL"
    ).fetchall()
    known = [name for (name,) in rows]
    if table not in known:
        raise CannotAnswer(f"there is no table {table!r} to export; there are: {', '.join(known)}")
    return table


def _time_of(table: str) -> str:
    return "started" if table in {"call_session", "call_local"} else "happened"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
