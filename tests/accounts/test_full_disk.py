"""A full disk keeps nobody's account from being read."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from ivr.accounts import Found, Unavailable
from ivr.accounts.database import open_accounts
from ivr.accounts.demo import make_demo
from ivr.accounts.exports import FUND, import_exports
from ivr.config import Settings
from ivr.people.identity import IdNumber, parse
from tests.live.faults import small_disk

SOMEBODY = "990101199001010019"


async def asked(settings: Settings) -> object:
    number = parse(SOMEBODY, verify=False)
    assert isinstance(number, IdNumber)
    async with open_accounts(settings) as accounts:
        return await accounts.fund(number)


def test_accounts_are_read_on_a_full_disk(tmp_path: Path) -> None:
    export = tmp_path / "fund.csv"
    export.write_text(f"id_number,paid_to,monthly_deposit,balance\n{SOMEBODY},2026-10,1,2\n")
    home = tmp_path / "small"
    with small_disk(home, 300) as fill:
        make_demo(home / "accounts.sqlite")
        import_exports(home / "accounts.sqlite", [(FUND, export)])
        fill()
        assert isinstance(asyncio.run(asked(Settings(home=home))), Found)


def test_a_look_up_while_the_file_is_written_sees_the_old_accounts(tmp_path: Path) -> None:
    make_demo(tmp_path / "accounts.sqlite")
    with sqlite3.connect(tmp_path / "accounts.sqlite", isolation_level=None) as importer:
        importer.execute("PRAGMA journal_mode = WAL")
        importer.execute("BEGIN IMMEDIATE")
        importer.execute("DELETE FROM fund_account")
        assert not isinstance(asyncio.run(asked(Settings(home=tmp_path))), Unavailable)
    importer.close()
