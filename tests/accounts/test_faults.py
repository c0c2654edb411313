"""A real database that answers nonsense, or nothing, and then comes back."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry

from ivr.accounts import Found, Unavailable, Unsayable, rows
from ivr.accounts.database import open_accounts
from ivr.accounts.untold import Untold
from ivr.config import AccountsSettings, Settings
from ivr.people.identity import IdNumber, parse
from ivr.people.sensitive import Sensitive

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


def row(settings: Settings, column: str, value: str) -> object:
    """What the fund query comes to when a column holds this."""
    columns = {"paid_to": "'2026-10'", "monthly_deposit": "1", "balance": "1", column: value}
    selected = ", ".join(f"{given} AS {name}" for name, given in columns.items())
    query = f"SELECT {selected} WHERE '-' NOT IN (:id18, :id15)"
    return asyncio.run(fund(changed(settings, fund_query=query), RICH))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("balance", "'NaN'"),
        ("balance", "'much'"),
        ("balance", "1e30"),
        ("balance", "-5"),
        ("balance", "1234567890"),
        ("balance", "999999999.995"),
        ("balance", "'１２'"),
        ("balance", "'1_000'"),
        ("balance", "x'FF'"),
        ("monthly_deposit", "'unknown'"),
        ("paid_to", "'soon'"),
        ("paid_to", "'-202610'"),
        ("paid_to", "202613"),
        ("paid_to", "'1900-01'"),
        ("paid_to", "'9999-12'"),
        ("paid_to", "'1900-01-01'"),
    ],
)
def test_what_no_call_can_say_is_told_by_its_column(
    demo_settings: Settings, column: str, value: str
) -> None:
    assert row(demo_settings, column, value) == Unsayable(column)


@pytest.mark.parametrize("empty", ["NULL", "''", "'   '"])
@pytest.mark.parametrize("column", ["paid_to", "monthly_deposit"])
def test_what_a_centre_does_not_know_is_left_out(
    demo_settings: Settings, column: str, empty: str
) -> None:
    answer = row(demo_settings, column, empty)
    assert isinstance(answer, Found)
    assert getattr(answer.account, column) is None


@pytest.mark.parametrize(
    "value", ["202610", "'202610  '", "'2026/10'", "'2026-10-31'", "'2026-10-01 00:00:00'"]
)
def test_a_month_in_any_form_of_a_driver(demo_settings: Settings, value: str) -> None:
    answer = row(demo_settings, "paid_to", value)
    assert isinstance(answer, Found)
    assert answer.account.paid_to == "2026-10"


@pytest.mark.parametrize(
    ("driver", "months"),
    [
        ({"term_years": Decimal("20.0000")}, 240),
        ({"term_years": 20.0}, 240),
        ({"term_years": "20"}, 240),
        ({"term_years": Decimal("1.5000")}, 18),
        ({"term_years": Decimal("1.6667")}, 20),
        ({"term_years": Decimal("0.5")}, 6),
        ({"term_months": Decimal("18.0")}, 18),
        ({"term_months": "018 "}, 18),
        ({"term_months": None, "term_years": 2}, 24),
        ({"term_months": None}, None),
        ({"term_years": 0}, "term_years"),
        ({"term_years": 60}, "term_years"),
        ({"term_years": Decimal("1.51")}, "term_years"),
        ({"term_months": 601}, "term_months"),
        ({"term_months": "二十"}, "term_months"),
    ],
)
def test_a_term_as_drivers_write_it(driver: dict[str, object], months: object) -> None:
    answer = rows.outcome([{"periods_repaid": 3, "balance": 1, **driver}], rows.loan)
    if isinstance(months, str):
        assert answer == Unsayable(months)
    else:
        assert isinstance(answer, Found)
        assert answer.account.term_months == months


@pytest.mark.parametrize("periods", [1000, -1, "3.5", "许多"])
def test_periods_beyond_what_is_said(periods: object) -> None:
    row = {"term_years": 20, "periods_repaid": periods, "balance": 1}
    assert rows.outcome([row], rows.loan) == Unsayable("periods_repaid")


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        ("20.0000", "20"),
        (Decimal("20.0000"), "20"),
        (20.0, "20"),
        (" 007.0 ", "007"),
        ("20.5", "20.5"),
        ("2026.01", "2026.01"),
        ("1.0.0", "1.0.0"),
    ],
)
def test_a_whole_number_is_one_in_every_type_of_a_column(driver: object, said: str) -> None:
    row = {"paid_to": None, "monthly_deposit": None, "balance": 1, "times": driver}
    answer = rows.outcome([row], rows.fund)
    assert isinstance(answer, Found)
    assert answer.account.others["times"] == Sensitive(said)


def test_half_a_cent_is_rounded_as_money_is() -> None:
    row = {"paid_to": None, "monthly_deposit": None, "balance": "0.125"}
    answer = rows.outcome([row], rows.fund)
    assert isinstance(answer, Found)
    assert answer.account.balance == Sensitive(Decimal("0.13"))


def test_the_operator_is_told_once_of_a_column_and_counts_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    untold = Untold(registry)
    for _ in range(3):
        untold.tell("fund", "balance")
    assert len(caplog.records) == 1
    labels = {"source": "fund", "column": "balance"}
    assert registry.get_sample_value("ivr_accounts_untold_total", labels) == 3


def test_an_unknown_code_is_counted_each_time_and_told_once_by_its_column(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    untold = Untold(registry)
    for _ in range(3):
        untold.leave_out("fund", "status")
    untold.tell("fund", "status")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "列 status" in caplog.text
    labels = {"source": "fund", "column": "status"}
    assert registry.get_sample_value("ivr_accounts_unknown_codes_total", labels) == 3


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
            while not isinstance(await accounts.fund(number(RICH)), Found):
                pass  # a busy machine may need longer than 0.3 s

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
