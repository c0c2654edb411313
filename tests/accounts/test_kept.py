"""Connections to the line's own file: kept, and in nobody's way."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from ivr.accounts import Found, NotFound, Unavailable
from ivr.accounts.database import Database, open_accounts
from ivr.accounts.demo import make_demo
from ivr.accounts.exports import FUND, import_exports
from ivr.config import Settings
from ivr.people.identity import IdNumber, parse

SOMEBODY = "990101199001010019"
Story = Callable[[Database], Awaitable[None]]


async def asked(accounts: Database) -> object:
    number = parse(SOMEBODY, verify=False)
    assert isinstance(number, IdNumber)
    return await accounts.fund(number)


def tell(home: Path, story: Story) -> None:
    async def told() -> None:
        async with open_accounts(Settings(home=home)) as accounts:
            await story(accounts)

    make_demo(home / "accounts.sqlite")
    asyncio.run(told())


def mode(file: Path) -> str:
    with sqlite3.connect(file) as connection:
        ((found,),) = connection.execute("PRAGMA journal_mode").fetchall()
    connection.close()
    return str(found)


def export(home: Path, balance: str) -> Path:
    path = home / "fund.csv"
    path.write_text(f"id_number,paid_to,monthly_deposit,balance\n{SOMEBODY},2026-10,1,{balance}\n")
    return path


def balance(found: object) -> str:
    assert isinstance(found, Found)
    return str(found.account.balance.reveal())


def test_a_second_look_up_opens_no_second_connection(tmp_path: Path) -> None:
    async def story(accounts: Database) -> None:
        for _ in range(5):
            assert isinstance(await asked(accounts), Found)
        assert len(accounts._source._kept) == 1  # type: ignore[attr-defined]

    tell(tmp_path, story)


def test_an_import_beside_kept_connections_is_seen_and_ends_out_of_wal(tmp_path: Path) -> None:
    file = tmp_path / "accounts.sqlite"

    async def story(accounts: Database) -> None:
        await asyncio.gather(*(asked(accounts) for _ in range(8)))
        for amount in ("2.00", "3.00"):
            path = export(tmp_path, amount)
            importing = asyncio.create_task(
                asyncio.to_thread(import_exports, file, [(FUND, path)], sure=True)
            )
            while not importing.done():
                assert not isinstance(await asked(accounts), Unavailable)
                await asyncio.sleep(0.005)
            await importing
            assert balance(await asked(accounts)) == amount
            assert await asyncio.to_thread(mode, file) == "delete"

    tell(tmp_path, story)


def test_a_file_that_is_replaced_under_the_line_is_the_one_that_is_asked(tmp_path: Path) -> None:
    async def story(accounts: Database) -> None:
        assert isinstance(await asked(accounts), Found)
        other = tmp_path / "other"
        other.mkdir()
        make_demo(other / "accounts.sqlite")
        with sqlite3.connect(other / "accounts.sqlite") as connection:
            connection.execute("DELETE FROM fund_account")
        connection.close()
        shutil.move(other / "accounts.sqlite", tmp_path / "accounts.sqlite")
        assert isinstance(await asked(accounts), NotFound)

    tell(tmp_path, story)


def test_a_file_that_is_taken_away_and_comes_back_is_found_again(tmp_path: Path) -> None:
    async def story(accounts: Database) -> None:
        assert isinstance(await asked(accounts), Found)
        (tmp_path / "accounts.sqlite").rename(tmp_path / "away")
        assert isinstance(await asked(accounts), Unavailable)
        (tmp_path / "away").rename(tmp_path / "accounts.sqlite")
        assert isinstance(await asked(accounts), Found)

    tell(tmp_path, story)
