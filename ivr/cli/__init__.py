"""The `ivr` command: each sub-command is a few lines that call one function of a room.

The only place where rooms meet; a command imports its room inside its own body, so that
`ivr --help` stays quick and the running service never loads a speech engine.
"""

from __future__ import annotations

import sys

import typer

from ivr.cli import (
    accounts,
    facts,
    feedback,
    line,
    opening,
    people,
    prompts,
    pronounce,
    reports,
    retention,
    script,
)
from ivr.cli.failure import CommandFailure

app = typer.Typer(
    name="ivr",
    help="12329 住房公积金热线 · the 12329 housing provident fund hotline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for room in (
    line,
    opening,
    prompts,
    pronounce,
    script,
    accounts,
    facts,
    feedback,
    retention,
    reports,
    people,
):
    room.add_to(app)


def main() -> None:
    """Run the command; a user's mistake is one clear line (or several), never a traceback."""
    from ivr.config import SettingsError

    try:
        app()
    except (CommandFailure, SettingsError) as failure:
        print(f"ivr: {failure}", file=sys.stderr)
        sys.exit(getattr(failure, "exit_code", 2))
