"""Look-ups: every outcome, either form of the number, and a database that does not answer."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
import time
from decimal import Decimal

import pytest
from pydantic import SecretStr

from ivr.accounts import (
    Empty,
    Found,
    Fund,
    Loan,
    NotFound,
    Several,
    Unavailable,
)
from ivr.accounts.database import open_accounts
from ivr.accounts.demo import PEOPLE
from ivr.accounts.sources import POOL
from ivr.accounts.store import prepared
from ivr.config import AccountsSettings, Settings, SettingsError
from ivr.people.identity import IdNumber, parse
from ivr.people.sensitive import Sensitive

NORMAL = "990101199001010019"


def number(text: str) -> IdNumber:
    parsed = parse(text, verify=False)
    assert isinstance(parsed, IdNumber)
    return parsed


def asked(settings: Settings, text: str) -> tuple[object, object]:
    async def both() -> tuple[object, object]:
        async with open_accounts(settings) as accounts:
            return await accounts.fund(number(text)), await accounts.loan(number(text))

    return asyncio.run(both())


def with_accounts(settings: Settings, **changes: object) -> Settings:
    accounts = AccountsSettings(**{**settings.accounts.model_dump(), **changes})
    return settings.model_copy(update={"accounts": accounts})


def test_what_the_demo_people_hear(demo_settings: Settings) -> None:
    fund, loan = asked(demo_settings, "990102200012120127")
    assert fund == Found(
        Fund("2026-10", Sensitive(Decimal("1680.32")), Sensitive(Decimal("12345.67")))
    )
    assert loan == Found(Loan(360, 2, Sensitive(Decimal("798650.08"))))
    assert asked(demo_settings, "990203197811071111")[1] == Found(
        Loan(120, 120, Sensitive(Decimal("0.00")))
    )
    assert asked(demo_settings, "999999196606062771") == (Empty(), Empty())
    assert asked(demo_settings, "990101198507151017") == (Several(), Several())
    assert asked(demo_settings, "440524188001010014") == (NotFound(), NotFound())
    assert all(isinstance(number(person.id_number), IdNumber) for person in PEOPLE)


@pytest.mark.parametrize("keyed", [NORMAL, "990101900101001"])
def test_fifteen_and_eighteen_digits_are_one_person(demo_settings: Settings, keyed: str) -> None:
    """The demo stores this person's fund under 18 digits and the loan under 15."""
    fund, loan = asked(demo_settings, keyed)
    assert isinstance(fund, Found)
    assert isinstance(loan, Found)


def test_under_both_forms_there_are_several(demo_settings: Settings) -> None:
    database = sqlite3.connect(demo_settings.home / "accounts.sqlite")
    with database:
        database.execute("INSERT INTO fund_account VALUES ('990101900101001', '2026-10', '1', '2')")
    database.close()
    assert asked(demo_settings, NORMAL)[0] == Several()


def test_a_person_never_had_fifteen_digits(demo_settings: Settings) -> None:
    """Born in 2000: the short form of another person must not be asked for."""
    assert isinstance(asked(demo_settings, "990102200012120127")[0], Found)
    assert asked(demo_settings, "990102001212012")[0] == NotFound()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT paid_to, monthly_deposit, balance FROM no_such_table WHERE :id18 = :id15",
        "SELECT paid_to, balance FROM fund_account WHERE id_number = :id18",
        "SELECT paid_to, monthly_deposit, balance FROM fund_account WHERE id_number = :other",
    ],
    ids=["no table", "no column", "unknown parameter"],
)
def test_nonsense_is_unavailable_and_never_not_found(demo_settings: Settings, query: str) -> None:
    outcome = asked(with_accounts(demo_settings, fund_query=query), NORMAL)[0]
    assert isinstance(outcome, Unavailable)
    assert NORMAL not in outcome.reason
    assert outcome.reason


def test_no_database_is_unavailable(settings: Settings) -> None:
    """SQLite would make an empty file, and `ivr run` would take it for the centre's own."""
    assert [type(outcome) for outcome in asked(settings, NORMAL)] == [Unavailable, Unavailable]
    assert not (settings.home / "accounts.sqlite").exists()


def test_the_queries_are_settings(settings: Settings) -> None:
    """A centre's own tables, by the names of JGJ/T 320."""
    path = settings.home / "centre.sqlite"
    centre = sqlite3.connect(path)
    with centre:
        centre.executescript(
            "CREATE TABLE GRZHXX (ZJHM, DWZH, GRYJCE, DWYJCE, GRZHYE);"
            "CREATE TABLE DWZHXX (DWZH, JZNY);"
            "CREATE TABLE DKZHXX (JKRZJH, DKQS, DKYE, YHQS);"
            f"INSERT INTO GRZHXX VALUES ('{NORMAL}', 'D1', 600.16, 600.16, 56000.5);"
            "INSERT INTO DWZHXX VALUES ('D1', '202610');"
            f"INSERT INTO DKZHXX VALUES ('{NORMAL}', 240, 312000, 102);"
        )
    centre.close()
    ours = with_accounts(
        settings,
        url=SecretStr(f"sqlite+aiosqlite:///{path}"),
        fund_query="SELECT d.JZNY AS paid_to, g.GRYJCE + g.DWYJCE AS monthly_deposit,"
        " g.GRZHYE AS balance FROM GRZHXX g JOIN DWZHXX d ON d.DWZH = g.DWZH"
        " WHERE g.ZJHM IN (:id18, :id15)",
        loan_query="SELECT DKQS / 12 AS term_years, YHQS AS periods_repaid, DKYE AS balance"
        " FROM DKZHXX WHERE JKRZJH IN (:id18, :id15)",
    )
    assert asked(ours, NORMAL) == (
        Found(Fund("2026-10", Sensitive(Decimal("1200.32")), Sensitive(Decimal("56000.50")))),
        Found(Loan(240, 102, Sensitive(Decimal("312000.00")))),
    )


def test_both_queries_find_by_index(demo_settings: Settings) -> None:
    """Ten million accounts must be answered without reading them all."""
    ours = demo_settings.accounts
    with prepared(demo_settings.home / "accounts.sqlite") as database:
        for query in (ours.fund_query, ours.loan_query):
            plan = database.execute(
                f"EXPLAIN QUERY PLAN {query}", {"id18": NORMAL, "id15": NORMAL}
            ).fetchall()
            assert "SCAN" not in str(plan)
            assert "USING INDEX" in str(plan)


def test_a_database_that_accepts_and_says_nothing_costs_no_more_than_the_limit(
    settings: Settings,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        ours = with_accounts(
            settings,
            url=SecretStr(f"postgresql+psycopg://u:p@127.0.0.1:{port}/accounts"),
            query_seconds=0.3,
        )
        began = time.monotonic()
        outcomes = asked(ours, NORMAL)
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        assert time.monotonic() - began < 3, "the caller waited longer than the limit"


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT '2026-10' AS paid_to, 1 AS monthly_deposit, 1 AS balance, '正常' AS status"
    " FROM n WHERE i < 0 AND :id18 <> ''"
)


@pytest.mark.parametrize("seconds", [0.2, 0.001, 0.000001])
def test_a_query_of_a_file_that_does_not_end_is_broken_off(
    demo_settings: Settings, seconds: float
) -> None:
    """And its thread is free: more of them than there are threads, and the program can end; also
    where nobody waits any more before it has begun.
    """

    async def all_at_once() -> list[object]:
        ours = with_accounts(demo_settings, fund_query=ENDLESS, query_seconds=seconds)
        async with open_accounts(ours) as accounts:
            asked = (accounts.fund(number(NORMAL)) for _ in range(3 * POOL))
            return list(await asyncio.gather(*asked))

    before = threading.active_count()
    assert {type(each) for each in asyncio.run(all_at_once())} == {Unavailable}
    deadline = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_who_asks_after_many_that_do_not_end_is_answered(demo_settings: Settings) -> None:
    """No thread of theirs is held."""

    async def one_after_all() -> object:
        ours = with_accounts(demo_settings, fund_query=ENDLESS, query_seconds=3.0)
        async with open_accounts(ours) as accounts:
            given_up = [asyncio.create_task(accounts.fund(number(NORMAL))) for _ in range(2 * POOL)]
            await asyncio.sleep(0.05)
            for each in given_up:
                each.cancel()
            return await accounts.loan(number(NORMAL))

    assert not isinstance(asyncio.run(one_after_all()), Unavailable)


def test_a_database_that_is_down(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = SecretStr(f"postgresql+psycopg://u:secret@127.0.0.1:{port}/accounts")
    outcome = asked(with_accounts(settings, url=url), NORMAL)[0]
    assert isinstance(outcome, Unavailable)
    assert "secret" not in outcome.reason


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("not a url", "no SQLAlchemy URL"),
        ("postgresql+psycopg2://u:secret@db/x", "async driver"),
        ("sqlite+odd:///var/accounts.sqlite", "async driver"),
        ("sqlite:///var/accounts.sqlite?mode=ro", "no options"),
        ("sqlite://", "no file"),
        ("oracle+oracledb_async://u:secret@db/x", "oracledb"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_start(
    settings: Settings, url: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=told) as refused:
        asked(with_accounts(settings, url=SecretStr(url)), NORMAL)
    assert "secret" not in str(refused.value)


def test_amounts_are_not_shown(demo_settings: Settings) -> None:
    shown = repr(asked(demo_settings, NORMAL))
    assert "56000" not in shown
