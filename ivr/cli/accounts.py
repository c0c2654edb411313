"""Commands of the accounts: loading, trying out, looking one up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from decimal import Decimal

    from ivr.config import Settings
    from ivr.people.identity import IdNumber
    from ivr.people.sensitive import Sensitive


def add_to(app: typer.Typer) -> None:
    """Register this room's commands."""
    room = typer.Typer(no_args_is_help=True, help="Accounts: import, demo, show. 账户数据")
    room.command("import")(import_)
    room.command("demo")(demo)
    room.command("show")(show)
    app.add_typer(room, name="accounts")


def import_(
    fund: Annotated[
        Path | None, typer.Option(help="CSV: id_number,paid_to,monthly_deposit,balance")
    ] = None,
    loan: Annotated[
        Path | None, typer.Option(help="CSV: id_number,term_years,periods_repaid,balance")
    ] = None,
    passwords: Annotated[
        Path | None, typer.Option(help="CSV: id_number,password (six digits, or Argon2id)")
    ] = None,
) -> None:
    """Replace the accounts by a centre's export: all or nothing, every bad line named. 导入"""
    from ivr.accounts.exports import FUND, LOAN, PASSWORD, import_exports
    from ivr.accounts.store import ImportRefused

    files = ((FUND, fund), (LOAN, loan), (PASSWORD, passwords))
    given = [(table, path) for table, path in files if path is not None]
    if not given:
        raise CommandFailure(
            "give --fund FILE.csv, --loan FILE.csv, --passwords FILE.csv or several", exit_code=2
        )
    try:
        imported = import_exports(_sqlite(), given)
    except ImportRefused as refused:
        raise CommandFailure(str(refused)) from refused
    for each in imported:
        doubt = f"; {each.doubtful} have a wrong check digit or birth date" if each.doubtful else ""
        typer.echo(f"{each.table}: {each.rows} accounts{doubt}")


def demo() -> None:
    """Create the demo accounts in an empty database. 演示账户"""
    from ivr.accounts.demo import PEOPLE, NotADemo, make_demo
    from ivr.accounts.store import ImportRefused

    try:
        made = make_demo(_sqlite())
    except (NotADemo, ImportRefused) as refused:
        raise CommandFailure(str(refused)) from refused
    typer.echo("demo accounts made" if made else "the demo accounts are there already")
    for person in PEOPLE:
        typer.echo(f"  {person.id_number:18}  {person.shows}")


def show(
    id_number: Annotated[
        str | None, typer.Argument(help="Left out, it is asked for without being shown.")
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show amounts in full.")] = False,
) -> None:
    """Look a person up as the line does. 查询一个账户"""
    from ivr.config import load
    from ivr.people.identity import IdNumber, parse

    keyed = id_number or typer.prompt("ID number", hide_input=True)
    number = parse(keyed, verify=False)
    if not isinstance(number, IdNumber):
        raise CommandFailure("an ID number has 15 digits, or 17 and a digit or X", exit_code=2)
    for line in asyncio.run(_looked_up(load(), number, reveal=reveal)):
        typer.echo(line)


async def _looked_up(settings: Settings, number: IdNumber, *, reveal: bool) -> list[str]:
    from ivr.accounts import open_accounts

    async with open_accounts(settings) as accounts:
        found = {"fund": await accounts.fund(number), "loan": await accounts.loan(number)}
    return [f"{kind}: {_words(outcome, reveal=reveal)}" for kind, outcome in found.items()]


def _words(outcome: object, *, reveal: bool) -> str:
    from ivr.accounts import Found, Fund, Loan

    match outcome:
        case Found(Fund(paid_to, deposit, balance)):
            amounts = f"monthly {_yuan(deposit, reveal)}, balance {_yuan(balance, reveal)}"
            return f"found, paid to {paid_to}, {amounts}"
        case Found(Loan(years, periods, balance)):
            owed = _yuan(balance, reveal)
            return f"found, {years} years, {periods} periods repaid, balance {owed}"
        case _:
            return type(outcome).__name__


def _yuan(amount: Sensitive[Decimal], reveal: bool) -> str:
    return str(amount.reveal()) if reveal else "***"


def _sqlite() -> Path:
    """The line's own database; another one is filled by its own tools."""
    from ivr.accounts.database import database_url
    from ivr.config import load

    url = database_url(load())
    if url.get_backend_name() != "sqlite" or not url.database:
        raise CommandFailure(
            "accounts.url is not SQLite: load your database with its own tools", exit_code=2
        )
    return Path(url.database)
