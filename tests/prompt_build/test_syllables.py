"""How Hanzi are said: hints, the lexicon, the dictionary, and the tones of 一 and 不."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.config import PROJECT
from prompt_build.lexicon import load
from prompt_build.syllables import NOTHING, Words, stretches, syllables, words_in

WORDS = Path(__file__).parents[1] / "data" / "words.tsv"
SHARED = PROJECT.parent / "shared" / "cases" / "words.tsv"
TRADE = load([PROJECT / "lexicon.zh.toml"]).words


def said(text: str, hints: Words = NOTHING, lexicon: Words = TRADE) -> str:
    return " ".join(each.pinyin for each in stretches(text, hints, lexicon))


def cases() -> list[tuple[str, str]]:
    rows = (line.split("\t") for line in WORDS.read_text(encoding="utf-8").splitlines())
    return [(row[0], row[1].translate(str.maketrans("", "", "[]"))) for row in rows if len(row) > 1]


@pytest.mark.parametrize(("text", "pinyin"), cases()[1:])
def test_words_that_were_misread(text: str, pinyin: str) -> None:
    assert said(text) == pinyin


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_file(), reason="the shared cases are not there")
def test_our_words_are_those_of_the_cases() -> None:
    assert WORDS.read_text(encoding="utf-8") == SHARED.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "pinyin"),
    [
        ("还未还清", "hai2 wei4 huan2 qing1"),
        ("还应还", "hai2 ying1 huan2"),
        ("归还款项", "gui1 huan2 kuan3 xiang4"),
        ("按月还本付息", "an4 yue4 huan2 ben3 fu4 xi1"),
        ("开户行行号", "kai1 hu4 hang2 hang2 hao4"),
        ("银行为您服务", "yin2 hang2 wei4 nin2 fu2 wu4"),
        ("调整为百分之五", "tiao2 zheng3 wei2 bai3 fen1 zhi1 wu3"),
        ("网上调查", "wang3 shang4 diao4 cha2"),
        ("都应当重新调整", "dou1 ying1 dang1 chong2 xin1 tiao2 zheng3"),
        ("下载回单", "xia4 zai4 hui2 dan1"),
        ("返回上一层", "fan3 hui2 shang4 yi4 ceng2"),
        ("给予变更", "ji3 yu3 bian4 geng1"),
        ("会计", "kuai4 ji4"),
        ("当月累计差额", "dang4 yue4 lei3 ji4 cha1 e2"),
        ("还差八位", "hai2 cha4 ba1 wei4"),
        ("唯一统一", "wei2 yi1 tong3 yi1"),
    ],
)
def test_their_relatives(text: str, pinyin: str) -> None:
    assert said(text) == pinyin


@pytest.mark.parametrize(
    ("text", "pinyin"),
    [
        ("一次", "yi2 ci4"),
        ("一元", "yi4 yuan2"),
        ("一月", "yi1 yue4"),
        ("第一位", "di4 yi1 wei4"),
        ("三点一五", "san1 dian3 yi1 wu3"),
        ("一位一位", "yi2 wei4 yi2 wei4"),
        ("听一听", "ting1 yi5 ting1"),
        ("请按一", "qing3 an4 yi1"),
        ("不是", "bu2 shi4"),
        ("能不能", "neng2 bu5 neng2"),
        ("二一二", "er4 yi1 er4"),
    ],
)
def test_the_tones_of_yi_and_bu(text: str, pinyin: str) -> None:
    """The domain rules, 4.1.10."""
    assert said(text, lexicon=NOTHING) == pinyin


def test_a_hint_goes_before_the_lexicon_and_the_lexicon_before_the_dictionary() -> None:
    assert said("重听", {"重听": "zhong4 ting1"}, {"重听": "chong2 ting1"}) == "zhong4 ting1"
    assert said("重听", NOTHING, {"重听": "chong2 ting1"}) == "chong2 ting1"


def test_who_has_decided_is_told() -> None:
    read = syllables("重听应还", {"重听": "chong2 ting1"}, {"应还": "ying1 huan2"})
    assert [each.source for each in read] == ["hint", "hint", "lexicon", "lexicon"]
    assert [each.word for each in read] == ["重听", "重听", "应还", "应还"]


def test_as_many_hanzi_as_can_be_are_covered_and_cuts_are_kept() -> None:
    words = dict.fromkeys(["还款", "归还", "上调", "调查", "都应", "应当"], "")
    assert words_in("归还款项", words) == [(0, "归还")]
    assert words_in("网上调查", words) == [(2, "调查")]
    assert words_in("都应当", words) == [(1, "应当")]


def test_tones_that_are_written_down_stay() -> None:
    assert said("一层楼", NOTHING, {"一层": "yi1 ceng2"}) == "yi1 ceng2 lou2"
