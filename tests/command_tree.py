"""The tree of `ivr`'s commands: made once, for every command of a process and of those it forks.

Typer makes all hundred of them anew for the one that runs. Of that a person at a terminal waits
once; the tests run hundreds.
"""

from __future__ import annotations

from functools import cache

from typer import main, testing

from ivr.cli.commands import app

main.get_command = testing._get_command = cache(main.get_command)
main.get_command(app)
