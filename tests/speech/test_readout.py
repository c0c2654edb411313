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


def of(folder: Path, said: str, query: str = QUERY) -> PromptSet:
    """The set of a catalog whose readout is `said`."""
    path = folder / "scripts.zh.toml"
    before, _, after = SHIPPED.partition(READOUT)
    rest = after.partition("\n\n")[2]  # its hints are for its own words
    path.write_text(f'{before}text = "{said}"\n\n{rest}', encoding="utf-8")
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
