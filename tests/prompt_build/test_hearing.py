"""What an editor hears is what a caller hears, with an example where a call fills in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.speech import numbers
from prompt_build import hearing, sets
from tests.prompt_build.smallset import build_set, write_catalog


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    sets.publish(tmp_path, build_set(write_catalog(tmp_path), tmp_path))
    return tmp_path


def test_there_is_an_example_for_whatever_a_call_fills_in() -> None:
    assert hearing.EXAMPLES.keys() == numbers.SLOT_KINDS
    for kind, value in hearing.EXAMPLES.items():
        assert numbers.read(kind, value).clips


def test_a_prompt_is_heard_with_its_examples(audio: Path) -> None:
    manifest = sets.load(audio, 1)
    clips = hearing.clips_of(manifest, "account.readout")
    assert clips == (
        "account.readout.1",
        *numbers.read("year_month", "2026-10").clips_within,
        "pause.250",
        "account.readout.2",
        *numbers.read("amount", "12345.67").clips,
        "pause.600",
    )


def test_the_clips_are_joined_without_a_sample_between_them(audio: Path) -> None:
    manifest = sets.load(audio, 1)
    clips = hearing.clips_of(manifest, "account.readout")
    sound, rate = hearing.joined(audio, manifest, clips)
    assert rate == 8000
    files = [audio / manifest["prompts"][clip]["files"]["alaw"] for clip in clips]
    assert len(sound) == sum(file.stat().st_size for file in files)


def test_a_wav_file_is_written(audio: Path, tmp_path: Path) -> None:
    heard = hearing.hear(audio, sets.load(audio, 1), "amount", "12345.67", tmp_path / "heard.wav")
    assert heard.text == "一万两千三百四十五元六角七分".replace("两", "二")
    assert (tmp_path / "heard.wav").read_bytes().startswith(b"RIFF")


def test_what_is_not_there_is_named(audio: Path, tmp_path: Path) -> None:
    with pytest.raises(sets.NoSuchSet, match="no prompt nowhere"):
        hearing.hear(audio, sets.load(audio, 1), "prompt", "nowhere", tmp_path / "heard.wav")
    with pytest.raises(numbers.Unreadable):
        hearing.hear(audio, sets.load(audio, 1), "amount", "many", tmp_path / "heard.wav")
