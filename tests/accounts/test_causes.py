"""Why a database does not answer is told by its cause, and nothing of the person asked for."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from pathlib import Path

import pytest

from ivr.accounts.causes import cause
from ivr.accounts.database import open_accounts
from ivr.accounts.demo import make_demo
from ivr.config import AccountsSettings, Settings, SettingsError


class DriverError(Exception):
    """As SQLAlchemy hands a driver's error on."""

    def __init__(self, said: str) -> None:
        super().__init__("(wrapped)")
        self.orig = Exception(said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('connection to server at "10.0.0.5", port 5432 failed: Connection refused', "连接被拒绝"),
        ("(2003, \"Can't connect to MySQL server on 'db' ([Errno 111])\")", "连接被拒绝"),
        ("ORA-12541: TNS:no listener", "连接被拒绝"),
        ("failed: No route to host", "网络到不了那台主机"),
        ("[Errno -2] Name or service not known", "主机名解析不了"),
        ("failed to resolve host 'db.gjj': [Errno -3] Temporary failure", "主机名解析不了"),
        ('FATAL:  password authentication failed for user "ivr"', "用户名或口令不对"),
        ("(1045, \"Access denied for user 'ivr'@'x' (using password: YES)\")", "用户名或口令不对"),
        ("ORA-01017: invalid username/password; logon denied", "用户名或口令不对"),
        ("Login failed for user 'ivr'. (18456)", "用户名或口令不对"),
        ('FATAL:  database "gj" does not exist', "没有这个库"),
        ("(1049, \"Unknown database 'gj'\")", "没有这个库"),
        ('column "grzhye2" does not exist LINE 1: SELECT grzhye2', "列 grzhye2 不存在"),
        ("(1054, \"Unknown column 'GRZHYE2' in 'field list'\")", "列 GRZHYE2 不存在"),
        ('ORA-00904: "GRZHYE2": invalid identifier', "列 GRZHYE2 不存在"),
        ("Invalid column name 'GRZHYE2'. (207)", "列 GRZHYE2 不存在"),
        ("no such column: GRZHYE2", "列 GRZHYE2 不存在"),
        ('relation "grzhxx" does not exist', "表 grzhxx 不存在"),
        ("(1146, \"Table 'gjj.GRZHXX' doesn't exist\")", "表 gjj.GRZHXX 不存在"),
        ("no such table: GRZHXX", "表 GRZHXX 不存在"),
        ('permission denied for table "grzhxx"', "没有读的权限"),
        ('syntax error at or near "FORM"', "不是合格的 SQL"),
        ("(1064, 'You have an error in your SQL syntax')", "不是合格的 SQL"),
        ("A value is required for bind parameter 'id'", ":id18 和 :id15"),
        ("connection timeout expired", "没有回应"),
        ("database disk image is malformed", "已损坏"),
    ],
)
def test_drivers_own_words_lead_to_the_cause(said: str, told: str) -> None:
    assert told in cause(DriverError(said))


def test_nothing_of_the_person_is_told() -> None:
    told = cause(DriverError('invalid input syntax for type bigint: "11010519491231002X"'))
    assert told == "Exception"


def fault(settings: Settings) -> str | None:
    async def asked() -> str | None:
        async with open_accounts(settings) as accounts:
            return await accounts.fault()

    return asyncio.run(asked())


def with_query(home: Path, **accounts: str) -> Settings:
    make_demo(home / "accounts.sqlite")
    return Settings(home=home, accounts=AccountsSettings(**accounts))


def test_a_query_that_asks_for_nobody_is_found(tmp_path: Path) -> None:
    query = "SELECT paid_to, monthly_deposit, balance, :id18 AS asked FROM fund_account"
    told = fault(with_query(tmp_path, fund_query=query))
    assert told is not None
    assert told.startswith("fund_query: 没有人的证件号也查到了账户")


def test_the_query_that_is_wrong_is_named(tmp_path: Path) -> None:
    query = "SELECT term_years, periods, balance FROM loan_account WHERE id_number = :id18"
    told = fault(with_query(tmp_path, loan_query=query))
    assert told is not None
    assert told.startswith("loan_query: 查询里的列 periods 不存在")


def test_a_damaged_file_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "accounts.sqlite").write_bytes(b"no database at all" * 100)
    assert "不是数据库，或已损坏" in str(fault(Settings(home=tmp_path)))


def test_a_server_that_is_not_there_refuses(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://u:secret@127.0.0.1:{free.getsockname()[1]}/d"
        told = fault(Settings(home=tmp_path, accounts=AccountsSettings(url=url)))  # type: ignore[arg-type]
    assert "连接被拒绝" in str(told)
    assert "secret" not in str(told)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql+pymysql://u@h/d", r"mysql\+asyncmy://"),
        ("mysql+asyncmy://u@h/d", "pip install asyncmy"),
        ("sqlite+odd:////tmp/x", r"sqlite\+pysqlite://"),
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
    ],
)
def test_a_missing_driver_is_named(url: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=told):
        fault(Settings(home=tmp_path, accounts=AccountsSettings(url=url)))  # type: ignore[arg-type]


def test_an_import_leaves_a_file_that_needs_nothing_beside_it(tmp_path: Path) -> None:
    make_demo(tmp_path / "accounts.sqlite")
    with sqlite3.connect(tmp_path / "accounts.sqlite") as file:
        assert file.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["accounts.sqlite"]


def sample_fault(settings: Settings) -> str | None:
    async def asked() -> str | None:
        async with open_accounts(settings) as accounts:
            return await accounts.fault() or next(iter((await accounts.sample()).faults), None)

    return asyncio.run(asked())


def test_a_real_row_is_asked_for_and_read(tmp_path: Path) -> None:
    """The README's own DKQS / 12 ran for nobody, and failed for everybody."""
    assert sample_fault(with_query(tmp_path)) is None
    query = (
        "SELECT CASE WHEN :id18 = '-' THEN 20 ELSE 'soon' END AS term_years, periods_repaid,"
        " balance FROM loan_account WHERE id_number IN (:id18, :id15)"
    )
    settings = with_query(tmp_path, loan_query=query)
    assert fault(settings) is None
    told = str(sample_fault(settings))
    assert "loan_query: 真实的一行里，列 term_years" in told
    assert "soon" not in told


def test_the_row_of_a_person_of_the_settings(tmp_path: Path) -> None:
    assert sample_fault(with_query(tmp_path, test_id="990102200012120127")) is None
    told = str(sample_fault(with_query(tmp_path, test_id="440524188001010014")))
    assert "test_id 查不到" in told
    assert "440524" not in told
    with pytest.raises(SettingsError, match=r"accounts\.test_id 不是"):
        sample_fault(with_query(tmp_path, test_id="123"))
