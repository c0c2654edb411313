"""The `ivr` command: who runs it as whom, and how it says what went wrong.

The commands themselves are in `commands.py`, room by room.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ivr.cli.failure import CommandFailure

_ROOTS_OWN = ("service",)
"""Commands that are about the machine, and no line's owner could do."""
_STAYING = ("run", "serve", "guard", "loader", "console", "watch")
"""Commands that stay, and need nothing that is root's."""


def main() -> None:
    """Run the command; a user's mistake is one clear line (or several), never a traceback."""
    from ivr.config import SettingsError, home_folder
    from ivr.lifecycle.owner import act_as_owner

    home = home_folder()
    named = sys.argv[1:2]
    stays = named in [[name] for name in _STAYING] and "--once" not in sys.argv
    stays |= sys.argv[1:3] == ["probe", "--again"]
    if named not in [[name] for name in _ROOTS_OWN]:
        act_as_owner(home, reach=not stays)
    try:
        _command(sys.argv[1:])()
    except (CommandFailure, SettingsError, PermissionError) as failure:
        print(f"ivr: {failure}{_whose(home)}", file=sys.stderr)
        sys.exit(getattr(failure, "exit_code", 2))


def _command(words: list[str]) -> Callable[[], None]:
    """What is asked for. Callers wait while the service starts: it loads no other command."""
    if words == ["serve"]:
        from ivr.cli.serving import serve

        return serve
    from ivr.cli.commands import app

    return app


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
