"""Whatever an editor gets wrong is named with its place and a remedy, all of it at once."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from ivr.config import PROJECT
from prompt_build.catalog.content import Catalog, Slot, Spoken
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from tests.contracts import source_of

GOOD = """\
[variables]
hotline = { value = "12329", read = "hotline" }
centre_name = "示范市中心"

[prompts.main]
welcome = "欢迎致电{hotline}，这里是{centre_name}。"

[prompts.main.menu]
text = "余额查询请按一，重听请按星号键。"
keys = "1*"
"""


def read(folder: Path, text: str) -> Catalog:
    path = folder / "scripts.zh.toml"
    path.write_text(text, encoding="utf-8")
    return load(source_of(path))


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(CatalogError) as refused:
        read(folder, text)
    return str(refused.value).splitlines()


def only_fault(folder: Path, text: str) -> str:
    (fault,) = faults(folder, text)
    return fault


def test_the_catalog_of_the_line_has_no_fault() -> None:
    assert len(load(Source(PROJECT / "scripts.zh.toml")).prompts) > 100


def test_variables_stand_for_their_reading(tmp_path: Path) -> None:
    (piece,) = read(tmp_path, GOOD).prompts["main.welcome"].pieces
    assert piece == Spoken("欢迎致电幺二三二九，这里是示范市中心。")


def test_a_value_of_the_call_cuts_the_sentence(tmp_path: Path) -> None:
    catalog = read(tmp_path, GOOD + '\n[prompts.account]\nsum = "余额{balance:amount}。"\n')
    pieces = catalog.prompts["account.sum"].pieces
    assert pieces == (Spoken("余额"), Slot("balance", "amount"), Spoken("。"))


def test_the_same_words_are_the_same_version(tmp_path: Path) -> None:
    again = read(tmp_path, f"# a comment\n{GOOD}")
    assert again.version == read(tmp_path, GOOD).version
    assert read(tmp_path, GOOD.replace("欢迎", "您好")).version != again.version


def test_all_faults_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
[variables]
rate = { value = "many", read = "percent" }

[prompts.main]
welcome = "欢迎致电{hotlin}，{rate}。"
year = "2026年的政策。"
bye = "bye，再见。"

[prompts.main.menu]
text = "余额查询请按一。"
keys = "12"
sound = "a.wav"

[promts.x]
y = "好。"
"""
    found = faults(tmp_path, text)
    places = [":".join(fault.split(":")[1:3]) for fault in found]
    assert places == ["2:19", "5:16", "6:9", "7:8", "10:1", "12:1", "14:1"]
    expected = [
        "{rate} cannot be read: not a number",
        "unknown variable {hotlin}: define it in [variables]",
        "nobody says how 2026 is read: write it in Hanzi, or make it a variable",
        "no voice can say 'bye': write it in Hanzi",
        "the menu has key 2, but the sentence never says 请按二",
        "there is no option sound; known: ",
        "there is no table [promts]; known: variables, codes, prompts, information",
    ]
    assert all(message in fault for message, fault in zip(expected, found, strict=True)), found


@pytest.mark.parametrize(
    ("entry", "column", "message"),
    [
        ('x = "欢迎致电{hotlin}。"', 10, r"unknown variable \{hotlin\}.* did you mean \{hotline\}"),
        ('x = "{balance:money}元。"', 6, r"\{balance:money\}: a value of the call .*amount"),
        ('x = "{Balance:amount}元。"', 6, r"\{Balance:amount\}: a value of the call"),
        ('x = "第1位。"', 7, "nobody says how 1 is read"),
        ('x = "您好（再见。"', 8, "no voice can say '（'"),
        ('x = "您{balance。"', 7, "no voice can say '{balance'"),
        ('x = "，。"', 1, "more.x says nothing"),
        ('x = ""', 1, "more.x says nothing"),
        ("x = 3", 1, 'more.x needs a sentence: text = "…"'),
        ("x = { text = 3 }", 1, "more.x needs a sentence"),
        ('x = { text = "好。", keys = 12 }', 1, "keys are written together"),
        ('x = { text = "好。请按一。", keys = "1a" }', 1, "no key 'a' on a telephone: use 0 to 9"),
        ('x = { text = "好请按一。", keys = "11" }', 1, "key 1 stands twice in keys"),
        (
            'x = { text = "甲请按一，乙请按一。", keys = "1" }',
            16,
            "says 请按一 twice: .*another key",
        ),
        ('x = { text = "甲请按一，乙请按二。", keys = "1" }', 21, "the menu has no key 2"),
        ('x = { text = "重听。", hints = "chong" }', 1, 'hints are { "word" = "pinyin" }'),
        (
            'x = { text = "重听。", hints = { "重录" = "chong2 lu4" } }',
            32,
            "does not say 重录: remove",
        ),
        (
            'x = { text = "重听。", hints = { "重听" = "chong2" } }',
            39,
            "write 2 syllables of pinyin",
        ),
        ('x = { text = "重听。", hints = { "重听" = "chong ting" } }', 39, "with tone numbers"),
        (
            'x = { text = "重听。", hints = { "重听" = "xqz2 ting1" } }',
            39,
            "is not how 重听 is said",
        ),
        ('x = { text = "重听。", hints = { "重听" = "虫" } }', 39, "or as many Hanzi"),
        ('x = { text = "好。", pace = 2 }', 1, "a pace is between 0.7 and 1.3"),
        ('x = { text = "好。", expires = "2026-13-01" }', 1, "expires is a date: expires = 2026"),
        ('x = { text = "好。", reviewed = "yesterday" }', 1, "reviewed is a date"),
        ('x = { text = "好。", recorded = "no.wav" }', 1, "there is no recording no.wav beside"),
    ],
)
def test_each_fault_has_its_place_and_a_remedy(
    entry: str, column: int, message: str, tmp_path: Path
) -> None:
    fault = only_fault(tmp_path, f"{GOOD}\n[prompts.more]\n{entry}\n")
    assert re.search(message, fault), fault
    assert fault.startswith(f"scripts.zh.toml:13:{column}: "), fault
    assert re.search("[一-鿿]", fault.partition(" · ")[0]), "Chinese first"


def test_a_sentence_over_half_a_minute_is_too_long(tmp_path: Path) -> None:
    long = "好" * 116
    assert "116 Hanzi without a full stop take over 30 s" in only_fault(
        tmp_path, f'{GOOD}\n[prompts.more]\nx = "{long}。"\n'
    )
    read(tmp_path, f'{GOOD}\n[prompts.more]\nx = "{long[:60]}。{long[60:]}。"\n')


def test_a_slow_sentence_is_too_long_sooner(tmp_path: Path) -> None:
    slow = f'{GOOD}\n[prompts.more]\nx = {{ text = "{"好" * 100}。", pace = 0.8 }}\n'
    assert "(at most 92)" in only_fault(tmp_path, slow)


def test_values_count_for_the_length_of_a_sentence(tmp_path: Path) -> None:
    text = f"{'好' * 60}{{a:amount}}{'好' * 50}"
    assert "122 Hanzi" in only_fault(tmp_path, f'{GOOD}\n[prompts.more]\nx = "{text}。"\n')


def test_what_no_sentence_uses_is_named(tmp_path: Path) -> None:
    fault = only_fault(tmp_path, GOOD.replace("{hotline}", "热线"))
    assert fault.startswith("scripts.zh.toml:2:1: 没有哪一句用到 {hotline}")


def test_a_variable_that_no_voice_can_say_is_named_where_it_stands(tmp_path: Path) -> None:
    fault = only_fault(tmp_path, GOOD.replace("示范市中心", "ABC中心"))
    assert fault.startswith("scripts.zh.toml:3:16: 「ABC」念不出来")


# --- the file itself --------------------------------------------------------------------------


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such file"):
        load(Source(tmp_path / "scripts.zh.toml"))


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "scripts.zh.toml").write_bytes(GOOD.encode("gb18030"))
    with pytest.raises(CatalogError, match="save it as UTF-8"):
        load(Source(tmp_path / "scripts.zh.toml"))


def test_the_byte_order_mark_of_an_editor_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "scripts.zh.toml").write_text(GOOD, encoding="utf-8-sig")
    assert load(source_of(tmp_path / "scripts.zh.toml")).prompts


def test_a_quotation_mark_that_is_missing(tmp_path: Path) -> None:
    fault = only_fault(tmp_path, GOOD.replace('{centre_name}。"', "{centre_name}。"))
    assert fault.startswith("scripts.zh.toml:6:43: 这里少了一个引号")


def test_two_branches_of_one_key_and_two_sentences_of_one_name(tmp_path: Path) -> None:
    branch = '[information.4.1]\ntitle = "甲"\ntext = "好。"\n'
    found = faults(tmp_path, f'{GOOD}keys = "1"\n{branch}{branch}')
    places = [fault.split(" ")[0] for fault in found]
    assert places == [f"scripts.zh.toml:{at}:1:" for at in (11, 15, 16, 17)]
    assert "prompts.main.menu.keys 写了两遍，第一遍在第 10 行" in found[0]
    assert "information.4.1.text 写了两遍，第一遍在第 14 行" in found[3]


# --- dates of review --------------------------------------------------------------------------


def test_what_is_due_within_a_month_is_told_the_oldest_first(tmp_path: Path) -> None:
    more = """
[prompts.more]
soon = { text = "好。", reviewed = 2026-01-01, expires = 2026-12-20 }
past = { text = "好。", expires = "2026-11-01" }
later = { text = "好。", expires = 2027-12-31 }
"""
    catalog = read(tmp_path, GOOD + more)
    assert catalog.prompts["more.soon"].reviewed == date(2026, 1, 1)
    assert catalog.due(date(2026, 11, 25)) == [
        "more.past: expired on 2026-11-01; review it",
        "more.soon: expires on 2026-12-20; review it",
    ]
