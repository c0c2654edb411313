"""An answer as a table of the terminal, as CSV or as JSON."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from analytics.answering.asking import ResultSet
from analytics.answering.words import Vocabulary


def as_table(answer: ResultSet, title: str | None = None, words: Vocabulary | None = None) -> Table:
    """For people; numbers to the right, nothing for NULL; in `words` where they are given."""
    table = Table(title=title)
    for n, column in enumerate(answer.columns):
        number = any(isinstance(row[n], int | float | Decimal) for row in answer.rows)
        head = words.column(column) if words else column
        table.add_column(head, justify="right" if number else "left")
    for row in (words.translated(answer) if words else answer).rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    return table


def as_csv(answer: ResultSet) -> str:
    """RFC 4180 with a header; NULL is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)
    return out.getvalue()


def as_json(answer: ResultSet) -> str:
    """A list of objects; what JSON has no type for (times, decimals) is written as text."""
    return json.dumps(answer.records(), ensure_ascii=False, default=str, indent=1) + "\n"
