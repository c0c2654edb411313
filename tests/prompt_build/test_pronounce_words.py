"""Words are set apart as in the offline voice's training; a number is one word."""

from __future__ import annotations

from ivr.speech import numbers
from prompt_build.pronounce import phonemes


def spoken_words(text: str) -> list[str]:
    return phonemes(text).rstrip(".").split(" ")


def test_sentences_are_cut_into_words() -> None:
    assert spoken_words("查询公积金余额请按一") == [
        phonemes(word).rstrip(".") for word in ("查询", "公积金", "余额", "请", "按", "一")
    ]


def test_a_number_within_a_sentence_stays_whole() -> None:
    assert phonemes("二零二五年").rstrip(".") in phonemes("从二零二五年起")
    assert len(spoken_words("二十五万零三百")) == 1


def test_chunks_of_numbers_are_words() -> None:
    plain = [text for text in numbers.inventory().values() if text and "X" not in text]
    assert len(plain) > 1000
    alone = [text.removesuffix("分钟") for text in plain]  # which is a word of its own
    assert [text for text in alone if len(spoken_words(text)) != 1] == []


def test_the_tones_of_yi_and_bu_reach_over_words() -> None:
    assert phonemes("一个不去").count("↗") == 2
