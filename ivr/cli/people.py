"""Commands that lead back from a token to a person, and renew the keys of both."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ivr.cli.entitled import noted, unlocked
from ivr.cli.failure import CommandFailure

TOKEN = typer.Argument(help="Column `person` of recording, survey_vote or lookup.")
REASON = typer.Option(help="Why; it is written into the audit trail.")


class Key(StrEnum):
    """A key that can be renewed."""

    TOKENS = "tokens"
    VAULT = "vault"


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    app.command("who")(who)
    app.command("forget")(forget)
    keys = typer.Typer(no_args_is_help=True, help="Keys of tokens and of the vault. 密钥")
    keys.callback()(lambda: None)
    keys.command("rotate")(rotate)
    app.add_typer(keys, name="keys")


def who(
    token: Annotated[str, TOKEN],
    reason: Annotated[str, REASON],
) -> None:
    """Print whose token this is: for those entitled, and noted in the audit trail. 溯源"""
    vault = noted("who", token, reason)
    with unlocked():
        number = vault.reveal(token)
    if number is None:
        raise CommandFailure(f"nobody is kept under {token}: never given, or forgotten")
    typer.echo(number.reveal())


def forget(
    token: Annotated[str, TOKEN],
    reason: Annotated[str, REASON],
) -> None:
    """Remove a person from the vault, and what agents wrote about their calls. 遗忘

    Their facts are anonymous from then on.
    """
    from ivr.agents.notes import notes_of
    from ivr.agents.notes_file import NotKept
    from ivr.config import load

    _check_not_held(token)
    vault, settings = noted("forget", token, reason), load()
    with unlocked():
        try:
            notes = notes_of(settings).forget({token, *vault.same_person(token)})
        except NotKept as refused:
            raise CommandFailure(str(refused)) from refused
        was_kept = vault.forget_person(token)
    if not was_kept and not notes:
        raise CommandFailure(f"nobody is kept under {token}: never given, or forgotten already")
    typer.echo("forgotten")


def _check_not_held(token: str) -> None:
    """Whoever a case in legal hold (保全) is about is not forgotten before it is lifted."""
    from ivr.cases.opening import CannotReach
    from ivr.cases.store import Cases
    from ivr.config import load
    from ivr.state import opened

    settings = load()
    try:
        held = Cases(settings.cases_url).held()
        if not held:
            return
        with unlocked():
            same = opened.vault(settings).same_person(token)
    except CannotReach as unknown:
        raise CommandFailure(str(unknown)) from unknown
    numbers = [each.number for each in held if each.person in same]
    if numbers:
        raise CommandFailure(
            f"工单 {'、'.join(numbers)} 已保全，这个人现在不能删除：先解除保全（ivr recordings move"
            " 编号 release）· named by a case in legal hold: lift it first"
        )


def rotate(
    key: Annotated[Key, typer.Argument(help="tokens or vault")],
    reason: Annotated[str, REASON],
) -> None:
    """Renew a key; older tokens still lead to their people. Restart the line then. 更换密钥"""
    from ivr.config import load
    from ivr.people.keys import new_tokens_key
    from ivr.people.vault import new_vault_key
    from ivr.people.vault_file import FILE, VaultFile
    from ivr.state import opened

    noted("rotate", key.value, reason)
    settings = load()
    home = settings.home
    if key is Key.TOKENS:
        new_tokens_key(home / "keys")
        typer.echo("new tokens from the service's next start on")
    else:
        with unlocked():
            here = VaultFile(home / FILE)
            others = [opened.vault_rows(settings)] if settings.shares else []
            rows = new_vault_key(home / "keys", *others, here)
        typer.echo(f"{rows} people sealed anew; restart the service")
    if settings.shares:
        typer.echo(
            "多台机器：在本机 `ivr node join --renew`，把 keys 文件夹拷到每个节点，再一台一台重启"
            " · other nodes need this key too, before any of them starts again"
        )
