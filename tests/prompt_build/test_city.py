"""A city's own words lie over the shipped catalog, survive an upgrade, and are told apart."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ivr.config import PROJECT
from prompt_build.catalog import city, toml
from prompt_build.catalog.content import Catalog, Spoken
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.layers import entries
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from prompt_build.catalog.written import read

SHIPPED = PROJECT / "scripts.zh.toml"
TEXT = SHIPPED.read_text(encoding="utf-8")


def over(folder: Path, words: str, shipped: Path = SHIPPED) -> Catalog:
    (folder / "words.zh.toml").write_text(words, encoding="utf-8")
    return load(Source(shipped, folder / "words.zh.toml"))


def faults(folder: Path, words: str) -> list[str]:
    with pytest.raises(CatalogError) as refused:
        over(folder, words)
    return str(refused.value).splitlines()


def words_of(catalog: Catalog, name: str) -> str:
    return catalog.prompts[name].words


def test_without_the_file_nothing_is_changed(tmp_path: Path) -> None:
    alone = load(Source(SHIPPED))
    assert load(Source(SHIPPED, tmp_path / "words.zh.toml")).version == alone.version


def test_variables_sentences_and_branches_are_the_citys(tmp_path: Path) -> None:
    catalog = over(
        tmp_path,
        """
[variables]
centre_name = "滨海市住房公积金管理中心"

[prompts.line]
goodbye = "谢谢来电，{centre_name}祝您生活愉快。"

[prompts.main.menu]
text = "人工请按零，余额请按一，贷款请按二，网点请按三，政策请按四，流程请按五，退出请按七。"
keys = "0123457"

[information.4]
menu = "缴存政策请按一，提取政策请按二，贷款政策请按三，人才政策请按四，返回上层请按星号键。"

[information.4.4]
title = "人才政策"
text = "引进人才可以提高额度。"
reviewed = 2026-11-24
expires = 2027-05-24
""",
    )
    assert words_of(catalog, "line.goodbye") == "谢谢来电，滨海市住房公积金管理中心祝您生活愉快。"
    assert "滨海市" in words_of(catalog, "line.closed"), "in the shipped sentences too"
    assert catalog.prompts["main.menu"].keys == "0123457"
    assert catalog.information["4"]["children"]["4"]["title"] == "人才政策"
    assert catalog.prompts["information.4"].keys == "1234*"


def test_new_words_leave_pace_and_hints_of_the_old_ones_and_keep_keys(tmp_path: Path) -> None:
    catalog = over(
        tmp_path,
        """
[prompts.account]
readout = "您的余额是{balance:amount}。"

[prompts.line]
offer_agent = "需要人工请按零，回主菜单请按星号键。"
""",
    )
    readout = catalog.prompts["account.readout"]
    assert (readout.pace, dict(readout.hints)) == (1.0, {})
    assert catalog.prompts["line.offer_agent"].keys == "0*"


def test_an_option_alone_is_changed_alone(tmp_path: Path) -> None:
    catalog = over(tmp_path, "[prompts.line.goodbye]\npace = 0.85\n")
    assert catalog.prompts["line.goodbye"].pace == 0.85
    assert words_of(catalog, "line.goodbye") == "感谢您的来电，再见。"


def test_a_branch_is_taken_away(tmp_path: Path) -> None:
    menu = tomllib.loads(TEXT)["information"]["4"]["1"]["menu"]
    shorter = menu.replace("灵活就业人员缴存请按六，计息和账户查询请按七", "计息和账户查询请按七")
    catalog = over(
        tmp_path,
        f'[information.4.1]\nmenu = "{shorter}"\n[information.4.1.6]\nremoved = true\n',
    )
    assert "6" not in catalog.information["4"]["children"]["1"]["children"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("[prompts.line]\ngoodbye = “再见。”\n", "words.zh.toml:2:11: 这里的引号是 “"),
        ('[prompts.line]\ngoodby = "再见。"\n', "words.zh.toml:2:1: 程序里没有哪一处会说"),
        ('[variables]\ncentre = "中心"\n', "words.zh.toml:2:1: 没有哪一句用到 {centre}"),
        ('[prompts.line]\ngoodbye = "2次"\n', "words.zh.toml:2:12: 数字 2 没有写明怎么读"),
        ("[information.4.1.6]\nremoved = true\n", "句子里说了「请按六」，菜单却没有 6 这个键"),
        ('[prompts.account]\nmenu = "余额请按一。"\n', "words.zh.toml:2:1: 菜单有 2 这个键"),
    ],
)
def test_a_fault_is_told_in_the_file_where_it_stands(words: str, told: str, tmp_path: Path) -> None:
    assert any(told in fault for fault in faults(tmp_path, words)), faults(tmp_path, words)


# --- an upgrade -------------------------------------------------------------------------------


def test_what_a_new_version_changed_underneath_is_told_until_it_was_compared(
    tmp_path: Path,
) -> None:
    shipped = tmp_path / "scripts.zh.toml"
    shipped.write_text(TEXT, encoding="utf-8")
    words = tmp_path / "home" / "words.zh.toml"
    words.parent.mkdir()
    words.write_text('[prompts.line]\ngoodbye = "再会。"\nbusy = "忙。"\n', encoding="utf-8")
    source = Source(shipped, words)
    city.remember(source)
    assert [each.underneath for each in city.differences(source)] == [None, None]
    shipped.write_text(TEXT.replace("感谢您的来电，再见。", "谢谢，再见。"), encoding="utf-8")
    city.remember(source)
    goodbye, busy = city.differences(source)
    assert (goodbye.shipped, goodbye.city) == ("谢谢，再见。", "再会。")
    assert goodbye.underneath == "感谢您的来电，再见。"
    assert busy.underneath is None
    city.remember(source, all_of_them=True)
    assert city.differences(source)[0].underneath is None


# --- taking over ------------------------------------------------------------------------------


def edited(folder: Path, *changes: tuple[str, str]) -> Path:
    text = TEXT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = folder / "edited" / "scripts.zh.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def test_an_edited_file_is_taken_over_and_says_the_same(tmp_path: Path) -> None:
    branch = TEXT[TEXT.index("[information.4.1.6]") : TEXT.index("# 据：银发")]
    path = edited(
        tmp_path,
        ("示范市住房公积金管理中心", "滨海市住房公积金管理中心"),
        ('goodbye = "感谢您的来电，再见。"', 'goodbye = { text = "再会。", pace = 0.9 }'),
        (branch, ""),
        ("灵活就业人员缴存请按六，", ""),
        ('"号为" = "hao4 wei2", ', ""),
        ('flexible_status = "本市目前已开展"          # 没有开展的，写「本市目前尚未开展」\n', ""),
        ('flexible_terms = "参加后连续缴存满六个月，可以按规定申请提取和贷款"', ""),
    )
    words = tmp_path / "home" / "words.zh.toml"
    taken = city.take(read(path), read(SHIPPED).content, words)
    assert taken == 6
    before, after = load(Source(path)), load(Source(SHIPPED, words))
    assert before.prompts == after.prompts
    assert before.information == after.information
    with pytest.raises(city.CannotTake, match="已经有了"):
        city.take(read(path), read(SHIPPED).content, words)


def test_a_recording_goes_with_its_sentence(tmp_path: Path) -> None:
    path = edited(
        tmp_path, ('"感谢您的来电，再见。"', '{ text = "再会。", recorded = "再会.wav" }')
    )
    (path.parent / "再会.wav").write_bytes(b"RIFF")
    words = tmp_path / "home" / "words.zh.toml"
    city.take(read(path), read(SHIPPED).content, words)
    assert (
        load(Source(SHIPPED, words)).prompts["line.goodbye"].recorded == words.parent / "再会.wav"
    )


def test_what_is_written_as_toml_is_read_the_same() -> None:
    content = tomllib.loads(TEXT)
    assert tomllib.loads(toml.document(content)) == content
    assert dict(entries(tomllib.loads(toml.document(content)))) == dict(entries(content))


def test_the_words_of_a_city_are_cut_like_any(tmp_path: Path) -> None:
    catalog = over(tmp_path, '[prompts.line]\ngoodbye = "{hotline}再会。"\n')
    assert catalog.prompts["line.goodbye"].pieces == (Spoken("幺二三二九再会。"),)
