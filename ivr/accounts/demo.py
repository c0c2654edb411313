"""Accounts of people who do not exist, to try the line with (domain, 演示账户)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ivr.accounts.store import prepared


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """An invented ID number (99… is no province) and what the line says for it."""

    id_number: str
    shows: str

    @property
    def keys(self) -> str:
        """As it is keyed: the star stands for X, and a # ends fifteen digits."""
        return self.id_number.replace("X", "*") + "#" * (len(self.id_number) == 15)


PEOPLE = (
    DemoPerson("990101199001010019", "正常户，余额56000.00；有贷款"),
    DemoPerson("990102200012120127", "角分都有，余额12345.67；有贷款"),
    DemoPerson("990203197811071111", "零元户；贷款余额为零"),
    DemoPerson("999999196606062771", "余额为空：您输入的账号不存在"),
    DemoPerson("990101198507151017", "两个账户：请办理并户手续"),
    DemoPerson("11010519491231002X", "末位X，按星号键；余额100500.05"),
    DemoPerson("990101900101001", "十五位旧号，与第一位是同一人"),
)
_FUND = (
    ("990101199001010019", "2026-10", "1200.00", "56000.00"),
    ("990102200012120127", "2026-10", "1680.32", "12345.67"),
    ("990203197811071111", "2026-09", "800.00", "0.00"),
    ("999999196606062771", "2026-10", "1500.00", None),
    ("990101198507151017", "2026-10", "900.00", "2300.00"),
    ("990101198507151017", "2019-03", "450.00", "1200.50"),
    ("11010519491231002X", "2026-10", "2400.00", "100500.05"),
)
_LOAN = (
    ("990101900101001", 20, 102, "312000.50"),
    ("990102200012120127", 30, 2, "798650.08"),
    ("990203197811071111", 10, 120, "0.00"),
    ("999999196606062771", 15, 60, None),
    ("990101198507151017", 20, 36, "260000.00"),
    ("990101198507151017", 5, 60, "1000.00"),
)

PASSWORD = "135790"  # noqa: S105  of people who do not exist
"""Query password of all of them, asked for only where the settings want one."""
_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$Be73jLPJP1M0KGmoIa1OXQ$"
    "uyRc6PZSYmLW5mJyRLy3lIr7krC94EdqJDOBOHZDn/I"
)


class NotADemo(Exception):
    """The database holds accounts that are not ours: they are left alone."""


def holds_demo(database: Path) -> bool:
    """Whether these are the accounts of a database; it is only looked at."""
    try:
        with closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        ) as opened:
            return _present(opened) == _expected()
    except sqlite3.Error:
        return False


def _present(connection: sqlite3.Connection) -> list[str]:
    """The fund accounts that are there, as far as it takes to know them for ours."""
    rows = connection.execute("SELECT * FROM fund_account").fetchmany(len(_FUND) + 1)
    return sorted(map(repr, rows))


def _expected() -> list[str]:
    return sorted(map(repr, _FUND))


def make_demo(database: Path) -> bool:
    """Fill an empty database with the demo accounts; False when it holds them already."""
    with prepared(database) as connection:
        present = _present(connection)
        if present == _expected():
            return False
        if present:
            raise NotADemo(f"{database} holds other accounts; they are left as they are")
        connection.executemany("INSERT INTO fund_account VALUES (?, ?, ?, ?)", _FUND)
        connection.execute("DELETE FROM loan_account")
        connection.executemany("INSERT INTO loan_account VALUES (?, ?, ?, ?)", _LOAN)
        holders = [(each.id_number, _HASH) for each in PEOPLE if len(each.id_number) == 18]
        connection.execute("DELETE FROM query_password")
        connection.executemany("INSERT INTO query_password VALUES (?, ?)", holders)
        connection.commit()
    return True
