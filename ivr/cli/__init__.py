"""The `ivr` command: each sub-command is a few lines that call one function of a room.

The only place where rooms meet; a command imports its room inside its own body, so that
`ivr --help` stays quick and the running service never loads a speech engine.
"""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from ivr.cli import (
    accounts,
    facts,
    feedback,
    line,
    opening,
    people,
    prompts,
    reports,
    retention,
    script,
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
    opening,
    prompts,
    words,
    script,
    accounts,
    facts,
    feedback,
    retention,
    reports,
    people,
)
for room in _ROOMS:
    room.add_to(app)


_STAYING = ("run", "serve", "guard", "loader")
"""Commands that stay, and need nothing that is root's."""


def main() -> None:
    """Run the command; a user's mistake is one clear line (or several), never a traceback."""
    from ivr.config import SettingsError, home_folder
    from ivr.lifecycle.owner import act_as_owner

    home = home_folder()
    stays = sys.argv[1:2] in [[name] for name in _STAYING] and "--once" not in sys.argv
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
