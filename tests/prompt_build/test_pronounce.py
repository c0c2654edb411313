"""Hanzi to phonemes: readings, hints, and the tones of 一 and 不."""

from __future__ import annotations

from itertools import product

import pytest

from ivr.speech import numbers
from prompt_build import pronounce
from prompt_build.pronounce import Unspeakable, phonemes
from prompt_build.syllables import is_syllable


def said(pinyin: str) -> str:
    """Syllables of pinyin as the voice is given them."""
    return "".join(pronounce._ipa(syllable) for syllable in pinyin.split())


def heard(text: str, **hints: str) -> str:
    return phonemes(text, hints).replace(" ", "").rstrip(".")


def test_the_lexicon_reaches_the_sounds() -> None:
    assert phonemes("应还", lexicon={"应还": "ying1 huan2"}) != phonemes("应还")
    assert heard("女儿幺") == said("nv3 er2 yao1")


def test_a_hint_is_followed_in_pinyin_or_in_hanzi() -> None:
    assert heard("行号", 行号="xing2 hao4") == said("xing2 hao4")
    assert heard("重听", 重听="虫厅") == said("chong2 ting1")


def test_a_hint_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="重听 has 2 syllables"):
        phonemes("重听", {"重听": "chong2"})


@pytest.mark.parametrize("text", ["，您好。", "。您好。", "：您好。"])
def test_a_mark_in_front_is_not_spoken(text: str) -> None:
    """Pieces between values begin with one, and the voice made a syllable of it."""
    assert phonemes(text) == phonemes("您好。")


@pytest.mark.parametrize("text", ["您好", "您好，", "您好。", "您好；", " 您好"])
def test_the_end_is_a_full_stop(text: str) -> None:
    """The model stumbles over sentences without one; a comma at the end sounds no other."""
    assert phonemes(text) == phonemes("您好。")
    assert phonemes(text).endswith(".")


@pytest.mark.parametrize("text", ["12", "A", "（", "€"])
def test_what_cannot_be_said_is_named(text: str) -> None:
    with pytest.raises(Unspeakable, match=f"no voice can say '{text[0]}'".replace("(", r"\(")):
        phonemes(text)


def test_syllables_of_hints_are_those_that_can_be_spelt() -> None:
    """Whatever is accepted in a hint has sounds: the two tables agree."""
    initials = ["", *"bpmfdtnlgkhjqxryw", "z", "c", "s", "zh", "ch", "sh"]
    finals = (
        "a ai an ang ao e ei en eng er i ia ian iang iao ie in ing iong iu o ong ou"
        " u ua uai uan uang ue ui un uo v ve van vn"
    )
    for initial, final in product(initials, finals.split()):
        assert is_syllable(f"{initial}{final}1") == spelt(f"{initial}{final}1")
    assert not any(map(is_syllable, ["chong", "chong6", "Chong2", "xqz2", "", "2"]))


def spelt(syllable: str) -> bool:
    try:
        return bool(pronounce._ipa(syllable))
    except KeyError:
        return False


def test_every_number_has_sounds() -> None:
    for text in set(numbers.inventory().values()) - {""}:
        assert phonemes(text).endswith(".")
