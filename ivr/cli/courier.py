"""Commands for what goes between this machine and the line's depot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from ivr.upkeep.courier import Report

_LAST_OF_ALL = 15
"""Its niceness: calls come first."""


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("courier")(courier)
    room = typer.Typer(
        no_args_is_help=True, help="Where all machines find the same files. 共用的存放处"
    )
    room.callback()(lambda: None)
    room.command("begin")(begin)
    app.add_typer(room, name="depot")


def courier(
    once: Annotated[bool, typer.Option("--once", help="One round, and say how it went.")] = False,
) -> None:
    """Bring recordings to the depot, and prompt sets both ways, until told to stop. 送件

    The console runs it where [depot] is set, and whoever wants to sees what is in the way.
    """
    import os
    import time

    from ivr.config import load
    from ivr.lifecycle import logs
    from ivr.people.sensitive import leave_no_core
    from ivr.upkeep.courier import ROUND_SECONDS, Courier

    settings = load()
    carrying = Courier(settings)
    leave_no_core()
    if once:
        _say(carrying.round())
        return
    logs.of(settings, "courier")
    os.nice(_LAST_OF_ALL)
    while True:
        carrying.round()
        time.sleep(ROUND_SECONDS)


def _say(report: Report) -> None:
    for name, task in (("录音", report.recordings), ("话术", report.prompts)):
        well = f"还有 {task.waiting} 件" if task.waiting else "都到了"
        typer.echo(f"{name}：{task.fault or well}")
    if report.recordings.fault or report.prompts.fault:
        raise CommandFailure("没有全部送到，会再试 · not everything was brought; it is tried again")


def begin() -> None:
    """Make the depot of the settings this line's, and try it; harmless to repeat. 启用"""
    from ivr.config import load
    from ivr.depot import depot
    from ivr.depot.errors import DepotAway
    from ivr.upkeep.courier import line_of

    settings = load()
    kept = depot.depot(settings)
    try:
        depot.begin(kept, line_of(settings))
    except DepotAway as away:
        raise CommandFailure(str(away)) from away
    typer.echo(f"{kept.place} 可以用了 · can be used")
