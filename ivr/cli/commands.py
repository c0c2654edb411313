"""The `ivr` command: each sub-command is a few lines that call one function of a room.

The only place where rooms meet; a command imports its room inside its own body, so that
`ivr --help` stays quick and the running service never loads a speech engine.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli import (
    accounts,
    alarms,
    announcing,
    backup,
    certificate,
    console,
    courier,
    edge,
    facts,
    feedback,
    helping,
    line,
    nodes,
    people,
    probe,
    prompts,
    pronounce,
    reports,
    retention,
    schedules,
    script,
    service,
    settings,
    switch,
    users,
    words,
)

app = typer.Typer(
    name="ivr",
    help="12329 住房公积金热线 · the 12329 housing provident fund hotline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
_ROOMS = (
    line,
    switch,
    nodes,
    courier,
    announcing,
    prompts,
    words,
    pronounce,
    script,
    accounts,
    facts,
    feedback,
    helping,
    retention,
    reports,
    schedules,
    people,
    probe,
    alarms,
    console,
    certificate,
    backup,
    service,
    settings,
    users,
    edge,
)
for room in _ROOMS:
    room.add_to(app)


def _version(wanted: bool) -> None:
    if wanted:  # asked of every command, and what tells it knows most rooms
        from ivr.config import load
        from ivr.upkeep.version import described

        typer.echo(described(load()))
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Of all its parts."),
    ] = False,
) -> None:
    """12329 住房公积金热线 · the 12329 housing provident fund hotline."""
