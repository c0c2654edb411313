"""Commands that open and close the line for callers (公积金电话语音查询开通)."""

from __future__ import annotations

from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="Open or close the line for callers. 热线开通")
    room.command("open")(open_)
    room.command("close")(close)
    room.command("status")(status)
    app.add_typer(room, name="line")


def open_() -> None:
    """Take calls again, from the next call on. 开通"""
    from datetime import UTC, datetime

    from ivr.config import load
    from ivr.lifecycle import switch

    settings = load()
    if settings.shares:
        from ivr.state import THIS_NODE_ONLY, switching

        if not switching.reopen(settings, datetime.now(UTC)):
            typer.echo(THIS_NODE_ONLY)
    else:
        switch.reopen(settings.home)
    typer.echo("the line is open")


def close(
    reason: Annotated[str, typer.Option(help="Why, for whoever asks `ivr line status`.")] = "",
) -> None:
    """Tell new callers that the line is closed; calls in progress go on. 停开"""
    from datetime import UTC, datetime

    from ivr.config import load
    from ivr.lifecycle import switch

    settings = load()
    if settings.shares:
        from ivr.state import THIS_NODE_ONLY, switching

        if not switching.close(settings, reason, datetime.now(UTC)):
            typer.echo(THIS_NODE_ONLY)
    else:
        switch.close(settings.home, reason, datetime.now(UTC))
    typer.echo("the line is closed: new callers hear line.closed; `ivr line open` opens it again")


def status() -> None:
    """Whether the line is open; if not, since when and why. 是否开通"""
    from ivr.config import load
    from ivr.lifecycle.switch import closed

    found = closed(load().home)
    typer.echo("the line is open" if found is None else f"the line is {found}")
