"""Commands of reports at set times: by mail or into a folder, each time once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from console.schedules import Schedule, Schedules

NUMBER = typer.Argument(help="As `ivr schedule list` numbers it.")


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="Reports at set times. 定时报表")
    room.command("add")(add)
    room.command("list")(list_)
    room.command("drop")(drop)
    room.command("pause")(pause)
    room.command("resume")(resume)
    room.command("run")(run)
    app.add_typer(room, name="schedule")


def add(
    name: Annotated[str, typer.Argument(help="Its own; one of that name is replaced.")],
    *,
    what: Annotated[
        str,
        typer.Option(help="daily, report:NAME (`ivr report`), or question:NUMBER (the SQL page)."),
    ] = "daily",
    every: Annotated[Every, typer.Option(help="Of the last whole day, week or month.")] = Every.DAY,
    at: Annotated[str, typer.Option(help="Beijing time.")] = "07:30",
    on: Annotated[
        int, typer.Option(help="Day of the week (1: Monday) or the month (31: last).")
    ] = 1,
    shape: Annotated[
        str, typer.Option("--format", help="xlsx, csv or png; daily is html.")
    ] = "xlsx",
    mail: Annotated[list[str] | None, typer.Option(help="An address; several times.")] = None,
    folder: Annotated[str, typer.Option(help="A name: a folder in `reports.folder`.")] = "",
) -> None:
    """Have a report made and delivered at a set time. 定时送报表"""
    from console.schedules import Rhythm, Schedule, checked
    from ivr.cli.entitled import note
    from ivr.config import load
    from ivr.people.operator import operator_name

    rhythm = {Every.DAY: Rhythm.DAILY, Every.WEEK: Rhythm.WEEKLY, Every.MONTH: Rhythm.MONTHLY}
    wanted = Schedule(
        *(name, what, "html" if what == "daily" else shape, rhythm[every], at, on),
        *(tuple(mail or ()), folder, operator_name(), True),
    )
    with _refusals() as schedules:
        checked(load(), wanted)
        note("schedule kept", wanted.name, f"{wanted.when()}，{wanted.to()}"[:200])
        kept = schedules.keep(wanted, datetime.now(UTC))
    typer.echo(f"{kept.number}  {kept.name}  {kept.when()}  {kept.to()}")


def list_() -> None:
    """All of them, and what came of their last time. 列出"""
    from console.schedules import WORDS

    with _refusals() as schedules:
        last = {each.number: run for each, run in schedules.last_runs()}
        for each in schedules.all():
            run = last.get(each.number)
            told = f"{run.due:%m-%d %H:%M} {WORDS[run.state]} {run.told}" if run else "—"
            paused = "（停送）" if each.paused else ""
            typer.echo(f"{each.number}  {each.name}  {each.when()}{paused}  {each.to()}  {told}")


def drop(number: Annotated[int, NUMBER]) -> None:
    """Make it no more. 删除"""
    from ivr.cli.entitled import note

    with _refusals() as schedules:
        found = schedules.find(number)
        note("schedule dropped", found.name)
        schedules.drop(number)
    typer.echo(f"{found.name} 不再送 · is delivered no more")


def pause(number: Annotated[int, NUMBER]) -> None:
    """Deliver nothing until it is resumed. 停送"""
    typer.echo(f"{_paused(number, paused=True).name} 停送 · is paused")


def resume(number: Annotated[int, NUMBER]) -> None:
    """Deliver it again, from its next time on. 再送"""
    typer.echo(f"{_paused(number, paused=False).name} 再送 · goes on")


def _paused(number: int, *, paused: bool) -> Schedule:
    from ivr.cli.entitled import note

    with _refusals() as schedules:
        found = schedules.find(number)
        note("schedule paused" if paused else "schedule resumed", found.name)
        schedules.pause(number, paused=paused, now=datetime.now(UTC))
    return found


def run() -> None:
    """Deliver what is due now; the console does it by itself, cron where there is none. 送出"""
    import asyncio

    from console.delivering import deliver_due
    from console.schedules import WORDS
    from ivr.config import load

    done = asyncio.run(deliver_due(load(), datetime.now(UTC)))
    for schedule, state, told in done:
        typer.echo(f"{schedule.name}: {WORDS[state]} {told}")
    if any(state != "done" for _, state, _ in done):
        raise typer.Exit(1)
    if not done:
        typer.echo("现在没有要送的 · nothing is due")


@contextmanager
def _refusals() -> Iterator[Schedules]:
    from console.schedules import Refused, Schedules
    from ivr.config import load

    try:
        yield Schedules(load().home)
    except Refused as refused:
        raise CommandFailure(str(refused), exit_code=2) from refused
