"""Answers as files: a question's table or picture, the manager's page."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path

import duckdb

from analytics.answering import daily, exporting
from analytics.answering.questioning import Days, Question
from console.facts import asked, terms, vocabulary
from ivr.config import Settings


async def file(settings: Settings, question: Question, days: Days, ending: str) -> bytes:
    """A question's answer as csv, xlsx or png; raises CannotAnswer."""
    with tempfile.TemporaryDirectory(prefix="ivr-report-") as folder:
        target = Path(folder) / f"report.{ending}"
        make = partial(_picture if ending == "png" else _table, settings, question, days, target)
        await asked(settings, make, reach=target.parent)
        return await asyncio.to_thread(target.read_bytes)


def _table(
    settings: Settings,
    question: Question,
    days: Days,
    target: Path,
    facts: duckdb.DuckDBPyConnection,
) -> None:
    values = question.values(days, terms(settings))
    exporting.write(facts, question.sql, values, target, vocabulary(settings))


def _picture(
    settings: Settings,
    question: Question,
    days: Days,
    target: Path,
    facts: duckdb.DuckDBPyConnection,
) -> None:
    from analytics.answering import charts  # noqa: PLC0415  a second to load, for those who draw

    found = question.answer(facts, days, terms(settings))
    if question.chart is not None:
        charts.save(found, question.chart, question.chinese, vocabulary(settings), target)


async def daily_page(settings: Settings, days: Days) -> bytes:
    """The manager's page of these days, as HTML; raises CannotAnswer."""
    text = await asked(
        settings, lambda facts: daily.page(facts, days, terms(settings), vocabulary(settings))
    )
    return text.encode()
