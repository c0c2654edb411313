"""Who is asked for an utterance: the cache, the speech that ships, and only then the voice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from prompt_build import opus, synthesis
from prompt_build.recipe import Recipe
from prompt_build.voices import Engine, VoiceUnavailable
from tests.prompt_build import humming

RECIPE = Recipe("line.goodbye", "再见再见", "humming", sounds="再见再见")


@pytest.fixture
def shipping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A voice that cannot be had, and what it has said once."""
    monkeypatch.setenv(humming.SPOKEN, str(tmp_path / "spoken"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(synthesis, "_voices", {})
    opus.keep(tmp_path / "speech", RECIPE, humming.hum(0.8), humming.RATE)
    return replace(humming.engine(), shipped=tmp_path / "speech", prepare=absent)


def absent() -> None:
    raise VoiceUnavailable("is the network up?")


def test_what_ships_needs_no_voice(shipping: Engine) -> None:
    assert not synthesis.needs_voice(RECIPE, shipping)
    speech, rate, spent = synthesis.utterance(RECIPE, shipping)
    assert (len(speech) / rate, spent) == (pytest.approx(1.0), 0.0)
    assert humming.utterances() == []


def test_where_it_is_lost_the_voice_is_needed(shipping: Engine) -> None:
    opus.place(shipping.shipped or Path(), RECIPE).unlink()
    assert synthesis.needs_voice(RECIPE, shipping)


def test_where_it_is_damaged_the_voice_is_fetched(shipping: Engine) -> None:
    """A look at the folder could not tell: a damaged file is there."""
    opus.place(shipping.shipped or Path(), RECIPE).write_bytes(b"O")
    with pytest.raises(VoiceUnavailable, match="network"):
        synthesis.utterance(RECIPE, shipping)
    speaks = replace(shipping, prepare=lambda: None)
    assert len(synthesis.utterance(RECIPE, speaks)[0]) == pytest.approx(humming.RATE)
    assert humming.utterances() == ["再见再见"]
