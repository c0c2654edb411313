"""Commands of the facts room: loading, SQL, and what the tables mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from analytics.answering.asking import ResultSet
    from analytics.answering.words import Vocabulary
    from analytics.loading.lake import Lake
    from analytics.loading.loader import Loading
    from analytics.loading.store import FactsFolder

WIDE = 1000
"""Characters of a table's line where no terminal limits it."""


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


def loader(
    once: Annotated[bool, typer.Option(help="Load and publish what there is, then end.")] = False,
    target: Annotated[
        str | None, typer.Option(help="ducklake:postgres:… for many machines; else the settings'.")
    ] = None,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Note Parquet files that are gone as lost. 记为丢失")
    ] = False,
) -> None:
    """Load the spooled facts and publish them for analysts, until told to stop. 装载记录"""
    import signal
    import threading

    from analytics.loading.loader import PATIENCE_SECONDS, AlreadyLoading, run
    from ivr.config import load
    from ivr.lifecycle import logs
    from ivr.lifecycle.watchdog import watched_work

    logs.of(load(), "loader")
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    where = lake(target)
    with explained(), watched_work(PATIENCE_SECONDS) as moved:
        try:
            run(folder(), once=once, stop=stop, opened=loading(where, give_up=give_up), moved=moved)
        except AlreadyLoading as other:
            raise CommandFailure(str(other)) from other


def sql(
    statement: Annotated[str, typer.Argument(help="One SQL statement; `ivr schema` shows tables.")],
    shape: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Ask the newest published facts, read-only. 查询记录"""
    from analytics.answering.asking import answer

    with explained(), snapshot() as facts:
        show(answer(facts, statement), shape)


def schema(
    shape: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Show the tables and columns of the published facts, with their meaning. 表结构"""
    from analytics.answering.asking import SCHEMA, answer

    with explained(), snapshot() as facts:
        show(answer(facts, SCHEMA), shape)


def snapshot(reach: Path | None = None) -> duckdb.DuckDBPyConnection:
    """The newest facts of this machine, or of all, to ask; files are written in `reach` only."""
    from console import facts
    from ivr.config import load

    return facts.snapshot(load(), reach)


def lake(target: str | None = None) -> Lake | None:
    """The lake of the settings, or of another target; None where facts stay on this machine."""
    from ivr.config import load

    settings = load()
    target = target or settings.facts.target
    if target is None:
        return None
    from analytics.loading.lake import PREFIX, Lake

    if not target.startswith(PREFIX):
        raise CommandFailure(f"a target begins with {PREFIX}, such as {PREFIX}postgres:dbname=…")
    return Lake(target, settings.facts.data or folder().lock.with_name("lake"))


def loading(shared: Lake | None, *, give_up: bool = False) -> Callable[[FactsFolder], Loading]:
    """What takes the spools where facts go: into the file of this machine, or into the lake."""
    from functools import partial

    if shared is None:
        from analytics.loading.loader import Loader

        return partial(Loader, give_up=give_up)
    from analytics.loading.lake import LakeLoader

    return partial(LakeLoader, lake=shared)


@contextmanager
def explained() -> Iterator[None]:
    """A question that cannot be answered is the user's to mend: one clear line."""
    from analytics.answering.asking import CannotAnswer, NothingPublished

    try:
        yield
    except NothingPublished as nothing:
        raise CommandFailure(str(nothing), exit_code=3) from nothing
    except CannotAnswer as refused:
        raise CommandFailure(str(refused)) from refused


def folder() -> FactsFolder:
    """Where this line's facts lie."""
    from analytics.loading.store import FactsFolder
    from ivr.config import load

    return FactsFolder(load().home)


def show(
    answer: ResultSet,
    shape: Format,
    *,
    title: str | None = None,
    words: Vocabulary | None = None,
) -> None:
    """Print an answer; a table in `words` where they are given."""
    from analytics.answering.showing import as_csv, as_json, as_table

    if shape is Format.TABLE:
        from rich.console import Console

        # Into a file or a pipe nothing is cut; on a terminal the table fits its width.
        console = Console()
        if not console.is_terminal:
            console = Console(width=WIDE)
        console.print(as_table(answer, title, words))
    else:
        typer.echo(as_csv(answer) if shape is Format.CSV else as_json(answer), nl=False)
