"""The catalog as words: a set without sound, sentences with examples, seconds where known."""

from __future__ import annotations

import pytest

from ivr.config import PROJECT
from ivr.speech.prompts import sentence
from prompt_build.catalog.content import Prompt, Slot, Spoken
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from prompt_build.reading import seconds, silent_set, words

READOUT = Prompt("account.readout", (Spoken("余额为"), Slot("balance", "amount"), Spoken("。")))


def test_a_set_without_sound_says_what_the_real_one_would() -> None:
    prompts = silent_set(load(Source(PROJECT / "scripts.zh.toml")))
    assert prompts.missing_clips() == []
    said = prompts.utterance(sentence("identity.missing", missing=3))
    assert said.text == "还差三位，请继续输入。"
    assert prompts.keys["main.menu"] == "12345607"
    assert prompts.information["4"].children["1"].children["2"].prompt == "information.4.1.2"


def test_an_example_stands_where_a_call_fills_something_in() -> None:
    assert words(READOUT) == "余额为〔一万二千三百四十五元六角七分〕。"


@pytest.mark.parametrize(
    ("built", "known"),
    [
        ({"account.readout.1": {"text": "余额为", "seconds": 1.5}}, 1.5),
        ({"account.readout.1": {"text": "您的余额为", "seconds": 1.5}}, None),
        ({}, None),
    ],
)
def test_seconds_are_known_for_the_same_words_only(built: dict, known: float | None) -> None:
    assert seconds(READOUT, built) == known
