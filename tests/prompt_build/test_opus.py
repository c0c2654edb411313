"""Utterances as small files: what comes back is what went in, as far as a telephone can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prompt_build import opus
from prompt_build.recipe import Recipe

RATE = 21120
RECIPE = Recipe("line.goodbye", "再见", "voice", sounds="x")


def voiced(seconds: float) -> np.ndarray:
    """Something with a fundamental and formants, as speech has."""
    time = np.arange(int(seconds * RATE)) / RATE
    waves = sum(np.sin(2 * np.pi * 220 * n * time) / n for n in range(1, 14))
    return np.asarray(0.1 * waves * np.minimum(1, time / 0.02), np.float32)


def test_what_comes_back_is_as_long_and_sounds_alike(tmp_path: Path) -> None:
    sound = voiced(0.7)
    opus.keep(tmp_path, RECIPE, sound, RATE)
    back = opus.read(tmp_path, RECIPE, RATE)
    assert back is not None
    assert len(back) == pytest.approx(len(sound), abs=1)
    common = min(len(back), len(sound))
    assert np.corrcoef(back[:common], sound[:common])[0, 1] > 0.95
    assert opus.place(tmp_path, RECIPE).stat().st_size < 0.7 * 6000


def test_what_is_not_there_or_is_damaged_does_not_ship(tmp_path: Path) -> None:
    assert opus.read(tmp_path, RECIPE, RATE) is None
    opus.place(tmp_path, RECIPE).parent.mkdir()
    opus.place(tmp_path, RECIPE).write_bytes(b"OggS and then nothing")
    assert opus.read(tmp_path, RECIPE, RATE) is None
