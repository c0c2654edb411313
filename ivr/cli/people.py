"""Commands that lead back from a token to a person, for those entitled and written down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from ivr.privacy import Vault


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("who")(who)
    app.command("forget")(forget)


TOKEN = typer.Argument(help="Column `person` of recording, survey_vote or lookup.")
REASON = typer.Option(help="Why; it is written into the audit trail.")


def who(
    token: Annotated[str, TOKEN],
    reason: Annotated[str, REASON],
) -> None:
    """Print whose token this is: for those entitled, and noted in the audit trail. 溯源"""
    vault = _noted("who", token, reason)
    number = vault.reveal(token)
    if number is None:
        raise CommandFailure(f"nobody is kept under {token}: never given, or forgotten")
    typer.echo(number.reveal())


def forget(
    token: Annotated[str, TOKEN],
    reason: Annotated[str, REASON],
) -> None:
    """Remove a person from the vault: their facts are anonymous from then on. 遗忘"""
    vault = _noted("forget", token, reason)
    if not vault.forget(token):
        raise CommandFailure(f"nobody is kept under {token}: never given, or forgotten already")
    typer.echo("forgotten")


def _noted(action: Literal["who", "forget"], token: str, reason: str) -> Vault:
    """The vault, after the look into it has been written down."""
    import getpass

    from ivr.audit import Audit, AuditChanged, Entry
    from ivr.config import load
    from ivr.privacy import Keys, Vault

    if not reason.strip():
        raise CommandFailure("say why with --reason: it is kept in the audit trail", exit_code=2)
    home = load().home
    keys = Keys.load(home / "keys")
    entry = Entry(datetime.now(UTC), action, token, getpass.getuser(), reason)
    try:
        Audit(home / "audit.jsonl", keys.audit).note(entry)
    except AuditChanged as changed:
        raise CommandFailure(str(changed)) from changed
    return Vault(home / "vault.sqlite", keys)
