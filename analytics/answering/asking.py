"""SQL on the newest published facts, read-only; faults in words for the analyst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

SCHEMA = """
SELECT * EXCLUDE (position) FROM (
    SELECT schema_name AS schema, view_name AS "table", '' AS "column", '' AS type,
           comment AS meaning, -1 AS position
    FROM duckdb_views() WHERE database_name = current_database() AND NOT internal
    UNION ALL
    SELECT schema_name, table_name, column_name, data_type, comment, column_index
    FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal)
WHERE schema = 'main' AND "table" <> 'schema_version'
ORDER BY ALL
"""
"""What the published database says of itself."""


Limits = dict[str, str | bool | int | float | list[str]]
"""DuckDB's own settings."""
LIMITS: Limits = {
    "memory_limit": "512MB",
    "threads": 2,
    "max_temp_directory_size": "4GB",
    "autoinstall_known_extensions": False,
}
"""Of the loader, and of every question: both leave the machine, and its disk, to the calls."""

_QUESTIONS = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


class CannotAnswer(Exception):
    """What keeps a question from its answer, and what to do."""


class NothingPublished(CannotAnswer):
    """No loader has published facts yet."""


@dataclass(frozen=True, slots=True)
class ResultSet:
    """Columns and rows, as DuckDB gives them to Python."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def column(self, name: str) -> list[Any]:
        """One column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def numbers(self, name: str) -> list[float]:
        """One column as numbers; nothing counts as 0."""
        return [float(value or 0) for value in self.column(name)]

    def records(self) -> list[dict[str, object]]:
        """Each row by its columns' names."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def ask(published: Path, sql: str, values: Mapping[str, object] | None = None) -> ResultSet:
    """The answer to one statement, with `$name` parameters from `values`.

    Raises NothingPublished, or CannotAnswer with DuckDB's own words.
    """
    with opened(published) as facts:
        return answer(facts, sql, values)


def answer(
    facts: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object] | None = None
) -> ResultSet:
    """As `ask`, from a snapshot that is open: several answers that fit together."""
    try:
        statements = facts.extract_statements(sql)
        if len(statements) != 1:
            raise CannotAnswer(
                "请写一句 SQL，例如 SELECT count(*) FROM call_session"
                f"（one statement is wanted, there are {len(statements)}）"
            )
        if any(each.type not in _QUESTIONS for each in statements):
            raise CannotAnswer("the published facts are read-only: only questions")
        result = facts.execute(sql, dict(values) if values else None)
        columns = tuple(column[0] for column in result.description or ())
        return ResultSet(columns, tuple(result.fetchall()))
    except duckdb.OutOfMemoryException as refused:
        raise CannotAnswer(
            "这个问题要的内存或临时空间超过了限额，请缩短日期范围或先汇总。· The question needs"
            f" more memory or temporary space than it may have: ask for fewer days. {refused}"
        ) from refused
    except duckdb.Error as refused:
        raise CannotAnswer(str(refused)) from refused


def opened(
    published: Path, *, reach: Path | None = None, limits: Limits = LIMITS
) -> duckdb.DuckDBPyConnection:
    """The newest snapshot; it stays as it is while open, open again for newer facts.

    Statements on it touch no file but the published ones, and those of the folder `reach`.
    """
    if not published.exists():
        raise NothingPublished(
            f"no facts are published yet ({published}): start the line with `ivr run`,"
            " or load once with `ivr loader --once`"
        )
    facts = duckdb.connect(str(published), read_only=True, config=limits)
    return confined(facts, published.parent, reach)


def confined(facts: duckdb.DuckDBPyConnection, *folders: Path | None) -> duckdb.DuckDBPyConnection:
    """From now on its statements touch no files but those in these folders."""
    within = [str(each.resolve()) for each in folders if each is not None]
    facts.execute("SET allowed_directories = $folders", {"folders": within})
    facts.execute("SET enable_progress_bar = false")  # drawn on stdout after two seconds
    facts.execute("SET enable_external_access = false; SET lock_configuration = true")
    return facts
