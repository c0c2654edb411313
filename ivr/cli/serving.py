"""The command that takes the calls: apart from the others, for callers wait while it starts."""

from __future__ import annotations

import gc

from ivr.cli.failure import CommandFailure


def serve() -> None:
    """Take calls from Asterisk until SIGTERM. 接听来电"""
    # What is imported stays: the collector would look through it again and again, and find nothing.
    gc.disable()
    from ivr import fast
    from ivr.ari import NotAuthorised
    from ivr.config import load
    from ivr.lifecycle import logs, precedence
    from ivr.lifecycle.succession import REPLACED
    from ivr.line.hotline import Replaced
    from ivr.service import serve as serve_calls
    from ivr.speech.prompts import PromptSetError

    settings = load()
    logs.of(settings, "service")
    if settings.realtime:
        precedence.come_first()
    try:
        fast.run(serve_calls(settings))
    except PromptSetError as unusable:
        raise CommandFailure(str(unusable), exit_code=3) from unusable
    except NotAuthorised as refused:
        raise CommandFailure(str(refused)) from refused
    except Replaced as replaced:
        raise CommandFailure(str(replaced), exit_code=REPLACED) from replaced
