"""Facts and answers as files for other programs: Parquet, CSV or a spreadsheet, by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from analytics.answering.asking import Answer, CannotAnswer, answer
from analytics.answering.questioning import Days
from analytics.answering.views import literal

MOST_SHEET_ROWS = 1_048_575
"""Of a spreadsheet, below the names of the columns."""
_BY_DUCKDB = {".parquet": "FORMAT parquet, COMPRESSION zstd", ".csv": "FORMAT csv, HEADER"}


def export(facts: duckdb.DuckDBPyConnection, table: str, days: Days, target: Path) -> int:
    """Write a table's rows of some days to `target`, as `write` does; the number of rows."""
    time = _time_of(facts, table)
    where = f"on_days({time}, $since, $until)"
    values = {"since": days.first, "until": days.last}
    return write(facts, f"FROM {table} WHERE {where} ORDER BY {time}", values, target)


def write(
    facts: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object], target: Path
) -> int:
    """Write the answer of a question to a new .parquet, .csv or .xlsx; the number of rows.

    The snapshot must be opened with the target's folder in reach. Raises CannotAnswer for another
    type of file, and for a file that exists already.
    """
    with _new(target, (*_BY_DUCKDB, ".xlsx")) as part:
        if target.suffix == ".xlsx":
            found = answer(facts, sql, values)
            save_sheet(found, part)
            return len(found.rows)
        copy = f"COPY ({sql}) TO {literal(str(part))} ({_BY_DUCKDB[target.suffix]})"
        try:
            row = facts.execute(copy, dict(values)).fetchone()
        except duckdb.Error as refused:
            raise CannotAnswer(str(refused)) from refused
        return int(row[0]) if row else 0


def draw(save: Callable[[Path], None], target: Path) -> None:
    """Let `save` write a new picture."""
    with _new(target, (".svg", ".png")) as part:
        save(part)


def save_sheet(found: Answer, target: Path) -> None:
    """One sheet with the columns' names on top, which stay while it is scrolled."""
    if len(found.rows) > MOST_SHEET_ROWS:
        raise CannotAnswer(
            f"a spreadsheet has {MOST_SHEET_ROWS} rows, these are {len(found.rows)}:"
            " take fewer days, .csv or .parquet"
        )
    options = {"default_date_format": "yyyy-mm-dd hh:mm:ss", "constant_memory": True}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, found.columns, book.add_format({"bold": True}))
        for n, row in enumerate(found.rows, start=1):
            for column, value in enumerate(row):
                _write_cell(sheet, n, column, value, day)


def _write_cell(sheet: Any, row: int, column: int, value: object, day: Any) -> None:
    """Numbers, times and days as such; everything else as text, never as a formula."""
    match value:
        case None:
            pass
        case bool() | int() | float() | Decimal():
            sheet.write(row, column, value)
        case datetime():
            sheet.write_datetime(row, column, value)
        case date():
            sheet.write_datetime(row, column, value, day)
        case _:
            sheet.write_string(row, column, str(value))


@contextmanager
def _new(target: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Where to write; it becomes `target` when it is whole, and nothing stays when it fails."""
    if target.suffix not in suffixes:
        raise CannotAnswer(f"{target}: name it {' or '.join(suffixes)}")
    if target.exists():
        raise CannotAnswer(f"{target} exists already; remove it or choose another name")
    part = target.with_name(f".part-{target.name}")
    try:
        yield part
        part.replace(target)
    except OSError as fault:
        raise CannotAnswer(f"{target}: {fault.strerror}") from fault
    finally:
        part.unlink(missing_ok=True)


def _time_of(facts: duckdb.DuckDBPyConnection, table: str) -> str:
    """The column that tells when; CannotAnswer for a table that is none or has no times."""
    rows = facts.execute(
        "SELECT table_name, min(column_name) FROM duckdb_columns() WHERE NOT internal"
        " AND database_name = current_database() AND schema_name = 'main'"
        " AND column_name IN ('started', 'happened')"
        " GROUP BY table_name ORDER BY table_name"
    ).fetchall()
    times = dict(rows)
    if table not in times:
        raise CannotAnswer(f"there is no table {table!r} to export; there are: {', '.join(times)}")
    return str(times[table])
