"""Commands of the line itself: running it, serving calls, talking without a telephone."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure
from ivr.cli.serving import serve

if TYPE_CHECKING:
    from ivr.config import Settings
    from ivr.upkeep.doctor import Finding


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("run")(run)
    app.command("doctor")(doctor)
    app.command("serve")(serve)
    app.command("guard")(guard)
    app.command("talk")(talk)


def run() -> None:
    """Run the whole line on this machine until Ctrl-C: Asterisk, service, loader. 启动热线"""
    from rich.console import Console

    from ivr.config import load
    from ivr.upkeep.run import CannotRun
    from ivr.upkeep.run import run as run_line

    console = Console(highlight=False, soft_wrap=True)
    settings = load()
    try:
        run_line(
            settings, lambda line: console.print(line, markup=False), lambda: welcome(settings)
        )
    except CannotRun as cannot:
        raise CommandFailure(str(cannot), exit_code=3) from cannot
    except KeyboardInterrupt:
        raise CommandFailure("stopped before the line was ready", exit_code=130) from None


def welcome(settings: Settings) -> list[str]:
    """The one address, and how the first person gets in.

    The password itself is told to a terminal only: what is not one is kept, as the logs of a
    container or of systemd are.
    """
    from console.users import users_of

    lines = ["", f"打开 · open  {settings.console.url}"]
    if given := users_of(settings).first():
        told = "第一次登录，名字 admin，一次性口令 · first sign-in as admin, one-time password"
        shown = given.reveal() if sys.stdout.isatty() else _HOW_TO_GET_ONE
        lines.append(f"{told}  {shown}")
    return lines


_HOW_TO_GET_ONE = (
    "ivr users password admin（容器里：docker compose exec hotline ivr users password admin）"
)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list of findings.")] = (
        False
    ),
) -> None:
    """Check everything that the line needs, and say what to do. 检查"""
    from console.examining import findings_of
    from ivr.config import SettingsError, load
    from ivr.upkeep.doctor import Finding

    try:
        findings = findings_of(load())
    except SettingsError as wrong:
        findings = [Finding("settings", False, line) for line in str(wrong).splitlines()]
    report(findings, as_json=as_json)


def report(findings: Sequence[Finding], *, as_json: bool = False) -> None:
    """Print findings; exit code 1 where one of them is not well."""
    if as_json:
        typer.echo(_as_json(findings))
    else:
        _print(findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _print(findings: Sequence[Finding]) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(f"{_sign(finding)} {finding.name}: ", end="")
        console.print(finding.detail, markup=False)


def _as_json(findings: Sequence[Finding]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=1)


def _sign(finding: Finding) -> str:
    if finding.warns:
        return "[yellow]![/]"
    return "[green]✓[/]" if finding.ok else "[red]✗[/]"


def guard() -> None:
    """Send callers to the agents while no service comes back. 守护"""
    from ivr.config import load
    from ivr.lifecycle import logs
    from ivr.upkeep.guardian import guard as watch

    settings = load()
    logs.of(settings, "guardian", logging.WARNING)
    asyncio.run(watch(settings))


def talk() -> None:
    """Lead the real dialogues in the terminal: prompts as text, keys typed. 文字通话"""
    from ivr.config import load
    from ivr.speech.prompts import PromptSetError
    from ivr.stage.talk import talk as converse

    try:
        disposition = asyncio.run(converse(load()))
    except PromptSetError as unusable:
        raise CommandFailure(str(unusable), exit_code=3) from unusable
    typer.echo(f"({disposition})")
