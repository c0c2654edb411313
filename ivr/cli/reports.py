"""Commands that answer analysts: reports, charts, the daily page, and files for other programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.facts import Format, explained, show, snapshot
from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    import duckdb

    from analytics.answering.asking import Answer
    from analytics.answering.questioning import Chart, Days, Question

DAY = "%Y-%m-%d"
FROM = typer.Option("--from", formats=[DAY], help="First day; else 30 days.")
TO = typer.Option("--to", formats=[DAY], help="Last day; else today.")


class ReportFormat(StrEnum):
    """What becomes of a report; the last ones but the chart are files."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"
    CHART = "chart"


SHAPES = "table, csv, json, parquet, xlsx, chart (on the terminal; -o FILE.svg or .png: a picture)"


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("report")(report)
    app.command("export")(export)


def report(
    name: Annotated[
        str | None, typer.Argument(help="A question, or `daily`; none: list them all.")
    ] = None,
    *,
    since: Annotated[datetime | None, FROM] = None,
    until: Annotated[datetime | None, TO] = None,
    shape: Annotated[ReportFormat, typer.Option("--format", help=SHAPES)] = ReportFormat.TABLE,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; its name's end says what.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="For `daily`: write the manager's page of a day (--to).")
    ] = None,
) -> None:
    """Answer one of the analysts' questions, days in Beijing time; or list them. 报表"""
    from analytics.answering.asking import Answer
    from analytics.answering.questioning import find, questions

    if name is None:
        listed = [(each.name, each.title) for each in questions().values()]
        listed.append(("daily", "日报 · The manager's page of a day: --html FILE"))
        show(Answer(("name", "title"), tuple(listed)), Format.TABLE)
        return
    with explained():
        if name == "daily":
            _daily(html, until)
            return
        question, days = find(name), days_asked(since, until)
        target = target or _usual_target(name, days, shape)
        reach = None if target is None else target.parent
        with snapshot(reach) as facts:
            if target is not None:
                _save(facts, question, days, target)
                return
            answer = question.answer(facts, days, within=_within())
        if shape is ReportFormat.CHART:
            _show_chart(question, answer)
        else:
            show(answer, Format(shape), title=question.title)


def _daily(html: Path | None, day: datetime | None) -> None:
    """The page of a day; yesterday's, which is over, where none is told."""
    from analytics.answering.daily import page
    from ivr.hours import BEIJING

    if html is None:
        raise CommandFailure(
            "say where to write the page: ivr report daily --html FILE", exit_code=2
        )
    told = day.date() if day else datetime.now(BEIJING).date() - timedelta(days=1)
    with snapshot() as facts:
        html.write_text(page(facts, told, within=_within()), encoding="utf-8")
    typer.echo(f"{html}: {told}")


def _usual_target(name: str, days: Days, shape: ReportFormat) -> Path | None:
    """Formats that are files have a name of their own where none is told."""
    if shape not in {ReportFormat.PARQUET, ReportFormat.XLSX}:
        return None
    return Path(f"{name}-{days.first}-{days.last}.{shape}")


def _save(facts: duckdb.DuckDBPyConnection, question: Question, days: Days, target: Path) -> None:
    """An answer as a file: data, or a picture."""
    from functools import partial

    from analytics.answering import exporting

    if target.suffix in {".svg", ".png"}:
        from analytics.answering.charts import save, shows_hanzi

        chart = _chart(question)
        answer = question.answer(facts, days, within=_within())
        exporting.draw(partial(save, answer, chart, question.title), target)
        typer.echo(f"{target}: {question.title}")
        if not shows_hanzi(target):
            typer.echo(
                "this machine has no Chinese font, so that Hanzi are boxes in it: install"
                " fonts-wqy-microhei, or write an .svg",
                err=True,
            )
        return
    values = question.values(days, within=_within())
    typer.echo(f"{target}: {exporting.write(facts, question.sql, values, target)} rows")


def _show_chart(question: Question, answer: Answer) -> None:
    from rich.console import Console

    from analytics.answering.terminal import as_chart

    Console().print(as_chart(answer, _chart(question), question.title))


def _chart(question: Question) -> Chart:
    from analytics.answering.questioning import questions

    if question.chart is None:
        drawn = ", ".join(each.name for each in questions().values() if each.chart)
        raise CommandFailure(f"{question.name} is a table and no chart; charts are: {drawn}")
    return question.chart


def _within() -> tuple[float, float]:
    from ivr.config import load

    return load().agents.answer_within_seconds


def export(
    table: Annotated[str, typer.Argument(help="A table or view of `ivr schema`.")],
    target: Annotated[Path, typer.Argument(help="A new file, .parquet, .csv or .xlsx")],
    since: Annotated[datetime | None, FROM] = None,
    until: Annotated[datetime | None, TO] = None,
) -> None:
    """Write a table's facts of a range of days into a file for other programs. 导出"""
    from analytics.answering.exporting import export as write

    with explained(), snapshot(target.parent) as facts:
        rows = write(facts, table, days_asked(since, until), target)
    typer.echo(f"{target}: {rows} rows")


def days_asked(since: datetime | None, until: datetime | None) -> Days:
    """The days of --from and --to, both included; else the last thirty."""
    from analytics.answering.questioning import Days
    from ivr.hours import BEIJING

    today = datetime.now(BEIJING).date()
    return Days.asked_for(since and since.date(), until and until.date(), today)
