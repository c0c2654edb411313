"""The command that calls the line as a caller would, and says how that went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ivr.config import Settings
    from ivr.probe.outcomes import Outcome


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("probe")(probe)


def probe(
    again: Annotated[
        bool, typer.Option("--again", help="Stay, and call every probe.every_seconds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Call the line, press 1-1 and a test number, and judge what is heard. 拨测"""
    import asyncio

    from ivr.config import load
    from ivr.lifecycle import logs
    from ivr.probe.timing import call_again, call_once

    settings = load()
    if again:
        logs.of(settings, "probe")
        asyncio.run(call_again(settings))
        return
    outcome = asyncio.run(call_once(settings))
    typer.echo(_as_json(outcome) if as_json else _told(settings, outcome))
    if not outcome.well:
        raise typer.Exit(1)


def _told(settings: Settings, outcome: Outcome) -> str:
    from ivr.probe.timing import way

    sign = "✓" if outcome.well else "✗"
    return f"{sign} 拨测 · probe ({way(settings)}): {outcome}"


def _as_json(outcome: Outcome) -> str:
    import json
    from dataclasses import asdict

    told = {"at": outcome.at.isoformat(), **asdict(outcome.probed), "words": str(outcome)}
    return json.dumps(told, ensure_ascii=False, indent=1)
