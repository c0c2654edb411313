"""Facts and answers as files for other programs: Parquet, CSV or a spreadsheet, by their names."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter
from rich.cells import cell_len

from analytics.answering.asking import CannotAnswer, ResultSet, answer
from analytics.answering.questioning import Days
from analytics.answering.views import literal
from analytics.answering.words import Vocabulary
from ivr.records.durable import sync

MOST_SHEET_ROWS = 1_048_575
"""Of a spreadsheet, below the names of the columns."""
NARROWEST, WIDEST = 8, 60
"""Characters of a spreadsheet's column."""
_TIME_WIDTH = 20
_BOM = "\ufeff".encode()
"""Without it Excel takes UTF-8 for the code page of the machine."""
_BY_DUCKDB = {".parquet": "FORMAT parquet, COMPRESSION zstd", ".csv": "FORMAT csv, HEADER"}


def export(  # noqa: PLR0913  which rows, and what becomes of them
    facts: duckdb.DuckDBPyConnection,
    table: str,
    days: Days,
    target: Path,
    words: Vocabulary,
    *,
    replace: bool = False,
) -> int:
    """Write a table's rows of some days to `target`, as `write` does; the number of rows.

    Times are UTC, but Beijing time in a spreadsheet, which people read.
    """
    time = _time_of(facts, table)
    columns = _in_local_time(facts, table) if target.suffix == ".xlsx" else "*"
    rows = f"FROM {table} WHERE on_days({time}, $since, $until) ORDER BY {time}"
    values = {"since": days.first, "until": days.last}
    return write(facts, f"SELECT {columns} {rows}", values, target, words, replace=replace)


def write(  # noqa: PLR0913  what is asked, and what becomes of it
    facts: duckdb.DuckDBPyConnection,
    sql: str,
    values: Mapping[str, object],
    target: Path,
    words: Vocabulary,
    *,
    replace: bool = False,
) -> int:
    """Write the answer of a question to a .parquet, .csv or .xlsx; the number of rows.

    The snapshot must be opened with the target's folder in reach. Raises CannotAnswer for another
    type of file, and for a file that exists already, unless it may be replaced.
    """
    with new_file(target, (*_BY_DUCKDB, ".xlsx"), replace=replace) as part:
        if target.suffix == ".xlsx":
            found = answer(facts, sql, values)
            save_sheet(found, part, words)
            return len(found.rows)
        copy = f"COPY ({sql}) TO {literal(str(part))} ({_BY_DUCKDB[target.suffix]})"
        try:
            row = facts.execute(copy, dict(values)).fetchone()
        except duckdb.Error as refused:
            raise CannotAnswer(str(refused)) from refused
        if target.suffix == ".csv":
            _mark_utf8(part)
        return int(row[0]) if row else 0


def draw(save: Callable[[Path], None], target: Path, *, replace: bool = False) -> None:
    """Let `save` write a picture."""
    with new_file(target, (".svg", ".png"), replace=replace) as part:
        save(part)


def save_sheet(found: ResultSet, target: Path, words: Vocabulary) -> None:
    """One sheet in words, each column as wide as what is in it; its heads stay while scrolling."""
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
        shown = words.translated(found)
        heads = [_head(found, n, words) for n in range(len(found.columns))]
        for n, head in enumerate(heads):
            sheet.set_column(n, n, _width(head, [row[n] for row in shown.rows]))
        sheet.write_row(0, 0, heads, book.add_format({"bold": True}))
        for n, row in enumerate(shown.rows, start=1):
            for column, value in enumerate(row):
                _write_cell(sheet, n, column, value, day)


def _head(found: ResultSet, n: int, words: Vocabulary) -> str:
    """A column's name; of times, the zone too."""
    times = any(isinstance(row[n], datetime) for row in found.rows)
    return words.column(found.columns[n]) + ("（北京时间）" if times else "")


def _width(head: str, cells: list[object]) -> int:
    """In characters; a Chinese one is two wide."""
    widths = (
        _TIME_WIDTH if isinstance(each, datetime) else cell_len(str(each))
        for each in cells
        if each is not None
    )
    return max(NARROWEST, min(WIDEST, max(cell_len(head), *widths, 0) + 2))


def _mark_utf8(part: Path) -> None:
    plain = part.with_name(f"{part.name}.plain")
    part.rename(plain)
    try:
        with plain.open("rb") as source, part.open("wb") as marked:
            marked.write(_BOM)
            shutil.copyfileobj(source, marked)
    finally:
        plain.unlink()


def _in_local_time(facts: duckdb.DuckDBPyConnection, table: str) -> str:
    """Its columns for a SELECT, times of UTC in Beijing time."""
    times = facts.execute(
        "SELECT column_name FROM duckdb_columns() WHERE NOT internal AND table_name = ?"
        " AND database_name = current_database() AND schema_name = 'main'"
        " AND data_type = 'TIMESTAMP' AND NOT column_name LIKE '%_local'",
        [table],
    ).fetchall()
    renewed = ", ".join(f"local_time({name}) AS {name}" for (name,) in times)
    return f"* REPLACE ({renewed})" if renewed else "*"


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
def new_file(target: Path, suffixes: tuple[str, ...], *, replace: bool = False) -> Iterator[Path]:
    """Where to write; it becomes `target` when it is whole, and nothing stays when it fails."""
    if target.suffix not in suffixes:
        raise CannotAnswer(f"{target}: 文件名应以 {'、'.join(suffixes)} 结尾（name it so）")
    if target.exists() and not replace:
        raise CannotAnswer(f"{target} 已经有了（exists already）：换个名字，或者加 --force 覆盖")
    part = target.with_name(f".part-{target.name}")
    try:
        yield part
        sync(part)
        part.replace(target)
        sync(target.parent)
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
