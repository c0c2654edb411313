"""Commands of the console: the pages where the people of the centre work."""

from __future__ import annotations

import os

import typer

from ivr.cli.failure import CommandFailure

_NICENESS = 5
"""Calls come first: pages take what is left of the processor."""


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("console")(console)


def console() -> None:
    """Serve the pages of the centre's people until told to stop. 控制台"""
    from console.app import serve
    from ivr.config import load
    from ivr.lifecycle import logs
    from ivr.people.sensitive import leave_no_core

    settings = load()
    logs.of(settings, "console")
    leave_no_core()
    os.nice(_NICENESS)
    try:
        serve(settings, typer.echo)
    except OSError as refused:
        raise CommandFailure(
            f"{settings.console.address}:{settings.console.port} 用不了（{refused.strerror}）："
            "另设 console.port · cannot be had: set console.port"
        ) from refused
