"""The readout is the centre's own: any column in any kind, and parts that may fall away."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ivr.accounts import Found, rows
from ivr.config import PROJECT, AccountsSettings
from ivr.config.queries import columns_of
from ivr.speech import numbers, prompts
from ivr.speech.prompts import PromptSet, Unsaid, sentence
from prompt_build import recipe
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source, columns_of_readouts

SHIPPED = (PROJECT / "scripts.zh.toml").read_text(encoding="utf-8")
READOUT = next(line for line in SHIPPED.splitlines() if "{paid_to:year_month}" in line)
QUERY = (
    "SELECT JZNY AS paid_to, YJCE AS monthly_deposit, GRZHYE AS balance,"
    " XYHK AS next_payment, HKRQ AS due, QS AS left_over FROM T WHERE ZJHM IN (:id18, :id15)"
)


def own_catalog(folder: Path, said: str) -> Path:
    """The shipped catalog with a readout of the centre's own."""
    path = folder / "scripts.zh.toml"
    before, _, after = SHIPPED.partition(READOUT)
    rest = after.partition("\n\n")[2]  # its hints are for its own words
    path.write_text(f'{before}text = "{said}"\n\n{rest}', encoding="utf-8")
    return path


def of(folder: Path, said: str, query: str = QUERY) -> PromptSet:
    """The set of a catalog whose readout is `said`."""
    path = own_catalog(folder, said)
    columns = columns_of_readouts(AccountsSettings(fund_query=query))
    prompt = load(Source(path, columns=columns)).prompts["account.readout"]
    words = {
        **numbers.inventory(),
        **dict(recipe.clips_of(prompt)),
        **dict.fromkeys(recipe.PAUSES, ""),
    }
    manifest = {
        "number": 1,
        "format": prompts.FORMAT,
        "catalog": "",
        "keys": {},
        "information": {},
        "scripts": {prompt.name: recipe.script(prompt)},
        "prompts": {
            name: {"text": text, "files": {"alaw": name}, "seconds": 1}
            for name, text in words.items()
        },
    }
    return prompts.described(manifest, folder)


def heard(spoken: PromptSet, row: dict[str, object]) -> str:
    found = rows.outcome(
        [{"paid_to": "2026-10", "monthly_deposit": 1, "balance": 5} | row], rows.fund
    )
    assert isinstance(found, Found)
    return spoken.utterance(sentence("account.readout", **found.account.others)).text


OWN = (
    "本期应还{next_payment:amount}[，{due:date}到期][，还剩{left_over:periods}]"
    "，余额{balance:amount}。"
)


def test_any_column_is_said_in_its_kind(tmp_path: Path) -> None:
    row = {"next_payment": Decimal("1680.32"), "due": datetime(2026, 12, 20), "left_over": 20.0}  # noqa: DTZ001
    said = heard(of(tmp_path, OWN), row)
    assert said.startswith("本期应还一千六百八十元三角二分")
    assert "二零二六年十二月二十日到期，还剩二十期，余额五元整" in said


def test_a_part_falls_away_with_its_value(tmp_path: Path) -> None:
    spoken = of(tmp_path, OWN)
    said = heard(spoken, {"next_payment": 1, "due": None, "left_over": "  "})
    assert "到期" not in said
    assert "还剩" not in said
    assert heard(spoken, {"next_payment": 1, "due": date(2026, 1, 2), "left_over": None}).count(
        "到期"
    )


def test_what_stands_in_no_brackets_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(Unsaid, match="next_payment"):
        heard(of(tmp_path, OWN), {"next_payment": None, "due": None, "left_over": None})


@pytest.mark.parametrize(
    ("column", "value"), [("next_payment", "soon"), ("due", "1900-01-01"), ("left_over", 1000)]
)
def test_what_cannot_be_said_is_named_by_its_column(
    tmp_path: Path, column: str, value: object
) -> None:
    row = {"next_payment": 1, "due": None, "left_over": None, column: value}
    with pytest.raises(Unsaid) as unsaid:
        heard(of(tmp_path, OWN), row)
    assert unsaid.value.slot == column
    assert str(value) not in str(unsaid.value)


def test_what_ends_the_sentence_when_a_part_is_gone_is_spoken_as_its_end(tmp_path: Path) -> None:
    spoken = of(tmp_path, "余额{balance:amount}[，还剩{left_over:periods}]。")
    said = sentence("account.readout", balance="5", left_over=None)
    names = [clip.name for clip in spoken.utterance(said).clips if clip.name.startswith("number.")]
    assert names == ["number.五元整。"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("余额{balanse:amount}。", "没有 balanse 这一列，是不是 balance"),
        ("余额{balance:periods}。", "读法不对"),
        ("余额{balance:amount}[，谢谢]。", "方括号"),
        ("余额{balance:amount}[，还剩[{left_over:periods}]。", "方括号没有成对"),
        ("余额{balance:amount}]。", "方括号没有成对"),
    ],
)
def test_the_check_knows_the_columns_of_the_settings(tmp_path: Path, said: str, told: str) -> None:
    with pytest.raises(CatalogError, match=told):
        of(tmp_path, said)


def test_full_width_brackets_are_the_same(tmp_path: Path) -> None:
    assert "还剩" not in heard(
        of(tmp_path, "余额{balance:amount}【，还剩{left_over:periods}】。"), {"left_over": None}
    )


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("SELECT a, b.c, d AS e, f + g AS h FROM t WHERE x IN (:id18, :id15)", "a c e h"),
        ("select distinct coalesce(a, 'x, from y') \"B\" from t", "b"),
        (
            "WITH w AS (SELECT p, q FROM r) SELECT TOP 2 w.p, (SELECT max(z) FROM y) AS m FROM w",
            "p m",
        ),
        ("SELECT a -- , b\n, `c` /* , d */ FROM t UNION SELECT e, f FROM u", "a c"),
    ],
)
def test_the_columns_of_a_query(query: str, columns: str) -> None:
    assert columns_of(query) == frozenset(columns.split())


@pytest.mark.parametrize("query", ["SELECT * FROM t", "SELECT t.*, a FROM t", "EXEC p :id18"])
def test_a_query_that_does_not_tell_its_columns(query: str) -> None:
    assert columns_of(query) is None


# --- columns of codes --------------------------------------------------------------------------

SAID = "[{grzhzt:account_status}，]余额{balance:amount}。"
CODES = QUERY.replace("QS AS left_over", "GRZHZT")


@pytest.mark.parametrize("written", ["02", "2", 2, 2.0, Decimal("2"), " 02 "])
def test_a_column_of_codes_is_said_by_its_table(tmp_path: Path, written: object) -> None:
    assert heard(of(tmp_path, SAID, CODES), {"grzhzt": written}).startswith("您的账户已封存")


@pytest.mark.parametrize(
    ("written", "unknown"), [("42", ("grzhzt",)), ("", ()), (None, ()), ("01", ()), ("06", ())]
)
def test_a_code_without_words_is_left_out_and_an_unknown_one_named_by_its_column(
    tmp_path: Path, written: object, unknown: tuple[str, ...]
) -> None:
    spoken = of(tmp_path, SAID, CODES)
    row = {"paid_to": None, "monthly_deposit": None, "balance": 5, "grzhzt": written}
    found = rows.outcome([row], rows.fund)
    assert isinstance(found, Found)
    said = sentence("account.readout", **found.account.others)
    assert spoken.unknown_codes(said) == unknown
    assert ("冻结" in spoken.utterance(said).text) == (written == "06")
    assert "余额五元整" in spoken.utterance(said).text


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{grzhzt:account_status}，余额{balance:amount}。", "要放进方括号"),
        ("[{grzhzt:account_stat}，]余额{balance:amount}。", "account_status"),
        ("[{grzhz:account_status}，]余额{balance:amount}。", "没有 grzhz 这一列，是不是 grzhzt"),
        ("[{status:digits}，]余额{balance:amount}。", "读法不对"),
    ],
)
def test_a_readout_that_names_a_table_wrongly_is_refused(
    tmp_path: Path, said: str, told: str
) -> None:
    with pytest.raises(CatalogError, match=told):
        of(tmp_path, said, CODES)


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ('[codes.account_status]\n"2" = "封了。"', "是同一个"),
        ('[codes.account_status]\n"07" = 7', "要说的话"),
        ('[codes.account_status]\n"07" = "VIP"', "念不出来"),
        ('[codes.amount]\n"07" = "好"', "不能叫 amount"),
        ('[codes]\nloan_status = "好"', "是代码表"),
    ],
)
def test_a_faulty_table_is_refused_with_its_place(tmp_path: Path, own: str, told: str) -> None:
    words = tmp_path / "words.zh.toml"
    words.write_text(own, encoding="utf-8")
    with pytest.raises(CatalogError, match=told) as refused:
        load(Source(PROJECT / "scripts.zh.toml", words))
    assert "words.zh.toml:" in str(refused.value)


def test_a_city_changes_one_code_and_adds_a_table(tmp_path: Path) -> None:
    words = tmp_path / "words.zh.toml"
    words.write_text(
        '[codes.account_status]\n"02" = "封了"\n[codes.loan_status]\n"1" = "已经结清"\n'
        '[prompts.loan]\nreadout = "余额{balance:amount}[，{dkzt:loan_status}]。"',
        encoding="utf-8",
    )
    accounts = AccountsSettings(
        loan_query="SELECT a AS term_months, b AS periods_repaid, c AS balance, DKZT FROM t"
    )
    columns = columns_of_readouts(accounts)
    prompts_ = load(Source(PROJECT / "scripts.zh.toml", words, columns=columns)).prompts
    status = next(slot for slot in prompts_["account.readout"].slots if slot.name == "status")
    assert (status.codes["02"], status.codes["06"]) == ("封了", "您的账户已冻结")
    assert ("loan.readout.dkzt.1", "已经结清") in recipe.clips_of(prompts_["loan.readout"])


# --- closed accounts ---------------------------------------------------------------------------

HELD = {"paid_to": "2026-10", "monthly_deposit": 1, "balance": 5}


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        (["05"], "Closed"),
        ([3], "Closed"),
        (["03", "04"], "Closed"),
        (["03", "01"], "Found"),
        (["01", "05", "05"], "Found"),
        (["01", "02", "05"], "Several"),
        (["03", None], "Found"),
        (["42"], "Found"),
    ],
)
def test_closed_accounts_are_set_aside(statuses: list[object], outcome: str) -> None:
    held = [{**HELD, "status": status} for status in statuses]
    found = rows.outcome(held, rows.fund, closed=AccountsSettings().closed)
    assert type(found).__name__ == outcome


def test_without_the_column_nothing_is_closed() -> None:
    assert isinstance(rows.outcome([HELD], rows.fund, closed=AccountsSettings().closed), Found)
