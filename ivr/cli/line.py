"""Commands of the line itself: serving calls, talking without a telephone."""

from __future__ import annotations

import asyncio
import logging
import sys

import typer

from ivr.cli.failure import CommandFailure


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("serve")(serve)
    app.command("talk")(talk)


def serve() -> None:
    """Take calls from Asterisk until SIGTERM. 接听来电"""
    from ivr.ari import NotAuthorised
    from ivr.config import load
    from ivr.hotline import Replaced
    from ivr.prompts import PromptSetError
    from ivr.service import serve as serve_calls

    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        asyncio.run(serve_calls(load()))
    except PromptSetError as unusable:
        raise CommandFailure(str(unusable), exit_code=3) from unusable
    except (NotAuthorised, Replaced) as refused:
        raise CommandFailure(str(refused)) from refused


def talk() -> None:
    """Lead the real dialogues in the terminal: prompts as text, keys typed. 文字通话"""
    from ivr.config import load
    from ivr.prompts import PromptSetError
    from ivr.talk import talk as converse

    try:
        disposition = asyncio.run(converse(load()))
    except PromptSetError as unusable:
        raise CommandFailure(str(unusable), exit_code=3) from unusable
    typer.echo(f"({disposition})")
