"""What every voice has in common, whoever speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from prompt_build.syllables import Words

Audio = npt.NDArray[np.float32]

Spell = Callable[[str, Words, Words], str]
"""A text, its own hints and the words of the lexicon, to what a voice is given; pure."""


class VoiceUnavailable(Exception):
    """The voice cannot be had; says what is missing and what to do."""


class SpeechFailed(Exception):
    """The voice did not make this utterance; another attempt may help."""


class Voice(Protocol):
    """An opened voice: what it is given in, samples out."""

    def speak(self, sounds: str, *, pace: float = 1.0) -> Audio:
        """Mono samples between −1 and 1; `sounds` as the engine's `spell` made them.

        Raises SpeechFailed when this utterance could not be made.
        """
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """A voice that a build can choose. Its functions are module-level, so that processes share it.

    The name is part of every recipe: another voice is another clip, and a set has one.
    """

    name: str
    rate: int
    """Samples a second."""
    prepare: Callable[[], None]
    """Fetch what it needs; raises VoiceUnavailable."""
    open: Callable[[], Voice]
    """Load it, once in each process."""
    spell: Spell
    """What it is given for a text."""
    workers: int
    """How many processes speak at once."""
    shipped: Path | None = None
    """A folder of what it has said already (opus.py), asked before the voice itself."""
    pace: float = 1.0
    """Of its sentences where the settings say 1.0; its numbers are left as they come."""
