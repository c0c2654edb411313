"""The lexicon: what it confirms, what it refuses, and what nobody has confirmed yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.config import PROJECT
from prompt_build import lexicon
from prompt_build.catalog.reading import load as read_catalog
from prompt_build.catalog.source import Source
from prompt_build.lexicon import EMPTY, Lexicon, LexiconError
from prompt_build.syllables import NOTHING
from tests.contracts import source_of

SHIPPED = PROJECT / "lexicon.zh.toml"


def written(folder: Path, text: str) -> Path:
    path = folder / "lexicon.zh.toml"
    path.write_text(text, encoding="utf-8")
    return path


def open_characters(text: str, known: Lexicon = EMPTY) -> list[str]:
    return [each.character for each in lexicon.unconfirmed(text, NOTHING, known)]


def test_every_reading_of_the_shipped_catalog_is_confirmed() -> None:
    shipped = read_catalog(Source(PROJECT / "scripts.zh.toml"))
    open_ = lexicon.unconfirmed_in(shipped, lexicon.load([SHIPPED]))
    assert [(each.prompt, each.around, each.said) for each in open_] == []


@pytest.mark.parametrize("part", ["还款", "银行", "变更", "应当", "利率", "期数", "行号"])
def test_a_longer_word_says_a_shorter_one_in_it_alike(part: str) -> None:
    known = lexicon.load([SHIPPED]).words
    longer = {word: said.split() for word, said in known.items() if part in word}
    for word, said in longer.items():
        at = word.index(part)
        assert " ".join(said[at : at + len(part)]) == known.get(part, "qi1 shu4"), word


def test_a_character_of_several_readings_wants_its_word() -> None:
    assert open_characters("每月还一次") == ["还"]
    assert open_characters("每月还一次", Lexicon({"每月还": "mei3 yue4 huan2"}, {})) == []


def test_what_is_read_as_usual_is_confirmed_and_what_is_not_is_open() -> None:
    known = Lexicon({}, {"的": "de5"})
    assert open_characters("您的余额", known) == []
    assert open_characters("目的", known) == ["的"]


def test_a_hint_confirms() -> None:
    assert not list(lexicon.unconfirmed("重听", {"重听": "虫厅"}, EMPTY))


@pytest.mark.parametrize("text", ["一类卡", "政务楼一层", "一路七号", "一季度"])
def test_yi_that_may_be_an_ordinal_is_open(text: str) -> None:
    assert "一" in open_characters(text)


def test_what_is_open_comes_with_the_line_that_confirms_it() -> None:
    found = next(iter(lexicon.unconfirmed("您要先归还本息", NOTHING, Lexicon({}, {"要": "yao4"}))))
    assert (found.word, found.pinyin) == ("归还", "gui1 huan2")
    assert found.around == "要先归［还］本息"
    assert "hai2" in found.readings


def test_a_city_lies_over_what_ships(tmp_path: Path) -> None:
    shipped = written(tmp_path, '[words]\n"重听" = "chong2 ting1"\n"应还" = "ying1 huan2"\n')
    own = tmp_path / "own.toml"
    own.write_text('[words]\n"应还" = "ying1 hai2"\n', encoding="utf-8")
    both = lexicon.load([shipped, own])
    assert both.words == {"重听": "chong2 ting1", "应还": "ying1 hai2"}
    assert both.version != lexicon.load([shipped]).version


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"还" = "huan2"', "2:1: 「还」有几个读音，要写它所在的词"),
        ('"应还" = "ying1"', "2:1: 「应还」的注音 ying1 不对"),
        ('"应还" = "ying1 huan6"', "huan6（还）的声调只有 1 到 5"),
        ('"应还" = "yīng huán"', "声调要写成数字：ying1"),
        ('"应还" = 3', "写在引号里"),
        ('"A卡" = "ka3"', "「A卡」不全是汉字"),
        ('应还 = "ying1 huan2"', "2:1: 等号左边的名字 应还 只能用英文字母"),
        ('"应还" = “ying1 huan2”', "2:8: 这里的引号是 “"),
        (
            '"应还" = "ying1 huan2"\n"应还" = "ying1 hai2"',
            "3:1: words.应还 写了两遍，第一遍在第 2 行",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(
    tmp_path: Path, line: str, told: str
) -> None:
    with pytest.raises(LexiconError) as refused:
        lexicon.load([written(tmp_path, f"[words]\n{line}\n")])
    assert told in str(refused.value)


def test_usual_readings_are_those_that_there_are(tmp_path: Path) -> None:
    text = '[usual]\n"的" = "dei3"\n"猫" = "mao1"\n[extra]\n'
    with pytest.raises(LexiconError) as refused:
        lexicon.load([written(tmp_path, text)])
    assert len(refused.value.faults) == 3
    assert "「的」没有 dei3 这个读音：有 de5、di4、di2" in str(refused.value)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.zh.toml"
    path.write_bytes('[words]\n"应还" = "ying1 huan2"\n'.encode("gb18030"))
    with pytest.raises(LexiconError, match="GBK 编码，请在编辑器里另存为 UTF-8"):
        lexicon.load([path])
    path.write_bytes('\ufeff[words]\n"应还" = "ying1 huan2"\n'.encode())
    assert lexicon.load([path]).words


def test_confirming_adds_to_the_citys_own_and_keeps_what_stands_there(tmp_path: Path) -> None:
    own = tmp_path / "lexicon.zh.toml"
    found = list(lexicon.unconfirmed("归还本息", NOTHING, EMPTY))
    assert lexicon.confirm(found, own) == {"归还": "gui1 huan2"}
    own.write_text(own.read_text("utf-8") + '# 我的\n"重听" = "chong2 ting1"\n', encoding="utf-8")
    assert lexicon.confirm(found, own) == {}
    assert "# 我的" in own.read_text("utf-8")
    assert lexicon.load([own]).words == {"归还": "gui1 huan2", "重听": "chong2 ting1"}


def test_the_zero_of_years_is_read_as_zero(tmp_path: Path) -> None:
    path = tmp_path / "scripts.zh.toml"
    path.write_text('[prompts.line]\nbye = "二〇二六年再见。"\n', encoding="utf-8")
    read = read_catalog(source_of(path))
    assert read.prompts["line.bye"].words == "二零二六年再见。"
