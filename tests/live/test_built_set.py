"""The set that callers hear: every clip at one level, never clipped, in one voice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.config import PROJECT
from prompt_build import acceptance, kokoro, report, sets
from prompt_build.mastering import RATES, TARGET_DBOV, active_level, decode
from prompt_build.pronounce import phonemes
from prompt_build.recipe import TONES

pytestmark = pytest.mark.live

BUILT = PROJECT / "generated_audio"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    found = sets.published(BUILT)
    assert found is not None, "run `ivr build-prompts`"
    return found


def files(manifest: dict[str, Any], coding: str) -> dict[str, Path]:
    """One name for each file of speech."""
    return {
        name: BUILT / entry["files"][coding]
        for name, entry in manifest["prompts"].items()
        if name not in TONES and coding in entry["files"]
    }


def test_all_that_is_spoken_has_the_level_and_no_peak_is_too_high(
    manifest: dict[str, Any],
) -> None:
    """Measured on what is sent, after A-law; its steps near −3 dBFS are a quarter of a decibel."""
    off, high = {}, {}
    by_file = {path: name for name, path in files(manifest, "alaw").items()}
    assert len(by_file) > 1000
    for path, name in by_file.items():
        sound = decode(path.read_bytes(), "alaw")
        if abs(level := active_level(sound, RATES["alaw"]) - TARGET_DBOV) > report.TOLERANCE_DB:
            off[name] = level
        if (peak := 20 * np.log10(np.abs(sound).max())) > -2.75:
            high[name] = peak
    assert (off, high) == ({}, {})


def test_the_report_says_so(manifest: dict[str, Any]) -> None:
    clips = report.lines(BUILT)
    assert report.verdict(clips).startswith("good: ")
    header, *rows = report.table(clips)
    assert header.split("\t")[:5] == ["clip", "seconds", "level_dbov", "peak_dbfs", "clipped"]
    assert len(rows) == len(manifest["prompts"])
    clipped = [row.split("\t")[4] for row in rows]
    assert all(each == "?" or int(each) < 50 for each in clipped), "a few peaks at most"


def test_every_coding_is_there_and_lasts_as_long(manifest: dict[str, Any]) -> None:
    for name, entry in manifest["prompts"].items():
        sizes = {coding: (BUILT / file).stat().st_size for coding, file in entry["files"].items()}
        assert sizes["alaw"] == sizes["ulaw"], name
        assert round(sizes["alaw"] / RATES["alaw"], 3) == entry["seconds"], name


def test_one_voice_speaks_all_of_it(manifest: dict[str, Any]) -> None:
    assert manifest["voice"]["name"]
    measured = [path.with_suffix(".json") for path in files(manifest, "alaw").values()]
    assert all(json.loads(path.read_text())["silence_seconds"] < 1.2 for path in measured)


@pytest.mark.skipif(not kokoro.installed(), reason="the offline voice is not fetched")
def test_the_offline_voice_says_the_same_again_bit_for_bit() -> None:
    voice = kokoro.Kokoro()
    text = "感谢您的来电，再见。"
    first, second = (voice.speak(phonemes(text), pace=0.85) for _ in range(2))
    assert np.array_equal(first, second)
    assert acceptance.faults(first, kokoro.RATE, text, pace=0.85) == ()
