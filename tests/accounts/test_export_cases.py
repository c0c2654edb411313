"""Exports that were silently wrong, and their kind: taken exactly, or refused by their place."""

# ruff: noqa: RUF005  long lists of what people write, a few to a line
from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from ivr.accounts.demo import make_demo
from ivr.accounts.exports import FUND, LOAN, PASSWORD, ImportDoubted, Table, import_exports
from ivr.accounts.store import ImportRefused
from ivr.config import PROJECT
from ivr.people.identity import WrongNumber, lengthen, parse

CASES = Path(__file__).parent / "data"
ORIGINAL = PROJECT.parent / "shared" / "cases" / "csv"
HEADER = "id_number,paid_to,monthly_deposit,balance"
ID = "990202197501012013"
OTHERS = ("990202197602023029", "990202197703034034", "99020219780404504X")
ROW = f"{ID},2026-10,100.00,5.00"
SECRETS = (ID, *OTHERS, "12345", "1680", "680.32", "9999", "1900")


def taken(folder: Path, export: Path, table: Table = FUND, **more: object) -> list[tuple]:
    database = folder / "accounts.sqlite"
    import_exports(database, [(table, export)], **more)  # type: ignore[arg-type]
    connection = sqlite3.connect(database)
    found = connection.execute(f"SELECT * FROM {table.name} ORDER BY rowid").fetchall()
    connection.close()
    return found


def refused(folder: Path, export: Path, table: Table = FUND) -> str:
    """What is told; whatever was there before is there still."""
    database = folder / "accounts.sqlite"
    make_demo(database)
    with pytest.raises(ImportRefused) as refusal:
        import_exports(database, [(table, export)])
    told = str(refusal.value)
    assert not [secret for secret in SECRETS if secret in told.replace(export.name, "")]
    connection = sqlite3.connect(database)
    assert connection.execute("SELECT count(*) FROM fund_account").fetchall() == [(7,)]
    connection.close()
    assert [path.name for path in folder.iterdir() if path.name.startswith("import-")] == []
    return told


def export(folder: Path, *lines: str, header: str = HEADER) -> Path:
    return raw(folder, "\n".join([header, *lines, ""]).encode())


def raw(folder: Path, content: bytes) -> Path:
    path = folder / "e.csv"
    path.write_bytes(content)
    return path


@pytest.mark.shared
def test_the_cases_are_those_of_the_field() -> None:
    if not ORIGINAL.exists():
        pytest.skip("../shared is absent")
    for case in ORIGINAL.glob("*.csv"):
        assert (CASES / case.name).read_bytes() == case.read_bytes()


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("thousands-unquoted", ":2:3: 这一行有 6 列，表头有 4 列"),
        ("field-missing", ":2:4: 这一行有 3 列，表头有 4 列"),
        ("comma-misplaced", ":2:4: balance（余额）逗号不在千位上"),
        ("quote-unclosed", ":2:2: 引号没有成对"),
        ("column-twice", ":1:5: balance 有 2 列"),
        ("paid-to-1900", ":2:2: paid_to（缴至年月）年份不在 1980 到 2060"),
        ("paid-to-9999", ":2:2: paid_to（缴至年月）年份不在 1980 到 2060"),
        ("balance-ten-digits", ":2:4: balance（余额）超过 999,999,999.99 元"),
        ("header-only", "一个账户也没有"),
        ("excel-lost-digits", "4 个证件号中有 4 个的校验码或生日不对（第 2、3、4、5 行"),
    ],
)
def test_a_case_that_is_refused(tmp_path: Path, case: str, told: str) -> None:
    assert told in refused(tmp_path, CASES / f"{case}.csv")


@pytest.mark.parametrize(
    ("case", "rows"),
    [
        ("good-excel-blank-rows", [("100.00", "5.00"), ("100.00", "6.00")]),
        ("good-oracle-decimals", [("0.50", "100500.05"), ("20.00", "7.00")]),
        ("header-chinese", [("100.00", "5.00")]),
        ("header-upper-tab", [("100.00", "5.00")]),
        ("utf16", [("100.00", "5.00")]),
    ],
)
def test_a_case_that_is_taken(tmp_path: Path, case: str, rows: list[tuple[str, str]]) -> None:
    found = taken(tmp_path, CASES / f"{case}.csv")
    assert found[0][:2] == (ID, "2026-10")
    assert [row[2:] for row in found] == rows


# --- what a field may hold --------------------------------------------------------------------


def judged(told: str) -> list[str]:
    """What is told of each line, in their order; the first line of `told` says that nothing is."""
    return told.splitlines()[1:]


AMOUNTS = {
    "5": "5.00", "0": "0.00", ".5": "0.50", "7.": "7.00", "0005.10": "5.10",
    "100500.0500": "100500.05", "999999999.99": "999999999.99", '"1,680.32"': "1680.32",
    '"12,345,678"': "12345678.00", " 5.00 ": "5.00", '"5.00"': "5.00", "": None, '""': None,
}  # fmt: skip


def test_an_amount_is_exact(tmp_path: Path) -> None:
    rows = (f"{ID},2026-10,1,{written}" for written in AMOUNTS)
    found = taken(tmp_path, export(tmp_path, *rows))
    assert [row[3] for row in found] == [*AMOUNTS.values()]


NO_AMOUNTS = {
    "-5.00": "负数",
    "(5.00)": "负数",
    "1e3": "科学计数法",
    "5.005": "超过两位小数",
    '"12345,67"': "逗号不在千位上",
    '"1,23,456.00"': "逗号不在千位上",
    '",123"': "逗号不在千位上",
    "¥5.00": "货币",
    "5.00元": "货币",
    "CNY 5.00": "货币",
    "５.00": "全角",
    "5，000.00": "全角",
    "NULL": "没有就空着",
    "\\N": "没有就空着",
    "-": "没有就空着",
    "1 680.32": "不是金额",
    "+5.00": "不是金额",
    ".": "不是金额",
    "5..0": "不是金额",
    "five": "货币",
    "1000000000": "没法播报",
    "9" * 30: "没法播报",
}


def test_what_is_no_amount_is_refused(tmp_path: Path) -> None:
    rows = (f"{ID},2026-10,1,{written}" for written in NO_AMOUNTS)
    said = judged(refused(tmp_path, export(tmp_path, f"{OTHERS[0]},2026-10,1,1", *rows)))
    for line, fault, told in zip(range(3, 100), said, NO_AMOUNTS.values(), strict=False):
        assert fault.startswith(f"e.csv:{line}:4: balance（余额）")
        assert told in fault
    assert len(said) == len(NO_AMOUNTS)


MONTHS = (
    ["2026-10", "202610", "2026/10", "2026年10月", "2026.10", "20261031", "2026-10-31"]
    + ["2026/10/1", "2026年10月1日", "2026-10-01 00:00:00", " 2026-10 "]
)  # fmt: skip


def test_a_month_in_any_form_without_doubt(tmp_path: Path) -> None:
    found = taken(tmp_path, export(tmp_path, *(f"{ID},{written},1,1" for written in MONTHS)))
    assert [row[1] for row in found] == ["2026-10"] * len(MONTHS)


def test_a_single_digit_of_a_month(tmp_path: Path) -> None:
    rows = [f"{ID},2026-1,1,1", f"{OTHERS[0]},2026/1,1,1", f"{OTHERS[1]},2026年1月,1,1"]
    assert {row[1] for row in taken(tmp_path, export(tmp_path, *rows))} == {"2026-01"}


NO_MONTHS = (
    ["2026-13", "2026-00", "202613", "2026.1", "26-10", "Oct-26", "10/2026", "2026-10-32"]
    + ["2026-02-30", "20261301", "2026", "45931", "２０２６-10", "1979-12", "2061-01", "0000-00"]
)  # fmt: skip


def test_a_month_in_doubt_is_refused(tmp_path: Path) -> None:
    rows = (f"{ID},{written},1,1" for written in NO_MONTHS)
    said = judged(refused(tmp_path, export(tmp_path, *rows)))
    assert len(said) == len(NO_MONTHS)
    for line, fault in enumerate(said, start=2):
        assert fault.startswith(f"e.csv:{line}:2: paid_to（缴至年月）")


KEPT_AS_TEXT = (
    [ID, f" {ID} ", f"'{ID}", f"'{ID}'", f'="{ID}"', f'"=""{ID}"""', f'"{ID}"', f"\u3000{ID}"]
    + [f"{ID}\u00a0", f"‘{ID}’"]
)  # fmt: skip


def test_a_number_kept_as_text_by_a_spreadsheet(tmp_path: Path) -> None:
    rows = (f"{written},2026-10,1,1" for written in KEPT_AS_TEXT)
    found = taken(tmp_path, export(tmp_path, *rows))
    assert [row[0] for row in found] == [ID] * len(KEPT_AS_TEXT)


NO_NUMBERS = {
    "9.90202E+17": "科学计数法",
    "9.9E+17": "科学计数法",
    "": "没有证件号",
    ID[:17]: "不是十五位或十八位",
    ID + "0": "不是十五位或十八位",
    ID[:17] + "Y": "不是十五位或十八位",
    "X" + ID[1:]: "不是十五位或十八位",
    "９９" + ID[2:]: "全角",
    f"{ID}.0": "不是十五位或十八位",
    "E12345678": "不是十五位或十八位",
}


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    rows = (f"{written},2026-10,1,1" for written in NO_NUMBERS)
    said = judged(refused(tmp_path, export(tmp_path, *rows)))
    assert len(said) == len(NO_NUMBERS)
    for line, (fault, told) in enumerate(zip(said, NO_NUMBERS.values(), strict=True), start=2):
        assert fault.startswith(f"e.csv:{line}:1: id_number（")
        assert told in fault


def loans(folder: Path, header: str, *written: str) -> Path:
    rows = (f"{ID},{each},3.0,5" for each in written)
    return export(folder, *rows, header=f"id_number,{header},periods_repaid,balance")


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("term_years", {"20": 20, "20.0000": 20, "1.5": 1.5, "1.6667": 1.6667, "": None}),
        ("term_months", {"240": 20, "18": 1.5, "7": 0.5833}),
        ("贷款期数", {"6": 0.5}),
        ("贷款期限（月）", {"360.0": 30}),
    ],
)
def test_a_term_in_years_or_in_months(
    tmp_path: Path, header: str, kept: dict[str, float | None]
) -> None:
    found = taken(tmp_path, loans(tmp_path, header, *kept), LOAN)
    assert found == [(ID, years, 3, "5.00") for years in kept.values()]


@pytest.mark.parametrize(
    ("header", "written"),
    [
        ("term_years", ("60", "51", "0", "1.51", "-1", "二十", "20年")),
        ("term_months", ("601", "0", "18.5")),
    ],
)
def test_a_term_that_cannot_be(tmp_path: Path, header: str, written: tuple[str, ...]) -> None:
    said = judged(refused(tmp_path, loans(tmp_path, header, *written), LOAN))
    assert len(said) == len(written)
    for line, fault in enumerate(said, start=2):
        assert fault.startswith(f"e.csv:{line}:2: {header}（")


def test_periods_that_cannot_be(tmp_path: Path) -> None:
    periods = ("1000", "-1", "3.5", "3期", "1e2")
    rows = (f"{ID},20,{each},5" for each in periods)
    path = export(tmp_path, *rows, header="id_number,term_years,periods_repaid,balance")
    said = judged(refused(tmp_path, path, LOAN))
    assert len(said) == len(periods)
    for line, fault in enumerate(said, start=2):
        assert fault.startswith(f"e.csv:{line}:3: periods_repaid（已还期数）")


# --- what a row may be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end", [b"\n", b"\r\n", b"\r"], ids=["Unix", "Windows", "an old Macintosh"]
)
def test_lines_may_end_in_any_way(tmp_path: Path, end: bytes) -> None:
    rows = [HEADER, ROW, "", f"{OTHERS[0]},2026-10,1,x", ""]
    assert ":4:4: " in refused(tmp_path, raw(tmp_path, end.join(row.encode() for row in rows)))
    rows[3] = f"{OTHERS[0]},2026-10,1,2"
    assert len(taken(tmp_path, raw(tmp_path, end.join(row.encode() for row in rows)))) == 2


def test_a_quoted_field_may_hold_what_parts_others(tmp_path: Path) -> None:
    header = f"姓名,{HEADER}"
    rows = [
        f'"张三, 一厂",{ROW}',
        f'"李""四""",{OTHERS[0]},2026-10,"1,000.00",6.00',
        f'"二厂\n三车间",{OTHERS[1]},2026-10,1,7.00',
        f"王五,{OTHERS[2]},2026-10,1,x",
    ]
    told = refused(tmp_path, export(tmp_path, *rows, header=header))
    assert ":6:5: balance（余额）" in told
    found = taken(tmp_path, export(tmp_path, *rows[:3], header=header), sure=True)
    assert [row[3] for row in found] == ["5.00", "6.00", "7.00"]


@pytest.mark.parametrize(
    ("rows", "at"),
    [
        ((f'"一厂,{ROW}',), ":2:1: "),
        ((f'一"厂,{ROW}',), ":2:1: "),
        ((f'"一"厂,{ROW}',), ":2:1: "),
        ((f'一厂",{ROW}',), ":2:1: "),
        ((f'"一厂,{ROW}', f'二厂",{OTHERS[0]},2026-10,1,6.00'), ":2:1: "),
        ((f"一厂,{ROW}", f'二厂,"{OTHERS[0]},2026-10,1,6.00'), ":3:2: "),
        ((f'一厂,{ROW}"', f'"二厂,{OTHERS[0]},2026-10,1,6.00'), ":2:5: "),
    ],
)
def test_a_stray_quote_swallows_nobody(tmp_path: Path, rows: tuple[str, ...], at: str) -> None:
    told = refused(tmp_path, export(tmp_path, *rows, header=f"单位,{HEADER}"))
    assert f"e.csv{at}引号没有成对" in told


def test_a_row_is_as_wide_as_its_header(tmp_path: Path) -> None:
    told = refused(tmp_path, export(tmp_path, ROW, f"{ROW},", f"{ROW},更多", ROW[:-5], ID))
    assert [line.partition(" ")[0] for line in told.splitlines()[1:]] == [
        "e.csv:3:5:",
        "e.csv:4:5:",
        "e.csv:5:4:",
        "e.csv:6:2:",
    ]


@pytest.mark.parametrize("blank", [",,,", "", "   ", " , , , ", '"","","",""', "\t", ",,,,,,,"])
def test_what_a_spreadsheet_leaves_of_deleted_rows(tmp_path: Path, blank: str) -> None:
    path = export(tmp_path, blank, ROW, blank, blank, f"{OTHERS[0]},2026-10,1,1", blank)
    assert len(taken(tmp_path, path)) == 2


def test_all_faults_are_told_at_once_and_bounded(tmp_path: Path) -> None:
    told = refused(tmp_path, export(tmp_path, *["1,2,3,4"] * 5000)).splitlines()
    assert len(told) < 500
    assert "另有 4900 行有错" in told[-1]
    assert told[-2].startswith("e.csv:101:")


# --- what a file may be -----------------------------------------------------------------------

CHINESE = f"姓名,{HEADER}\r\n张三,{ROW}\r\n李四,{OTHERS[0]},2026-10,1,6.00\r\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_any_encoding_without_doubt(tmp_path: Path, encoding: str) -> None:
    text = CHINESE if not encoding.startswith("utf-16-") else CHINESE.replace("姓名", "name")
    assert len(taken(tmp_path, raw(tmp_path, text.encode(encoding)))) == 2


def test_a_byte_order_mark_of_both_orders(tmp_path: Path) -> None:
    big = b"\xfe\xff" + CHINESE.encode("utf-16-be")
    assert len(taken(tmp_path, raw(tmp_path, big))) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (CHINESE.encode("utf-32"), ":1:1: 文件是 UTF-32"),
        (CHINESE.encode().replace(b"5.00", b"5.\0000"), ":2:1: 第 40 个字符是控制字符 (0x00)"),
        (CHINESE.encode() + "王".encode()[:2], ":4:1: 文件在第 1 个字符的中间断了"),
        (CHINESE.encode("gb18030") + b"\xcd", ":4:1: 文件在第 1 个字符的中间断了"),
        (CHINESE.encode("utf-16")[:-1], ":4:1: 文件在第 1 个字符的中间断了"),
        (CHINESE.encode().replace("四".encode(), b"\xff\xff"), ":3:1: 第 "),
        (b"PK\x03\x04 a workbook", "控制字符"),
    ],
    ids=["UTF-32", "NUL", "cut UTF-8", "cut GB18030", "cut UTF-16", "neither", "a workbook"],
)
def test_what_is_no_text_is_named_by_its_place(tmp_path: Path, content: bytes, told: str) -> None:
    assert told in refused(tmp_path, raw(tmp_path, content))


COMMAS = [at for at, letter in enumerate(reversed(ROW), start=1) if letter == ","]
CUTS = {1, 2, 3, len(ROW) - 2, *(cut + by for cut in COMMAS for by in (-1, 0, 1))}
"""About each place where a field ends, and at the row's ends; some others by chance."""


@pytest.mark.parametrize(
    "cut", sorted({*CUTS, *random.Random(12329).sample(range(1, len(ROW) - 1), 4)})
)
def test_a_transfer_that_broke_off_is_not_taken(tmp_path: Path, cut: int) -> None:
    """Wherever in the last row it broke: the row does not fit, or is doubted."""
    whole = f"{HEADER}\n{ROW.replace(ID, OTHERS[0])}\n{ROW}"
    refused(tmp_path, raw(tmp_path, whole[:-cut].encode()))


def test_a_last_line_needs_no_end(tmp_path: Path) -> None:
    whole = f"{HEADER}\n{ROW}\n{OTHERS[0]},2026-10,1,12345.67"
    assert len(taken(tmp_path, raw(tmp_path, whole.encode()))) == 2


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_any_usual_delimiter(tmp_path: Path, delimiter: str) -> None:
    content = f"{HEADER}\n{ROW}\n".replace(",", delimiter)
    assert taken(tmp_path, raw(tmp_path, content.encode())) == [(ID, "2026-10", "100.00", "5.00")]


@pytest.mark.parametrize(
    "header",
    ["身份证号,缴至年月,月缴存额,余额", "ZJHM,JZNY,月缴存额(元),GRZHYE"]
    + ["Id Number,Paid To,Monthly Deposit,BALANCE"]
    + ['"id_number","paid_to","monthly_deposit","balance"']
    + ["证件号码,缴至年月,月缴存额（元）,账户余额"],
)  # fmt: skip
def test_names_that_are_no_doubt(tmp_path: Path, header: str) -> None:
    assert len(taken(tmp_path, export(tmp_path, ROW, header=header))) == 1


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("证件,缴至年月,月缴存额,余额", "缺少 id_number"),
        ("id_number,paid_to,monthly_deposit,balanse", "balanse 是不是 balance？"),
        ("id_number，paid_to，monthly_deposit，balance", "缺少"),
        ("id_number,paid_to,monthly_deposit,余额,balance", ":1:5: balance 有 2 列"),
        (f"{ID},2026-10,100.00,5.00", "第一行像是数据"),
        ("", "缺少"),
    ],
)
def test_a_header_in_doubt_says_what_was_found(tmp_path: Path, header: str, told: str) -> None:
    assert told in refused(tmp_path, export(tmp_path, ROW, header=header))


def test_years_and_months_are_not_both_given(tmp_path: Path) -> None:
    path = export(tmp_path, header="id_number,term_years,term_months,periods_repaid,balance")
    assert ":1:3: term_years 和 term_months 只能有一个" in refused(tmp_path, path, LOAN)


def test_columns_of_no_interest_may_have_one_name(tmp_path: Path) -> None:
    assert len(taken(tmp_path, export(tmp_path, f"{ROW},,", header=f"{HEADER},备注,备注"))) == 1


# --- what a file may do -----------------------------------------------------------------------


def people(count: int, *, first: int = 0) -> list[str]:
    """Rows of so many people who can exist."""
    return [
        f"{lengthen(f'9902027{serial // 1000:01}0101{serial % 1000:03}')},2026-10,1,1"
        for serial in range(first, first + count)
    ]


def test_a_fall_of_more_than_a_fifth_is_doubted(tmp_path: Path) -> None:
    assert len(taken(tmp_path, export(tmp_path, *people(10)))) == 10
    assert len(taken(tmp_path, export(tmp_path, *people(8)))) == 8
    seven = export(tmp_path, *people(6))
    with pytest.raises(ImportDoubted, match="少了超过 20%：8 → 6"):
        taken(tmp_path, seven)
    assert len(taken(tmp_path, seven, most_fall=0.25)) == 6
    assert len(taken(tmp_path, export(tmp_path, *people(1)), sure=True)) == 1


def test_the_counts_are_told_before_anything_changes(tmp_path: Path) -> None:
    database = tmp_path / "accounts.sqlite"
    import_exports(database, [(FUND, export(tmp_path, *people(10)))])
    told: list[tuple[int, int]] = []
    with pytest.raises(ImportDoubted):
        import_exports(
            database,
            [(FUND, export(tmp_path))],
            tell=lambda found: told.append((found.before, found.rows)),
        )
    assert told == [(10, 0)]


def test_demo_people_are_nobody_who_could_be_lost(tmp_path: Path) -> None:
    make_demo(tmp_path / "accounts.sqlite")
    assert len(taken(tmp_path, export(tmp_path, ROW))) == 1


def test_the_rows_that_the_export_states(tmp_path: Path) -> None:
    path = export(tmp_path, *people(10), "", ",,,")
    assert len(taken(tmp_path, path, rows={"fund_account": 10})) == 10
    with pytest.raises(ImportRefused, match="有 10 行，应当有 11 行"):
        taken(tmp_path, path, rows={"fund_account": 11}, sure=True)


def test_a_file_that_was_put_together_twice(tmp_path: Path) -> None:
    with pytest.raises(ImportDoubted, match="30 人不止一个账户"):
        taken(tmp_path, export(tmp_path, *people(30), *people(30)))


def test_two_accounts_of_a_person_are_what_the_seed_knows(tmp_path: Path) -> None:
    short = "990202750101201"
    assert len(taken(tmp_path, export(tmp_path, ROW, ROW, f"{short},2026-10,1,1"))) == 3


def test_two_passwords_of_a_person_are_refused_under_either_number(tmp_path: Path) -> None:
    header = "id_number,password"
    rows = (f"{ID},123456", f"{OTHERS[0]},123456", f"{ID},654321")
    assert ":4:1: 同一个人在第 2 行" in refused(
        tmp_path, export(tmp_path, *rows, header=header), PASSWORD
    )
    rows = (f"{ID},123456", "990202750101201,123456")
    assert ":3:1: 同一个人在第 2 行" in refused(
        tmp_path, export(tmp_path, *rows, header=header), PASSWORD
    )


def test_doubtful_numbers_are_those_that_nobody_can_key_in(tmp_path: Path) -> None:
    """The SQL of the import against the code that callers meet, over numbers of all kinds."""
    chance = random.Random(12329)
    born = lambda: f"{chance.choice(('19', '20'))}{chance.randrange(100):02}"  # noqa: E731
    numbers = []
    for _ in range(300):
        body = f"9902{chance.randrange(100):02}{born()}{chance.randrange(14):02}"
        body += f"{chance.randrange(33):02}{chance.randrange(1000):03}"
        numbers.append(body + chance.choice("0123456789X"))
        numbers.append(lengthen(body[:6] + body[8:]) if body[6:8] == "19" else body + "0")
        numbers.append(body[:6] + body[8:] if body[6:8] == "19" else body + "1")
    wanted = sum(isinstance(parse(number), WrongNumber) for number in numbers)
    assert 100 < wanted < 800
    rows = [f"{number},2026-10,1,1" for number in numbers]
    (found,) = import_exports(tmp_path / "a.sqlite", [(FUND, export(tmp_path, *rows))], sure=True)
    assert found.doubtful == wanted


def test_what_a_killed_import_left_goes_with_the_next(tmp_path: Path) -> None:
    left = tmp_path / "import-gone"
    left.mkdir()
    (left / "somebody.lines").write_text(ROW)
    taken(tmp_path, export(tmp_path, ROW))
    assert not left.exists()
