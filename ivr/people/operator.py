"""Who typed a command: the person, whatever the environment and `sudo` make of it."""

from __future__ import annotations

import os
import pwd


def operator_name() -> str:
    """The user behind this process: who called sudo where root runs it, else the real user.

    LOGNAME and USER are anybody's to set, and are not asked.
    """
    number = os.getuid()
    caller = os.environ.get("SUDO_USER", "")
    if number == 0 and caller and _known(caller):
        return caller
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
