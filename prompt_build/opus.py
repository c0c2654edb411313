"""Utterances as small files, Opus in Ogg, named by their recipe."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from ivr.records.durable import write
from prompt_build.recipe import Recipe
from prompt_build.voices import Audio

_COMPRESSION = 0.92
"""Of libsndfile: 26 kbit/s (docs/decisions/prompts.md)."""


def place(folder: Path, recipe: Recipe) -> Path:
    """Where an utterance lies in such a folder."""
    return folder / recipe.synthesis[:2] / f"{recipe.synthesis}.opus"


def read(folder: Path, recipe: Recipe) -> Audio | None:
    """The samples at the rate they were written with; None where there is no whole file."""
    try:
        samples, _ = soundfile.read(place(folder, recipe), dtype="float32")
    except (OSError, soundfile.LibsndfileError):
        return None
    return np.asarray(samples, np.float32)


def keep(folder: Path, recipe: Recipe, samples: Audio, rate: int) -> None:
    """Write it whole or not at all; `rate` is one that Opus knows (24000)."""
    whole = io.BytesIO()
    soundfile.write(
        whole, samples, rate, format="OGG", subtype="OPUS", compression_level=_COMPRESSION
    )
    path = place(folder, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, whole.getvalue())
