"""The accounts' database is opened after the line, and nobody notices but the starting service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.accounts import Found
from ivr.accounts.demo import make_demo
from ivr.accounts.late import Late, opened_late
from ivr.config import AccountsSettings, Settings, SettingsError
from ivr.people.identity import IdNumber, parse


async def asked(accounts: Late) -> object:
    number = parse("990101199001010019", verify=False)
    assert isinstance(number, IdNumber)
    return await accounts.fund(number)


def test_who_asks_at_once_is_answered_and_waits_for_no_head_start(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened_late(Settings(home=tmp_path)) as accounts:
            found = await asyncio.gather(asked(accounts), asked(accounts))
            assert all(isinstance(each, Found) for each in found)
            assert await accounts.fault() is None

    make_demo(tmp_path / "accounts.sqlite")
    asyncio.run(story())


def test_who_hangs_up_while_it_opens_takes_it_from_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened_late(Settings(home=tmp_path)) as accounts:
            first = asyncio.create_task(asked(accounts))
            await asyncio.sleep(0)
            first.cancel()
            assert isinstance(await asked(accounts), Found)

    make_demo(tmp_path / "accounts.sqlite")
    asyncio.run(story())


def test_a_service_that_ends_before_it_is_open_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened_late(Settings(home=tmp_path)):
            pass

    asyncio.run(story())


def test_a_database_that_cannot_be_meant_is_told_as_a_wrong_setting(tmp_path: Path) -> None:
    async def story() -> None:
        wrong = AccountsSettings(url="nonsense+driver://x")
        async with opened_late(Settings(home=tmp_path, accounts=wrong)) as accounts:
            with pytest.raises(SettingsError):
                await asked(accounts)
            with pytest.raises(SettingsError):
                accounts.opening.result()

    asyncio.run(story())
