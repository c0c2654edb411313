"""A voice that hums as long as its words would take: at once, and always the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from prompt_build.recipe import Speaking
from prompt_build.syllables import Words
from prompt_build.voices import Audio, Engine, VoiceUnavailable

RATE = 24000
SYLLABLE_SECONDS = 0.2
MUTE, SLOW, ONCE_MUTE = "哑", "慢", "偶"
"""What makes it silent, take its time, or be silent the first time."""
SPOKEN = "HOTLINE_TEST_SPOKEN"
"""Names the file that gets a line for each utterance."""


class Humming:
    def speak(self, sounds: str, *, pace: float = 1.0) -> Audio:
        before = utterances()
        with Path(os.environ[SPOKEN]).open("a", encoding="utf-8") as spoken:
            spoken.write(f"{sounds}\n")
        if SLOW in sounds:
            time.sleep(0.4)
        if MUTE in sounds or (ONCE_MUTE in sounds and sounds not in before):
            return np.zeros(RATE, np.float32)
        return hum(sum(map(str.isalpha, sounds)) * SYLLABLE_SECONDS / pace)


def hum(seconds: float, rate: int = RATE, hertz: float = 220.0) -> Audio:
    """A tone with a tenth of a second of silence before and after it."""
    at = np.arange(int(seconds * rate)) / rate
    edge = np.minimum(1, np.minimum(at, at[-1] - at) / 0.01)
    quiet = np.zeros(rate // 10)
    tone = 0.2 * edge * (np.sin(2 * np.pi * hertz * at) + 0.3 * np.sin(6 * np.pi * hertz * at))
    return np.concatenate([quiet, tone, quiet]).astype(np.float32)


def utterances() -> list[str]:
    """What has been asked of the voice, in all processes."""
    file = Path(os.environ[SPOKEN])
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def plain(text: str, hints: Words, lexicon: Words) -> str:
    for word, said in hints.items():
        text = text.replace(word, said)
    return text


def _ready() -> None:
    if "HOTLINE_TEST_VOICE_ABSENT" in os.environ:
        raise VoiceUnavailable("the humming voice is not there")


def engine(
    name: str = "humming", workers: int = 2, opened: Callable[[], Humming] = Humming
) -> Engine:
    return Engine(name, RATE, _ready, opened, plain, workers)


def speaking(name: str = "humming") -> Speaking:
    return Speaking(name, spell=plain)
