"""The `ivr` command: who runs it as whom, and how it says what went wrong.

The commands themselves are in `commands.py`, room by room.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ivr.cli.failure import CommandFailure

_ROOTS_OWN = ("service",)
"""Commands that are about the machine, and no line's owner could do."""
_STAYING = ("run", "serve", "guard", "loader", "console", "watch", "courier")
"""Commands that stay, and need nothing that is root's."""
UNIT_PAUSE_SECONDS = 10.0
"""A unit's program that cannot work is started again at once, and for ever: a wrong setting would
take the processor from the calls that Asterisk still carries."""


def main() -> None:
    """Run the command; a user's mistake is one clear line (or several), never a traceback."""
    from ivr.config import SettingsError, home_folder
    from ivr.lifecycle.owner import act_as_owner
    from ivr.lifecycle.succession import REPLACED

    home = home_folder()
    named = sys.argv[1:2]
    stays = named in [[name] for name in _STAYING] and "--once" not in sys.argv
    stays |= sys.argv[1:3] == ["probe", "--again"]
    if named not in [[name] for name in _ROOTS_OWN]:
        act_as_owner(home, reach=not stays)
    try:
        _command(sys.argv[1:])()
    except (CommandFailure, SettingsError, PermissionError) as failure:
        print(f"ivr: {failure}{_whose(home)}", file=sys.stderr, flush=True)
        code = getattr(failure, "exit_code", 2)
        if stays and code != REPLACED and _is_a_unit():
            time.sleep(UNIT_PAUSE_SECONDS)
        sys.exit(code)


def _command(words: list[str]) -> Callable[[], None]:
    """What is asked for. Callers wait while the service starts: it loads no other command."""
    if words == ["serve"]:
        from ivr.cli.serving import serve

        return serve
    from ivr.cli.commands import app

    return app


def _is_a_unit() -> bool:
    """Whether systemd started this very process (systemd.exec(5), SYSTEMD_EXEC_PID)."""
    return os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid())


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
