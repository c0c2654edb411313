"""`python -m ivr.asterisk`: see to it that there is an Asterisk; with `run`, become it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ivr.asterisk import process
from ivr.asterisk.configure import publish_sounds
from ivr.asterisk.locate import AsteriskUnavailable, Found, install
from ivr.config import SettingsError, home_folder, load
from ivr.lifecycle.owner import act_as_owner
from ivr.lifecycle.precedence import come_first
from ivr.people.sensitive import leave_no_core
from ivr.speech import prompts
from ivr.speech.contract import CONTRACT


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 and one clear line when there is none and none can be had."""
    parser = argparse.ArgumentParser(prog="python -m ivr.asterisk", description=__doc__)
    parser.add_argument("then", nargs="?", choices=["run"], help="become it, configured")
    wanted = parser.parse_args(arguments)
    try:
        found = install()
        if wanted.then == "run":
            act_as_owner(home_folder(), reach=False)
            become(found)
    except (AsteriskUnavailable, SettingsError) as unavailable:
        print(f"ivr: {unavailable}", file=sys.stderr)
        return 1
    print(f"Asterisk: {found.root or 'of this machine'}")
    return 0


def become(found: Found) -> None:
    """Configure the line and turn into its Asterisk, as a service unit wants it; no return."""
    leave_no_core()
    settings = load()
    command = process.command(settings, found)
    try:
        publish_sounds(settings, prompts.load(settings.audio, CONTRACT))
    except (prompts.PromptSetError, OSError) as unusable:
        print(f"ivr: no music and no apology: {unusable}", file=sys.stderr)
    if settings.realtime:
        come_first()
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
