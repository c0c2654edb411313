"""A real database that answers nonsense, or nothing, and then comes back."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from ivr.accounts import Found, Unavailable, open_accounts
from ivr.config import AccountsSettings, Settings
from ivr.people.identity import IdNumber, parse

RICH = "990102200012120127"
NOBODY = "440524188001010014"


def number(keyed: str) -> IdNumber:
    parsed = parse(keyed)
    assert isinstance(parsed, IdNumber)
    return parsed


def changed(settings: Settings, **accounts: object) -> Settings:
    return settings.model_copy(update={"accounts": AccountsSettings(**accounts)})


async def fund(settings: Settings, keyed: str) -> object:
    async with open_accounts(settings) as accounts:
        return await accounts.fund(number(keyed))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("balance", "'NaN'"),
        ("balance", "1e30"),
        ("balance", "x'FF'"),
        ("monthly_deposit", "NULL"),
        ("monthly_deposit", "''"),
        ("paid_to", "'-202610'"),
        ("paid_to", "202613"),
        ("paid_to", "'2026-10-31'"),
        ("paid_to", "NULL"),
    ],
)
def test_a_row_of_nonsense_is_no_answer(demo_settings: Settings, column: str, value: str) -> None:
    columns = {"paid_to": "'2026-10'", "monthly_deposit": "1", "balance": "1", column: value}
    selected = ", ".join(f"{given} AS {name}" for name, given in columns.items())
    query = f"SELECT {selected} WHERE '-' NOT IN (:id18, :id15)"
    answer = asyncio.run(fund(changed(demo_settings, fund_query=query), RICH))
    assert isinstance(answer, Unavailable)
    assert column in answer.reason
    assert answer.answered


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS saldo WHERE :id18 = :id15",  # other columns, and nobody found
        "SELECT paid_to, monthly_deposit FROM fund_account WHERE id_number IN (:id18, :id15)",
        "SELECT nonsense (",
    ],
)
def test_a_wrong_query_is_never_an_unknown_person(demo_settings: Settings, query: str) -> None:
    async def story() -> None:
        async with open_accounts(changed(demo_settings, fund_query=query)) as accounts:
            for keyed in (RICH, NOBODY):
                assert isinstance(await accounts.fund(number(keyed)), Unavailable)
            assert await accounts.fault() is not None

    asyncio.run(story())


def test_a_locked_database_is_no_answer_and_comes_back(demo_settings: Settings) -> None:
    path = demo_settings.home / "accounts.sqlite"
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("PRAGMA journal_mode = DELETE")
    lock.execute("BEGIN EXCLUSIVE")
    settings = changed(demo_settings, query_seconds=0.3)

    async def story() -> None:
        async with open_accounts(settings) as accounts:
            assert isinstance(await accounts.fund(number(RICH)), Unavailable)
            lock.rollback()
            assert isinstance(await accounts.fund(number(RICH)), Found)

    asyncio.run(story())
    lock.close()


def test_no_reason_and_no_log_names_the_person(
    demo_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    query = "SELECT 1/0 AS balance, CAST(:id18 AS INTEGER) AS paid_to, json(:id15 || '{') AS other"
    answer = asyncio.run(fund(changed(demo_settings, fund_query=query), RICH))
    assert isinstance(answer, Unavailable)
    told = answer.reason + caplog.text
    assert "could not be asked for" in told
    assert RICH not in told
