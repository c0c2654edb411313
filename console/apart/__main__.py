"""Answers one statement, within limits of the kernel's: the wish on stdin, the answer on stdout."""

from __future__ import annotations

import csv
import json
import os
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from analytics.answering.asking import LIMITS, CannotAnswer, ResultSet, opened
from analytics.answering.exporting import save_sheet
from analytics.answering.statements import first_rows, read, veil
from analytics.answering.words import Vocabulary
from analytics.loading.lake import Lake
from analytics.loading.store import FactsFolder

MEMORY_BYTES = 1_500_000_000
"""Of addresses: DuckDB's own half gigabyte, its libraries and Python."""
FILE_BYTES = 500_000_000
"""Of each temporary file, and of the answer."""
PROCESSOR_SECONDS = 60
LONGEST_CELL = 500
"""Characters that a page shows; files have all of them, up to what a spreadsheet's cell holds."""
LONGEST_CELL_OF_FILES = 32_767


def _limit() -> None:
    """Before anything is asked. If memory is short, this process is the first to go."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(10)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _answer(wish: Mapping[str, Any]) -> dict[str, Any]:
    try:
        with _snapshot(wish) as facts:
            statement = read(facts, wish["statement"])
            veil(facts)
            found, more = first_rows(facts, statement, wish["values"], wish["most"])
    except CannotAnswer as cannot:
        return {"refused": str(cannot)}
    if wish["ending"]:
        return {"rows": _write(found, wish["ending"]), "more": more}
    numbers = [_is_number(found.column(name)) for name in found.columns]
    rows = [[_shown(value) for value in row] for row in found.rows]
    return {"columns": list(zip(found.columns, numbers, strict=True)), "rows": rows, "more": more}


def _snapshot(wish: Mapping[str, Any]) -> Any:
    limits = {
        **LIMITS,
        "threads": 1,
        "temp_directory": str(Path.cwd() / "spill"),
        "max_temp_directory_size": "400MB",
        "python_enable_replacements": False,
    }
    folder = FactsFolder(Path(wish["home"]))
    if wish["target"] is None:
        return opened(folder.published, limits=limits)
    data = Path(wish["data"]) if wish["data"] else folder.lock.with_name("lake")
    return Lake(wish["target"], data).opened(limits=limits)


def _is_number(column: list[object]) -> bool:
    return all(
        isinstance(each, int | float | Decimal) and not isinstance(each, bool)
        for each in column
        if each is not None
    )


def _shown(value: object) -> str | None:
    if value is None:
        return None
    text = value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"


def _write(found: ResultSet, ending: str) -> int:
    """`answer.csv` or `answer.xlsx`; how many rows."""
    target = Path(f"answer.{ending}")
    rows = tuple(tuple(map(_kept, row)) for row in found.rows)
    if ending == "xlsx":
        save_sheet(ResultSet(found.columns, rows), target, Vocabulary())
        return len(rows)
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(found.columns)
        writer.writerows(rows)
    return len(rows)


def _kept(value: object) -> object:
    if isinstance(value, str) and len(value) > LONGEST_CELL_OF_FILES:
        return value[:LONGEST_CELL_OF_FILES]
    return value


if __name__ == "__main__":
    _limit()
    print(json.dumps(_answer(json.load(sys.stdin)), ensure_ascii=False))
