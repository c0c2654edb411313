"""The views that analysts ask: a table's open days and, by an explicit list, its Parquet."""

from __future__ import annotations

import hashlib
import re
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
    "agent_move",
    "dialled",
    "queue_entry",
    "queue_told",
    "callback_wish",
    "callback_over",
    "contentment",
    "desk_act",
    "talk_recording",
    "call_note",
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

_STANDING = """
SELECT name, made_from FROM hot.view_made JOIN duckdb_views() ON view_name = name
WHERE database_name = current_database() AND schema_name = 'main'
  AND replace(sql, '"', '') = replace(definition, '"', '')
"""
"""Quotes aside: DuckDB writes a type with them, and without when it has read the file again."""
_NOTE = """
INSERT INTO hot.view_made SELECT name, made_from, sql
FROM (SELECT unnest($names) AS name, unnest($origins) AS made_from)
JOIN duckdb_views() ON view_name = name
WHERE database_name = current_database() AND schema_name = 'main'
"""
_ABOUT = re.compile(
    r"^(?:CREATE OR REPLACE|COMMENT ON) (?:VIEW|COLUMN|MACRO TABLE|MACRO) (\w+)", re.M
)


def _by_name(script: str) -> dict[str, list[str]]:
    """The statements of one of our scripts, by the view or macro that each is about."""
    found: dict[str, list[str]] = {}
    text = (Path(__file__).resolve().parent / script).read_text()
    for statement in text.strip().removesuffix(";").split(";\n"):
        for name in _ABOUT.findall(statement):
            found.setdefault(name, []).append(statement)
    return found


_OTHERS, _REMARKS = _by_name("views.sql"), _by_name("remarks.sql")
_OF_MACROS = [each for name in _REMARKS if name not in (*ALL, *_OTHERS) for each in _REMARKS[name]]


def make_views(store: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Make those that do not stand as they must for the files that count now.

    Within the caller's transaction. With all that is said of them they are two hundred statements;
    at a start mostly none has changed, and only a few have when days are filed.
    A file's path is absolute, since analysts ask from any folder; a file that lacks a column
    of today's schema has NULL there.
    """
    wanted = _wanted(store, parquet)
    schema = store.execute("SELECT max(version) FROM schema_version").fetchall()
    origins = {name: _digest([*schema, *wanted[name]]) for name in wanted}
    standing = dict(store.execute(_STANDING).fetchall())
    changed = [name for name in wanted if standing.get(name) != origins[name]]
    if not changed:
        return
    _run(store, (each for name in changed for each in wanted[name]))
    _run(store, _OF_MACROS)
    _run(store, _meanings(store))
    store.execute("DELETE FROM hot.view_made WHERE list_contains($names, name)", {"names": changed})
    noted = {"names": changed, "origins": [origins[name] for name in changed]}
    store.execute(_NOTE, noted)


def make_views_of_lake(store: duckdb.DuckDBPyConnection) -> None:
    """All of them, within the caller's transaction: other nodes' loaders may be of other versions.

    A lake has no files of its own kind, and keeps no remark on a view's columns.
    """
    _run(store, (f"CREATE OR REPLACE VIEW {table} AS FROM hot.{table}" for table in ALL))
    _run(store, (each for name in _OTHERS for each in _OTHERS[name]))
    _run(store, (each for each in _meanings(store) if each.startswith("COMMENT ON VIEW")))


def _wanted(store: duckdb.DuckDBPyConnection, parquet: Path) -> dict[str, list[str]]:
    """What makes each view, and what is said of it; those that stand on others come after them."""
    files: dict[str, list[str]] = {table: [] for table in ALL}
    known = "SELECT fact_table, name FROM hot.parquet_file ORDER BY first_day, name"
    for table, name in store.execute(known).fetchall():
        files[table].append(str(parquet.resolve() / name))
    facts = {name: [f"CREATE OR REPLACE VIEW {name} AS {_rows(name, files[name])}"] for name in ALL}
    return {
        name: [*statements, *_REMARKS.get(name, ())]
        for name, statements in (*facts.items(), *_OTHERS.items())
    }


def _rows(table: str, paths: list[str]) -> str:
    """A table's rows: of open days, and of the files that hold its closed ones, in their order."""
    if not paths:
        return f"FROM hot.{table}"
    closed = f"FROM read_parquet({listed(paths)}, union_by_name = true)"
    if table == "call_session":
        closed += " WHERE session NOT IN (FROM hot.superseded)"
    return f"FROM hot.{table} UNION ALL BY NAME ({closed})"


def _meanings(store: duckdb.DuckDBPyConnection) -> list[str]:
    """What there is to say of views that were just made."""
    return [
        f"COMMENT ON {kind} {name} IS {literal(meaning)}"
        for kind, name, meaning in store.execute(_MEANING).fetchall()
    ]


def _run(store: duckdb.DuckDBPyConnection, statements: Iterable[str]) -> None:
    for statement in statements:
        store.execute(statement)


def _digest(origin: object) -> str:
    return hashlib.sha256(repr(origin).encode()).hexdigest()


def listed(paths: list[str]) -> str:
    """As a list in SQL."""
    return "[" + ", ".join(literal(path) for path in paths) + "]"


def literal(text: str) -> str:
    """As a string in SQL."""
    return "'" + text.replace("'", "''") + "'"
