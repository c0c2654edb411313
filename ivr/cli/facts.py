"""Commands of the facts room: loading, SQL, reports, and the way back to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from analytics.asking import Answer
    from analytics.questioning import Days
    from analytics.store import FactsFolder
    from ivr.privacy import Vault

DAY = "%Y-%m-%d"
WIDE = 1000
"""Characters of a table's line where no terminal limits it."""
FROM = typer.Option("--from", formats=[DAY], help="First day; else 30 days.")
TO = typer.Option("--to", formats=[DAY], help="Last day; else today.")


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("loader")(loader)
    app.command("sql")(sql)
    app.command("schema")(schema)
    app.command("report")(report)
    app.command("export")(export)
    app.command("who")(who)
    app.command("forget")(forget)


def loader(
    once: Annotated[bool, typer.Option(help="Load and publish what there is, then end.")] = False,
) -> None:
    """Load the spooled facts and publish them for analysts, until told to stop. 装载记录"""
    import logging
    import signal
    import threading

    from analytics.loader import AlreadyLoading, run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    try:
        run(_folder(), once=once, stop=stop)
    except AlreadyLoading as other:
        raise CommandFailure(str(other)) from other


def sql(
    statement: Annotated[str, typer.Argument(help="One SQL statement; `ivr schema` shows tables.")],
    shape: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Ask the newest published facts, read-only. 查询记录"""
    from analytics.asking import ask

    with _explained():
        _print(ask(_folder().published, statement), shape)


def schema(
    shape: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Show the tables and columns of the published facts, with their meaning. 表结构"""
    from analytics.asking import SCHEMA, ask

    with _explained():
        _print(ask(_folder().published, SCHEMA), shape)


def report(
    name: Annotated[str | None, typer.Argument(help="A question; none: list them all.")] = None,
    since: Annotated[datetime | None, FROM] = None,
    until: Annotated[datetime | None, TO] = None,
    shape: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Answer one of the analysts' questions, days in Beijing time; or list them. 报表"""
    from analytics.asking import Answer
    from analytics.questioning import find, questions

    if name is None:
        listed = tuple((each.name, each.title) for each in questions().values())
        _print(Answer(("name", "title"), listed), shape)
        return
    with _explained():
        question = find(name)
        answer = question.answer(_folder().published, _days(since, until))
        _print(answer, shape, title=question.title)


def export(
    table: Annotated[str, typer.Argument(help="A table or view of `ivr schema`.")],
    target: Annotated[Path, typer.Argument(help="A new file, .parquet or .csv")],
    since: Annotated[datetime | None, FROM] = None,
    until: Annotated[datetime | None, TO] = None,
) -> None:
    """Write a table's facts of a range of days into a file for other programs. 导出"""
    from analytics.exporting import export as write

    with _explained():
        rows = write(_folder().published, table, _days(since, until), target)
    typer.echo(f"{target}: {rows} rows")


def _days(since: datetime | None, until: datetime | None) -> Days:
    from analytics.questioning import BEIJING, Days

    today = datetime.now(BEIJING).date()
    return Days.asked_for(since and since.date(), until and until.date(), today)


TOKEN = typer.Argument(help="Column `person` of recording, survey_vote or lookup.")
REASON = typer.Option(help="Why; it is written into the audit trail.")


def who(
    token: Annotated[str, TOKEN],
    reason: Annotated[str, REASON],
) -> None:
    """Print whose token this is: for those entitled, and noted in the audit trail. 溯源"""
    vault = _noted("who", token, reason)
    number = vault.reveal(token)
    if number is None:
        raise CommandFailure(f"nobody is kept under {token}: never given, or forgotten")
    typer.echo(number.reveal())


def forget(
    token: Annotated[str, TOKEN],
    reason: Annotated[str, REASON],
) -> None:
    """Remove a person from the vault: their facts are anonymous from then on. 遗忘"""
    vault = _noted("forget", token, reason)
    if not vault.forget(token):
        raise CommandFailure(f"nobody is kept under {token}: never given, or forgotten already")
    typer.echo("forgotten")


def _noted(action: Literal["who", "forget"], token: str, reason: str) -> Vault:
    """The vault, after the look into it has been written down."""
    import getpass

    from ivr.audit import Audit, AuditChanged, Entry
    from ivr.config import load
    from ivr.privacy import Keys, Vault

    if not reason.strip():
        raise CommandFailure("say why with --reason: it is kept in the audit trail", exit_code=2)
    home = load().home
    keys = Keys.load(home / "keys")
    entry = Entry(datetime.now(UTC), action, token, getpass.getuser(), reason)
    try:
        Audit(home / "audit.jsonl", keys.audit).note(entry)
    except AuditChanged as changed:
        raise CommandFailure(str(changed)) from changed
    return Vault(home / "vault.sqlite", keys)


@contextmanager
def _explained() -> Iterator[None]:
    """A question that cannot be answered is the user's to mend: one clear line."""
    from analytics.asking import CannotAnswer, NothingPublished

    try:
        yield
    except NothingPublished as nothing:
        raise CommandFailure(str(nothing), exit_code=3) from nothing
    except CannotAnswer as refused:
        raise CommandFailure(str(refused)) from refused


def _folder() -> FactsFolder:
    from analytics.store import FactsFolder
    from ivr.config import load

    return FactsFolder(load().home)


def _print(answer: Answer, shape: Format, *, title: str | None = None) -> None:
    from analytics.showing import as_csv, as_json, as_table

    if shape is Format.TABLE:
        from rich.console import Console

        # Into a file or a pipe nothing is cut; on a terminal the table fits its width.
        console = Console()
        if not console.is_terminal:
            console = Console(width=WIDE)
        console.print(as_table(answer, title))
    else:
        typer.echo(as_csv(answer) if shape is Format.CSV else as_json(answer), nl=False)
