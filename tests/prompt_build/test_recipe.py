"""What a set consists of, and what makes a clip another clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivr.config import PROJECT
from ivr.speech import numbers
from prompt_build.catalog.content import Catalog, Prompt, Slot, Spoken
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source
from prompt_build.kokoro import KOKORO
from prompt_build.recipe import Recipe, Speaking, clips_of, missing, recipes, script
from tests.prompt_build import humming

KOKORO_SPEAKS = Speaking(KOKORO.name, spell=KOKORO.spell)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(Source(PROJECT / "scripts.zh.toml"))


def prompt(*pieces: Spoken | Slot) -> Prompt:
    return Prompt("a.b", pieces)


def test_the_same_words_are_the_same_clip_under_any_name(catalog: Catalog) -> None:
    one, other = recipes(catalog, KOKORO_SPEAKS), recipes(catalog, KOKORO_SPEAKS)
    assert [each.id for each in one] == [each.id for each in other]
    assert Recipe("a", "好。", "v", "hao").id == Recipe("b", "好。", "v", "hao").id


@pytest.mark.parametrize(
    "changed",
    [
        {"voice": "another"},
        {"sounds": "hai"},
        {"pace": 0.9},
        {"rate": 8000},
        {"sounds": "", "recording": "hash of it"},
    ],
)
def test_whatever_is_heard_is_part_of_the_identity(changed: dict[str, Any]) -> None:
    recipe = Recipe("a", "好。", "v", "hao")
    assert replace(recipe, **changed).id != recipe.id


def test_a_recording_is_checked_again_when_its_words_change() -> None:
    recipe = Recipe("a", "好。", "recorded", recorded=Path("a.wav"), recording="hash")
    assert replace(recipe, text="您好。").id != recipe.id


def test_kokoro_ends_chunks_alike_and_another_voice_may_not(catalog: Catalog) -> None:
    """Measured: half a semitone between a comma and a full stop, which nobody hears."""
    pair = ("number.六角七分", "number.六角七分。")
    kokoro = {each.name: each for each in recipes(catalog, KOKORO_SPEAKS)}
    assert kokoro[pair[0]].id == kokoro[pair[1]].id
    other = {each.name: each for each in recipes(catalog, humming.speaking())}
    assert other[pair[0]].id != other[pair[1]].id
    assert other[pair[0]].text == other[pair[1]].text == "六角七分"


def test_a_one_is_said_as_the_settings_have_it(catalog: Catalog) -> None:
    plain = replace(KOKORO_SPEAKS, one="一")
    texts = {each.name: each.text for each in recipes(catalog, plain)}
    assert texts["number.幺二"] == "一二"
    assert not any("幺" in text for text in texts.values())


def test_every_number_has_a_recipe(catalog: Catalog) -> None:
    assert numbers.inventory().keys() <= {each.name for each in recipes(catalog, KOKORO_SPEAKS)}


def test_what_is_missing_is_made_once_and_the_longest_first() -> None:
    short, long = Recipe("a", "好。", "v", "hao"), Recipe("b", "您好。", "v", "nin hao")
    same = replace(short, name="c")
    assert missing([short, long, same], frozenset()) == (long, same)
    there = frozenset(long.files)
    assert missing([short, long], there) == (short,)
    assert missing([long], frozenset(long.files[:-1])) == (long,), "measures come last"


# --- sentences with values --------------------------------------------------------------------


def test_a_sentence_is_cut_into_clips_where_values_stand() -> None:
    said = prompt(Spoken("余额"), Slot("sum", "amount"), Spoken("，缴至"), Slot("to", "year_month"))
    assert list(clips_of(said)) == [("a.b.1", "余额"), ("a.b.2", "，缴至")]
    assert script(said) == [
        {"clip": "a.b.1"},
        {"slot": "sum", "read": "amount", "ends": False},
        {"clip": "pause.250"},
        {"clip": "a.b.2"},
        {"slot": "to", "read": "year_month", "ends": True},
    ]


def test_an_amount_at_the_end_is_left_to_sink_in() -> None:
    """Rules, 4.1.11: 600 ms before what comes next."""
    said = prompt(Spoken("余额"), Slot("sum", "amount"), Spoken("。"))
    assert script(said)[1:] == [
        {"slot": "sum", "read": "amount", "ends": True},
        {"clip": "pause.600"},
    ]


def test_a_sentence_without_values_is_one_clip() -> None:
    said = prompt(Spoken("您好。再见。"))
    assert script(said) == [{"clip": "a.b"}]
