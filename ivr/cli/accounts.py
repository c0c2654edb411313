"""Commands of the accounts: loading, trying out, looking one up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.failure import CommandFailure

if TYPE_CHECKING:
    from decimal import Decimal

    from ivr.accounts.exports import Imported
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
        Path | None,
        typer.Option(help="CSV: id_number,term_years (or term_months),periods_repaid,balance"),
    ] = None,
    passwords: Annotated[
        Path | None, typer.Option(help="CSV: id_number,password (six digits, or Argon2id)")
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option(help="Rows that the export states: 12345, or fund=12345 and loan=678."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Import what looks hardly meant: far fewer rows, none.")
    ] = False,
) -> None:
    """Replace the accounts by a centre's export: all or nothing, every bad line named. 导入"""
    from ivr.accounts.exports import FUND, LOAN, PASSWORD, import_exports
    from ivr.accounts.store import ImportRefused

    files = {"fund": (FUND, fund), "loan": (LOAN, loan), "passwords": (PASSWORD, passwords)}
    given = {name: (table, path) for name, (table, path) in files.items() if path is not None}
    if not given:
        raise CommandFailure(
            "give --fund FILE.csv, --loan FILE.csv, --passwords FILE.csv or several", exit_code=2
        )
    expected = {given[name][0].name: count for name, count in _stated(rows or [], [*given])}
    settings = _settings()
    try:
        import_exports(
            _sqlite(settings),
            [*given.values()],
            rows=expected,
            most_fall=settings.accounts.most_fall,
            sure=yes,
            tell=_tell,
        )
    except ImportRefused as refused:
        raise CommandFailure(str(refused)) from refused
    typer.echo("已导入 (imported)")


def _stated(rows: list[str], given: list[str]) -> list[tuple[str, int]]:
    """The counts of --rows by the file that they are of; one file needs no name."""
    stated = []
    for each in rows:
        name, _, count = each.rpartition("=")
        name = name or (given[0] if len(given) == 1 else "")
        if name not in given or not count.isdecimal():
            raise CommandFailure(
                f"--rows {each}: write --rows 12345 with one file, or --rows {given[0]}=12345",
                exit_code=2,
            )
        stated.append((name, int(count)))
    return stated


def _tell(found: Imported) -> None:
    """The counts, before anything is changed."""
    doubt = f"; {found.doubtful} have a wrong check digit or birth date" if found.doubtful else ""
    several = f"; {found.several} people have several" if found.several else ""
    typer.echo(f"{found.table}: {found.before} → {found.rows} accounts{several}{doubt}")


def demo() -> None:
    """Create the demo accounts in an empty database. 演示账户"""
    from ivr.accounts.demo import PEOPLE, NotADemo, make_demo
    from ivr.accounts.store import ImportRefused

    try:
        made = make_demo(_sqlite(_settings()))
    except (NotADemo, ImportRefused) as refused:
        raise CommandFailure(str(refused)) from refused
    typer.echo("demo accounts made" if made else "the demo accounts are there already")
    for person in PEOPLE:
        typer.echo(f"  {person.id_number:18}  {person.shows}")


def show(
    id_number: Annotated[
        str | None, typer.Argument(help="Left out, it is asked for without being shown.")
    ] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show amounts in full; noted in the audit trail.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why they are shown, for the audit trail.")] = "",
) -> None:
    """Look a person up as the line does. 查询一个账户"""
    from ivr.cli.entitled import note
    from ivr.config import load
    from ivr.people.identity import IdNumber, parse

    keyed = id_number or typer.prompt("ID number", hide_input=True)
    number = parse(keyed, verify=False)
    if not isinstance(number, IdNumber):
        raise CommandFailure("an ID number has 15 digits, or 17 and a digit or X", exit_code=2)
    settings = load()
    if reveal:
        note("reveal", _token(settings, number), reason)
    for line in asyncio.run(_looked_up(settings, number, reveal=reveal)):
        typer.echo(line)


def _token(settings: Settings, number: IdNumber) -> str:
    """What the trail and the facts call this person."""
    from ivr.people.keys import Keys
    from ivr.people.tokens import Tokens

    return Tokens(Keys.load(settings.home / "keys")).person(number)


async def _looked_up(settings: Settings, number: IdNumber, *, reveal: bool) -> list[str]:
    from ivr.accounts.database import open_accounts

    async with open_accounts(settings) as accounts:
        found = {"fund": await accounts.fund(number), "loan": await accounts.loan(number)}
    return [f"{kind}: {_words(outcome, reveal=reveal)}" for kind, outcome in found.items()]


def _words(outcome: object, *, reveal: bool) -> str:
    from ivr.accounts import Found, Fund, Loan, Unsayable

    match outcome:
        case Found(Fund(paid_to, deposit, balance)):
            amounts = f"monthly {_yuan(deposit, reveal)}, balance {_yuan(balance, reveal)}"
            return f"found, paid to {paid_to or 'no month'}, {amounts}"
        case Found(Loan(months, periods, balance)):
            owed = _yuan(balance, reveal)
            return f"found, {months} months, {periods} periods repaid, balance {owed}"
        case Unsayable(column):
            return f"found, but {column} cannot be said in a call"
        case _:
            return type(outcome).__name__


def _yuan(amount: Sensitive[Decimal] | None, reveal: bool) -> str:
    if amount is None:
        return "none"
    return str(amount.reveal()) if reveal else "***"


def _settings() -> Settings:
    from ivr.config import load

    return load()


def _sqlite(settings: Settings) -> Path:
    """The line's own database; another one is filled by its own tools."""
    from ivr.accounts.database import database_url

    url = database_url(settings)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise CommandFailure(
            "accounts.url is not SQLite: load your database with its own tools", exit_code=2
        )
    return Path(url.database)
