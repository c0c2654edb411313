"""What a voice makes of a recipe: asked for once on this machine, checked, and kept.

The user's cache is shared by all checkouts and by builds that run side by side: whoever comes
second to an utterance waits for the first instead of making it again.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np

from ivr.records.durable import write
from prompt_build import acceptance, opus
from prompt_build.cache import cache_folder
from prompt_build.locking import locked
from prompt_build.recipe import Recipe
from prompt_build.voices import Audio, Engine, SpeechFailed, Voice

ATTEMPTS = 3
"""How often an utterance with faults is made again before it is named."""
_HURRY = 0.02

_voices: dict[str, Voice] = {}
"""The voice of this process: loading it takes longer than a clip."""


def utterance(recipe: Recipe, engine: Engine) -> tuple[Audio, int, float]:
    """Samples before mastering, their rate, and the seconds that the voice took for them.

    Raises SpeechFailed when the last attempt has faults too, and names those.
    """
    kept = _place(recipe)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with locked(kept.parent / "lock"):
        if (known := _known(kept)) is None:
            known = _shipped(recipe, engine)
        if known is not None:
            return known, engine.rate, 0.0
        if _ships(recipe, engine):
            engine.prepare()  # a file that is there and damaged: nobody has fetched a voice for it
        voice = _opened(engine)
        began = time.monotonic()
        speech = accepted(voice, recipe, engine.rate)
        spent = time.monotonic() - began
        _keep(kept, speech)
    return speech, engine.rate, spent


def needs_voice(recipe: Recipe, engine: Engine) -> bool:
    """Whether somebody must speak it: it is neither kept on this machine nor shipped."""
    return bool(recipe.sounds) and not (_place(recipe).is_file() or _ships(recipe, engine))


def _place(recipe: Recipe) -> Path:
    return cache_folder() / "synthesis" / recipe.synthesis[:2] / f"{recipe.synthesis}.npy"


def _ships(recipe: Recipe, engine: Engine) -> bool:
    return engine.shipped is not None and opus.place(engine.shipped, recipe).is_file()


def _shipped(recipe: Recipe, engine: Engine) -> Audio | None:
    return None if engine.shipped is None else opus.read(engine.shipped, recipe, engine.rate)


def accepted(voice: Voice, recipe: Recipe, rate: int) -> Audio:
    """An utterance without faults, within some attempts; each is a little faster than the last.

    Kokoro says the same again bit for bit, and stumbles at one pace where it does not at another.
    """
    wrong: tuple[str, ...] = ()
    for attempt in range(ATTEMPTS):
        speech = voice.speak(recipe.sounds, pace=recipe.pace * (1 + _HURRY * attempt))
        wrong = acceptance.faults(speech, rate, recipe.text, pace=recipe.pace)
        if not wrong:
            return speech
    raise SpeechFailed("; ".join(wrong))


def _opened(engine: Engine) -> Voice:
    if engine.name not in _voices:
        _voices[engine.name] = engine.open()
    return _voices[engine.name]


def _keep(path: Path, speech: Audio) -> None:
    """As 16-bit samples; under its name once it is whole."""
    whole = io.BytesIO()
    np.save(whole, np.clip(np.rint(speech * 32767), -32767, 32767).astype(np.int16))
    write(path, whole.getvalue())


def _known(path: Path) -> Audio | None:
    """None when it is not there, or was damaged by a power cut."""
    try:
        samples: Audio = (np.load(path) / 32767).astype(np.float32)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return samples
