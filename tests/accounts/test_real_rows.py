"""`ivr doctor` asks a centre's own database for somebody whom it has, and shows nobody."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from ivr.accounts import Unavailable
from ivr.accounts.database import open_accounts
from ivr.accounts.sources import File
from ivr.config import AccountsSettings, Settings
from ivr.people.identity import IdNumber, parse
from ivr.upkeep import doctor
from tests.speech.test_readout import of

PEOPLE = ("990101199001010019", "990102200012120127", "990203197811071111")
FUND = (
    "SELECT d.JZNY AS paid_to, g.GRYJCE + g.DWYJCE AS monthly_deposit, g.GRZHYE AS balance,"
    " g.XYHK AS next_payment, g.GRZHZT AS status"
    " FROM GRZHXX g JOIN DWZHXX d ON d.DWZH = g.DWZH WHERE g.ZJHM IN (:id18, :id15)"
)
LOAN = (
    "SELECT DKQS AS term_months, YHQS AS periods_repaid, DKYE AS balance"
    " FROM DKZHXX WHERE JKRZJH IN (:id18, :id15)"
)


def centre(home: Path, *, paid_to: str = "202610", people: tuple[str, ...] = PEOPLE) -> None:
    file = sqlite3.connect(home / "centre.sqlite")
    with file:
        file.executescript(
            "CREATE TABLE GRZHXX (ZJHM, DWZH, GRYJCE, DWYJCE, GRZHYE, XYHK, GRZHZT);"
            "CREATE TABLE DWZHXX (DWZH, JZNY); CREATE TABLE DKZHXX (JKRZJH, DKQS, DKYE, YHQS);"
        )
        file.execute("INSERT INTO DWZHXX VALUES ('D1', ?)", [paid_to])
        file.executemany(
            "INSERT INTO GRZHXX VALUES (?, 'D1', 600.16, 600.16, 56000.5, 'soon', '77')",
            [(person,) for person in (*people, "外国人永居证", None)],
        )
        file.executemany(
            "INSERT INTO DKZHXX VALUES (?, 240, 1000, 2)", [(person,) for person in people]
        )
    file.close()


def found(home: Path, fund: str = FUND, loan: str = LOAN, **more: str) -> doctor.Finding:
    url = f"sqlite:///{home / 'centre.sqlite'}"
    chosen = AccountsSettings(url=url, fund_query=fund, loan_query=loan, **more)  # type: ignore[arg-type]
    finding = doctor.accounts(Settings(home=home, audio=home / "none", accounts=chosen))
    assert not any(person[6:14] in finding.detail for person in PEOPLE)
    return finding


def test_rows_that_can_be_told_are_well(tmp_path: Path) -> None:
    centre(tmp_path)
    finding = found(tmp_path)
    assert finding.ok, finding.detail
    assert not finding.warns


@pytest.mark.parametrize("paid_to", ["9999-12", "1900-01", "去年", "2026-13"])
def test_a_real_row_that_cannot_be_told_is_found_without_a_test_id(
    tmp_path: Path, paid_to: str
) -> None:
    centre(tmp_path, paid_to=paid_to)
    finding = found(tmp_path)
    assert not finding.ok
    assert "fund_query: 真实的一行里，列 paid_to" in finding.detail
    assert paid_to not in finding.detail


@pytest.mark.parametrize(
    ("fund", "people"),
    [
        (FUND.replace("g.ZJHM IN (:id18, :id15)", "CAST(g.ZJHM AS TEXT) = :id18"), PEOPLE),
        (FUND, ()),
    ],
    ids=["the text does not tell", "nobody there"],
)
def test_where_no_real_row_can_be_had_it_says_so(
    tmp_path: Path, fund: str, people: tuple[str, ...]
) -> None:
    centre(tmp_path, people=people)
    finding = found(tmp_path, fund)
    assert finding.ok
    assert finding.warns
    assert "fund_query 只核对了列" in finding.detail
    assert "accounts.test_id" in finding.detail


@pytest.mark.parametrize(
    ("said", "well", "told"),
    [
        ("余额{balance:amount}[，{status:account_status}]。", True, "列 status 的编码不在"),
        ("本期应还{next_payment:amount}，余额{balance:amount}。", False, "next_payment"),
        ("余额{balance:amount}，缴至{paid_to:year_month}。", True, "both queries run"),
    ],
)
def test_the_columns_of_the_centres_own_readout_are_looked_at(
    tmp_path: Path, said: str, well: bool, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = of(tmp_path, said, FUND)
    monkeypatch.setattr(doctor, "load", lambda *_: spoken)
    centre(tmp_path)
    file = sqlite3.connect(tmp_path / "centre.sqlite")
    with file:
        file.execute("DELETE FROM DKZHXX")  # that set has no readout of loans
    file.close()
    finding = found(tmp_path)
    assert finding.ok == well, finding.detail
    assert told in finding.detail


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (
            AssertionError("Could not determine version from string 'KingbaseES V008R006C008'"),
            "自报的版本",
        ),
        (
            AssertionError("Could not determine version from string '(openGauss 5)'"),
            "自报的版本",
        ),
        (RuntimeError("coroutine ignored"), "RuntimeError"),
        (KeyError("server_version"), "KeyError"),
        (NotImplementedError(), "NotImplementedError"),
    ],
)
def test_whatever_a_driver_raises_is_a_fault_with_a_cause(
    tmp_path: Path, raised: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise raised

    centre(tmp_path)
    monkeypatch.setattr(File, "_opened", refused)
    finding = found(tmp_path)
    assert not finding.ok
    assert told in finding.detail
    url = f"sqlite:///{tmp_path / 'centre.sqlite'}"
    chosen = Settings(home=tmp_path, accounts=AccountsSettings(url=url))  # type: ignore[arg-type]

    async def asked() -> object:
        number = parse(PEOPLE[0], verify=False)
        assert isinstance(number, IdNumber)
        async with open_accounts(chosen) as accounts:
            return await accounts.fund(number)

    assert isinstance(asyncio.run(asked()), Unavailable)
