"""A centre's CSV files into the database: whole or not at all, every bad line named."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ivr.accounts import store
from ivr.accounts.demo import NotADemo, make_demo
from ivr.accounts.exports import FUND, LOAN, Table, import_exports
from ivr.accounts.store import ImportRefused, prepared

FUND_HEADER = "id_number,paid_to,monthly_deposit,balance"
LOAN_HEADER = "id_number,term_years,periods_repaid,balance"
GOOD = "990101199001010019,2026-10,1200.00,56000.00"


def written(folder: Path, *lines: str, encoding: str = "utf-8", name: str = "fund.csv") -> Path:
    path = folder / name
    path.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    return path


def imported(folder: Path, table: Table, path: Path) -> list[tuple[object, ...]]:
    database = folder / "accounts.sqlite"
    import_exports(database, [(table, path)])
    return rows(database, table)


def rows(database: Path, table: Table) -> list[tuple[object, ...]]:
    with sqlite3.connect(database) as connection:
        found = connection.execute(f"SELECT * FROM {table.name} ORDER BY rowid").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    path = written(
        tmp_path,
        "姓名,id_number,paid_to,monthly_deposit,balance,单位",
        "张三𠮷,990101199001010019,2026-10,1200.00,56000.00,示范㐂公司",
        encoding=encoding,
    )
    assert imported(tmp_path, FUND, path) == [
        ("990101199001010019", "2026-10", "1200.00", "56000.00")
    ]


def test_loan_file_and_lower_case_x(tmp_path: Path) -> None:
    path = written(tmp_path, LOAN_HEADER, "11010519491231002x,20,102,312000.5")
    assert imported(tmp_path, LOAN, path) == [("11010519491231002X", 20, 102, "312000.50")]


def test_an_empty_balance_is_null_and_zero_is_not(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        FUND_HEADER,
        "990101199001010019,2026-10,1200,",
        '990203197811071111,2026-09,"1,200.00",0',
    )
    assert imported(tmp_path, FUND, path) == [
        ("990101199001010019", "2026-10", "1200.00", None),
        ("990203197811071111", "2026-09", "1200.00", "0.00"),
    ]


def test_columns_may_stand_in_any_order_and_fifteen_digits_are_kept(tmp_path: Path) -> None:
    path = written(
        tmp_path, "balance, paid_to ,id_number,monthly_deposit", "1.50,2026-01,990101900101001,2"
    )
    assert imported(tmp_path, FUND, path) == [("990101900101001", "2026-01", "2.00", "1.50")]


BAD = [
    ("123,2026-10,1200.00,1.00", "id_number"),
    ("990101199001010019,2026.1,1200.00,1.00", "paid_to"),
    ("990101199001010019,2026-13,1200.00,1.00", "paid_to"),
    ("990101199001010019,2026-10,1e3,1.00", "monthly_deposit"),
    ("990101199001010019,2026-10,1200.00,1.005", "balance"),
    ("990101199001010019,2026-10,1200.00,-1.00", "balance"),
    ("990101199001010019", "fields do not fit"),
]


def test_every_bad_line_is_named_and_nothing_is_imported(tmp_path: Path) -> None:
    database = tmp_path / "accounts.sqlite"
    make_demo(database)
    before = rows(database, FUND), rows(database, LOAN)
    fund = written(tmp_path, FUND_HEADER, GOOD, *(line for line, _ in BAD), GOOD)
    loan = written(tmp_path, LOAN_HEADER, "990101199001010019,x,1,1", name="loan.csv")
    with pytest.raises(ImportRefused) as refused:
        import_exports(database, [(FUND, fund), (LOAN, loan)])
    told = str(refused.value).splitlines()
    for number, (_, column) in enumerate(BAD, 3):
        assert column in next(line for line in told if line.startswith(f"fund.csv:{number}:"))
    assert any(line.startswith("loan.csv:2:2: term_years") for line in told)
    assert len(told) == 1 + len(BAD) + 1
    assert (rows(database, FUND), rows(database, LOAN)) == before


def test_what_stands_in_a_bad_line_is_not_repeated(tmp_path: Path) -> None:
    fund = written(tmp_path, FUND_HEADER, "99010119900101001,2026-10,1200.00,98765.432")
    with pytest.raises(ImportRefused) as refused:
        import_exports(tmp_path / "accounts.sqlite", [(FUND, fund)])
    assert "99010119900101001" not in str(refused.value)
    assert "98765" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the header lacks id_number, paid_to, monthly_deposit, balance"),
        (b"id_number,paid_to,balance\r\n", "the header lacks monthly_deposit"),
        (b"\xff\xfei\x00d\x00\xff\xdb", "the file is cut off"),
    ],
    ids=["empty", "a column is missing", "no text"],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "fund.csv"
    path.write_bytes(content)
    with pytest.raises(ImportRefused, match=f"fund.csv:1:1: .*{told}"):
        import_exports(tmp_path / "accounts.sqlite", [(FUND, path)])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"none\.csv cannot be read"):
        import_exports(tmp_path / "accounts.sqlite", [(FUND, tmp_path / "none.csv")])


def test_an_import_replaces_its_own_table_only(tmp_path: Path) -> None:
    database = tmp_path / "accounts.sqlite"
    make_demo(database)
    loans = rows(database, LOAN)
    (done,) = import_exports(database, [(FUND, written(tmp_path, FUND_HEADER, GOOD))])
    assert (done.table, done.rows, done.doubtful) == ("fund_account", 1, 0)
    assert len(rows(database, FUND)) == 1
    assert rows(database, LOAN) == loans


def test_numbers_that_nobody_can_key_in_are_counted(tmp_path: Path) -> None:
    wrong = "990101199001010018,2026-10,1200.00,1.00"
    fund = written(tmp_path, FUND_HEADER, *[GOOD] * 99, wrong)
    (done,) = import_exports(tmp_path / "accounts.sqlite", [(FUND, fund)], sure=True)
    assert (done.rows, done.doubtful) == (100, 1)


def test_callers_see_the_old_accounts_until_the_new_ones_are_whole(tmp_path: Path) -> None:
    database = tmp_path / "accounts.sqlite"
    make_demo(database)
    with prepared(database) as writer:
        writer.execute("DELETE FROM fund_account")
        assert len(rows(database, FUND)) == 7
    assert len(rows(database, FUND)) == 7


def test_a_second_import_meanwhile_is_told_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.1)
    database = tmp_path / "accounts.sqlite"
    fund = written(tmp_path, FUND_HEADER, GOOD)
    with prepared(database), pytest.raises(ImportRefused, match="another import"):
        import_exports(database, [(FUND, fund)])


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "accounts.sqlite"
    database.write_bytes(b"somebody's letter" * 100)
    with pytest.raises(ImportRefused, match=r"accounts\.sqlite"):
        import_exports(database, [(FUND, written(tmp_path, FUND_HEADER, GOOD))])
    assert database.read_bytes().startswith(b"somebody's letter")


def test_the_demo_is_made_once_and_never_over_other_accounts(tmp_path: Path) -> None:
    database = tmp_path / "accounts.sqlite"
    assert make_demo(database)
    assert not make_demo(database)
    import_exports(database, [(FUND, written(tmp_path, FUND_HEADER, GOOD))])
    with pytest.raises(NotADemo):
        make_demo(database)
    assert len(rows(database, FUND)) == 1


def test_others_cannot_read_the_database(tmp_path: Path) -> None:
    make_demo(tmp_path / "accounts.sqlite")
    assert (tmp_path / "accounts.sqlite").stat().st_mode & 0o077 == 0
