"""Utterances as small files, Opus in Ogg, named by their recipe."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ivr.records.durable import write
from prompt_build.recipe import Recipe
from prompt_build.voices import Audio

_RATE = 16000
"""Of the file. A telephone hears 7 kHz at most (G.722): what lies above would cost its bits."""
_COMPRESSION = 0.92
"""Of libsndfile: 26 kbit/s (docs/decisions/prompts.md)."""


def place(folder: Path, recipe: Recipe) -> Path:
    """Where an utterance lies in such a folder."""
    return folder / recipe.synthesis[:2] / f"{recipe.synthesis}.opus"


def read(folder: Path, recipe: Recipe, rate: int) -> Audio | None:
    """The samples, `rate` of them a second; None where there is no whole file."""
    try:
        samples, kept = soundfile.read(place(folder, recipe), dtype="float32")
    except (OSError, soundfile.LibsndfileError):
        return None
    return _resampled(samples, kept, rate)


def keep(folder: Path, recipe: Recipe, samples: Audio, rate: int) -> None:
    """Write it, whole or not at all."""
    whole = io.BytesIO()
    heard = _resampled(samples, rate, _RATE)
    soundfile.write(
        whole, heard, _RATE, format="OGG", subtype="OPUS", compression_level=_COMPRESSION
    )
    path = place(folder, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, whole.getvalue())


def _resampled(samples: Audio, rate: int, to: int) -> Audio:
    return np.asarray(soxr.resample(samples, rate, to, quality="VHQ"), np.float32)
