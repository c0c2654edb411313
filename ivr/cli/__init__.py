"""The `ivr` command: each sub-command is a few lines that call one function of a room.

The only place where rooms meet; a command imports its room inside its own body, so that
`ivr --help` stays quick and the running service never loads a speech engine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli import (
    accounts,
    backup,
    console,
    facts,
    feedback,
    line,
    people,
    prompts,
    pronounce,
    reports,
    retention,
    script,
    service,
    switch,
    users,
    words,
)
from ivr.cli.failure import CommandFailure

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
    prompts,
    words,
    pronounce,
    script,
    accounts,
    facts,
    feedback,
    retention,
    reports,
    people,
    console,
    backup,
    service,
    users,
)
for room in _ROOMS:
    room.add_to(app)


def _version(wanted: bool) -> None:
    from ivr.config import load
    from ivr.upkeep.version import described

    if wanted:
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


_ROOTS_OWN = ("service",)
"""Commands that are about the machine, and no line's owner could do."""
_STAYING = ("run", "serve", "guard", "loader", "console")
"""Commands that stay, and need nothing that is root's."""


def main() -> None:
    """Run the command; a user's mistake is one clear line (or several), never a traceback."""
    from ivr.config import SettingsError, home_folder
    from ivr.lifecycle.owner import act_as_owner

    home = home_folder()
    named = sys.argv[1:2]
    stays = named in [[name] for name in _STAYING] and "--once" not in sys.argv
    if named not in [[name] for name in _ROOTS_OWN]:
        act_as_owner(home, reach=not stays)
    try:
        app()
    except (CommandFailure, SettingsError, PermissionError) as failure:
        print(f"ivr: {failure}{_whose(home)}", file=sys.stderr)
        sys.exit(getattr(failure, "exit_code", 2))


def _whose(home: Path) -> str:
    """What somebody else's line may refuse to do for this user."""
    from ivr.lifecycle.owner import is_strangers, name_of_owner

    if not is_strangers(home):
        return ""
    owner = name_of_owner(home)
    return (
        f"\n{home} 属于用户 {owner}：请用 `sudo -u {owner} ivr …` 运行"
        f" · {home} is {owner}'s: run it as that user"
    )
