"""The views that analysts ask: a table's open days and, by an explicit list, its Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

FACT_TABLES = (
    "call_session",
    "call_step",
    "dialogue_visit",
    "lookup",
    "information",
    "transfer",
    "recording_saved",
    "recording_move",
    "case_move",
    "survey_vote",
    "refusal",
    "link",
    "session_resumed",
    "carried",
    "probe",
    "dialled",
)
ROLL_UPS = {
    "step_day": ("call_step", "steps_by_day"),
    "visit_day": ("dialogue_visit", "visits_by_day"),
}
"""What is counted by day: the table that is counted, and the macro that counts."""

ALL = (*FACT_TABLES, *ROLL_UPS)

TIME = {"call_session": "coalesce(started, answered, ended)", **dict.fromkeys(ROLL_UPS, "day")}
"""What tells a row's day; `happened` for all others."""

_MEANING = """
SELECT 'VIEW' AS kind, made.view_name AS name, hot.comment
FROM duckdb_views() AS made JOIN (
    SELECT table_name AS name, comment FROM duckdb_tables() WHERE schema_name = 'hot'
    UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'hot'
) AS hot ON hot.name = made.view_name
WHERE made.database_name = current_database() AND made.schema_name = 'main'
  AND made.comment IS NULL AND NOT made.internal
UNION ALL
SELECT 'COLUMN', made.table_name || '.' || made.column_name,
       arg_min(hot.comment, hot.table_name <> made.table_name)
FROM duckdb_columns() AS made JOIN duckdb_columns() AS hot USING (column_name)
WHERE made.database_name = current_database() AND made.schema_name = 'main'
  AND made.comment IS NULL AND NOT made.internal
  AND hot.schema_name = 'hot' AND hot.comment IS NOT NULL
GROUP BY ALL
"""
"""What is not said of a view and its columns yet: as of the table of open days of its name, or of
another that has the same column."""

_OTHERS, _REMARKS = (
    (Path(__file__).resolve().parent / name).read_text() for name in ("views.sql", "remarks.sql")
)


def make_views(
    store: duckdb.DuckDBPyConnection, parquet: Path | None, tables: Iterable[str] = ALL
) -> None:
    """Make them anew for the files that count now; within the caller's transaction.

    Views that stand on these stay as they are where not all are made: they know them by name only.

    A lake has no files of its own kind (None), and cannot keep every remark.
    A file's path is absolute, since analysts ask from any folder; a file that lacks a column
    of today's schema has NULL there.
    """
    for table in tables:
        rows = f"FROM hot.{table}" if parquet is None else _rows(store, parquet, table)
        store.execute(f"CREATE OR REPLACE VIEW {table} AS {rows}")
    if tables is ALL:
        store.execute(_OTHERS)
    if parquet is not None:
        store.execute(_REMARKS)
    remarks = [
        f"COMMENT ON {kind} {name} IS {literal(meaning)}"
        for kind, name, meaning in store.execute(_MEANING).fetchall()
        if kind == "VIEW" or parquet is not None
    ]
    if remarks:
        store.execute(";".join(remarks))


def _files(store: duckdb.DuckDBPyConnection, parquet: Path, table: str) -> list[str]:
    """Paths of the files that hold a table's closed days, in the order of their days."""
    rows = store.execute(
        "SELECT name FROM hot.parquet_file WHERE fact_table = ? ORDER BY first_day, name", [table]
    ).fetchall()
    return [str(parquet.resolve() / name) for (name,) in rows]


def listed(paths: list[str]) -> str:
    """As a list in SQL."""
    return "[" + ", ".join(literal(path) for path in paths) + "]"


def literal(text: str) -> str:
    """As a string in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _rows(store: duckdb.DuckDBPyConnection, parquet: Path, table: str) -> str:
    paths = _files(store, parquet, table)
    if not paths:
        return f"FROM hot.{table}"
    closed = f"FROM read_parquet({listed(paths)}, union_by_name = true)"
    if table == "call_session":
        closed += " WHERE session NOT IN (FROM hot.superseded)"
    return f"FROM hot.{table} UNION ALL BY NAME ({closed})"
