"""Commands that keep a copy of the line apart, and put it back."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.failure import CommandFailure

PASSPHRASE = typer.Option(help="A file whose first line is it; else it is asked for.")


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    data: Annotated[Path, typer.Argument(help="A new file; the keys go to FILE.keys beside it.")],
    keys: Annotated[Path | None, typer.Option(help="Another place for the file of keys.")] = None,
    passphrase_file: Annotated[Path | None, PASSPHRASE] = None,
) -> None:
    """Copy everything that cannot be made again, while the line takes calls. 备份"""
    from ivr.config import load
    from ivr.upkeep.backup import BackupRefused, back_up

    phrase = _passphrase(passphrase_file, new=True)
    beside = keys or data.with_name(f"{data.name}.keys")
    try:
        made = back_up(load(), data, beside, phrase, datetime.now(UTC))
    except (BackupRefused, OSError, sqlite3.Error) as refused:
        raise CommandFailure(str(refused)) from refused
    typer.echo(f"{data}: {made.files} files, {made.bytes / 1e6:.1f} MB")
    typer.echo(f"{beside}: {made.secrets} keys and passwords, encrypted; keep it somewhere else")


def restore(
    data: Annotated[Path, typer.Argument(help="A file of `ivr backup`.")],
    keys: Annotated[Path | None, typer.Option(help="The file of keys; else FILE.keys.")] = None,
    passphrase_file: Annotated[Path | None, PASSPHRASE] = None,
) -> None:
    """Put a backup in the place of what is there, which is moved aside, at rest. 恢复"""
    from ivr.config import home_folder
    from ivr.upkeep.backup import BackupRefused
    from ivr.upkeep.backup import restore as put_back
    from ivr.upkeep.resting import StillRunning, at_rest

    phrase = _passphrase(passphrase_file, new=False)
    beside = keys or data.with_name(f"{data.name}.keys")
    home = home_folder()
    try:
        with at_rest(home):
            left = put_back(home, data, beside, phrase, datetime.now(UTC))
    except (BackupRefused, StillRunning, OSError) as refused:
        raise CommandFailure(str(refused)) from refused
    for line in left:
        typer.echo(line)
    typer.echo("已恢复；启动热线，再 `ivr doctor` · restored: start the line, then `ivr doctor`")


def _passphrase(file: Path | None, *, new: bool) -> str:
    """The passphrase of the keys; a backup that nobody can open is none."""
    if file is None:
        told = typer.prompt("密钥口令 · passphrase", hide_input=True, confirmation_prompt=new)
    else:
        try:
            told = (file.read_text(encoding="utf-8").splitlines() or [""])[0]
        except OSError as refused:
            raise CommandFailure(f"{file}: {refused.strerror}", exit_code=2) from refused
    if len(told) < 8 and new:
        raise CommandFailure(
            "口令至少八位 · a passphrase has eight characters or more", exit_code=2
        )
    return str(told)
