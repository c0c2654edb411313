"""Commands that answer analysts: reports, charts, the daily page, and files for other programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.facts import WIDE, Format, explained, show, snapshot
from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    import duckdb

    from analytics.answering.asking import ResultSet
    from analytics.answering.questioning import Chart, Days, Question, Terms
    from analytics.answering.words import Vocabulary

DAY = "%Y-%m-%d"
DAILY = {"daily", "日报"}
FORCE = "Replace a file that exists. 覆盖"
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
    app.command("call")(call)


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
        Path | None,
        typer.Option(
            help="For `daily`: write the manager's page of a day (--to), or from --from on."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
) -> None:
    """Answer one of the analysts' questions, days in Beijing time; or list them. 报表"""
    from analytics.answering.asking import ResultSet
    from analytics.answering.questioning import question_called, questions

    if name is None:
        listed = [(each.name, each.title) for each in questions().values()]
        listed.append(("daily", "日报 · The manager's page of a day: --html FILE"))
        show(ResultSet(("name", "title"), tuple(listed)), Format.TABLE)
        return
    with explained():
        if name.lower() in DAILY:
            _daily(html, target, since, until, force=force)
            return
        question, days = question_called(name), days_asked(since, until)
        target = target or _usual_target(name, days, shape)
        reach = None if target is None else target.parent
        with snapshot(reach) as facts:
            if target is not None:
                _save(facts, question, days, target, force=force)
                return
            answer = question.answer(facts, days, terms())
        if shape is ReportFormat.CHART:
            _show_chart(question, answer)
        else:
            show(answer, Format(shape), title=question.title, words=vocabulary())


def _daily(
    html: Path | None,
    output: Path | None,
    since: datetime | None,
    until: datetime | None,
    *,
    force: bool,
) -> None:
    """The page of a day, or with --from of several; yesterday's, which is over, where none is told.

    A page named by --html is replaced every morning; one named by -o is a new file, as elsewhere.
    """
    from analytics.answering.daily import page
    from analytics.answering.exporting import new_file
    from analytics.answering.questioning import Days
    from ivr.hours import BEIJING

    target = html or output
    if target is None:
        raise CommandFailure(
            "请说明写到哪里（say where to write）：ivr report daily --html FILE",
            exit_code=2,
        )
    last = until.date() if until else datetime.now(BEIJING).date() - timedelta(days=1)
    days = Days.asked_for(since.date() if since else last, last, last)
    with snapshot() as facts:
        text = page(facts, days, terms(), vocabulary())
    replace = force or html is not None
    with new_file(target, (".html", ".htm"), replace=replace) as part:
        part.write_text(text, encoding="utf-8")
    told = dict.fromkeys((days.first, days.last))
    typer.echo(f"{target}: {' 至 '.join(map(str, told))}")


def _usual_target(name: str, days: Days, shape: ReportFormat) -> Path | None:
    """Formats that are files have a name of their own where none is told."""
    if shape not in {ReportFormat.PARQUET, ReportFormat.XLSX}:
        return None
    return Path(f"{name}-{days.first}-{days.last}.{shape}")


def _save(
    facts: duckdb.DuckDBPyConnection, question: Question, days: Days, target: Path, *, force: bool
) -> None:
    """An answer as a file: data, or a picture."""
    from functools import partial

    from analytics.answering import exporting

    if target.suffix in {".svg", ".png"}:
        from analytics.answering.charts import save, shows_hanzi

        chart = _chart(question)
        answer = question.answer(facts, days, terms())
        drawn = partial(save, answer, chart, question.chinese, vocabulary())
        exporting.draw(drawn, target, replace=force)
        typer.echo(f"{target}: {question.title}")
        if not shows_hanzi(target):
            typer.echo(
                "this machine has no Chinese font, so that Hanzi are boxes in it: install"
                " fonts-wqy-microhei, or write an .svg",
                err=True,
            )
        return
    values = question.values(days, terms())
    rows = exporting.write(facts, question.sql, values, target, vocabulary(), replace=force)
    typer.echo(f"{target}: {rows} rows")


def _show_chart(question: Question, answer: ResultSet) -> None:
    from rich.console import Console

    from analytics.answering.terminal import as_chart

    Console().print(as_chart(answer, _chart(question), question.title, vocabulary()))


def _chart(question: Question) -> Chart:
    from analytics.answering.questioning import questions

    if question.chart is None:
        drawn = ", ".join(each.name for each in questions().values() if each.chart)
        raise CommandFailure(f"{question.name} is a table and no chart; charts are: {drawn}")
    return question.chart


def terms() -> Terms:
    """What the settings and this moment make of an answer."""
    from console import facts
    from ivr.config import load

    return facts.terms(load())


def vocabulary() -> Vocabulary:
    """With the words of the published prompts, where there are any on this machine."""
    from console import facts
    from ivr.config import load

    return facts.vocabulary(load())


def export(
    table: Annotated[str, typer.Argument(help="A table or view of `ivr schema`.")],
    target: Annotated[Path, typer.Argument(help="A new file, .parquet, .csv or .xlsx")],
    since: Annotated[datetime | None, FROM] = None,
    until: Annotated[datetime | None, TO] = None,
    force: Annotated[bool, typer.Option("--force", help=FORCE)] = False,
) -> None:
    """Write a table's facts of a range of days into a file for other programs. 导出"""
    from analytics.answering.exporting import export as write

    with explained(), snapshot(target.parent) as facts:
        days = days_asked(since, until)
        rows = write(facts, table, days, target, vocabulary(), replace=force)
    typer.echo(f"{target}: {rows} rows")


def call(
    session: Annotated[str, typer.Argument(help="Its name, or the beginning of it.")],
) -> None:
    """One call as a timeline: what was said and pressed, and how long it took. 一次通话"""
    from rich.console import Console
    from rich.table import Table

    from analytics.answering.course import course

    with explained(), snapshot() as facts:
        found = course(facts, session, vocabulary())
    table = Table("北京时间", "第几秒", "事件", "内容", "毫秒", title=found.session)
    for event in found.events:
        ms = "" if event.ms is None else str(event.ms)
        after = f"{event.after_ms / 1000:.1f}"
        table.add_row(f"{event.at:%m-%d %H:%M:%S}", after, event.what, event.told, ms)
    console = Console()
    (console if console.is_terminal else Console(width=WIDE)).print(table)


def days_asked(since: datetime | None, until: datetime | None) -> Days:
    """The days of --from and --to, both included; else the last thirty."""
    from analytics.answering.questioning import Days
    from ivr.hours import BEIJING

    today = datetime.now(BEIJING).date()
    return Days.asked_for(since and since.date(), until and until.date(), today)
