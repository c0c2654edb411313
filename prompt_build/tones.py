"""Sounds that nobody speaks: pauses, the beep before a recording, the music while waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from prompt_build.recipe import BEEP, MUSIC, PAUSES
from prompt_build.voices import Audio

_BEEP_HERTZ, _BEEP_SECONDS, _BEEP_AMPLITUDE = 1000.0, 0.3, 0.14
_BEAT_SECONDS = 0.6
_MUSIC_PEAK = 0.22
"""Some 6 dB below speech: whoever waits should hear the agent's first word over it."""

# Four phrases in the pentatonic scale of C, as (degree, beats); degree 0 rests. Degrees count
# the scale's five notes upwards from c'.
_MELODY = (
    (1, 2), (2, 1), (3, 1), (5, 2), (3, 2), (2, 1), (3, 1), (1, 2), (0, 4),
    (3, 2), (5, 1), (6, 1), (5, 2), (3, 2), (2, 1), (1, 1), (2, 2), (0, 4),
    (5, 2), (6, 1), (8, 1), (6, 2), (5, 2), (3, 1), (5, 1), (2, 2), (0, 4),
    (3, 2), (2, 1), (1, 1), (2, 2), (3, 2), (2, 1), (-1, 1), (1, 2), (0, 4),
)  # fmt: skip
_SCALE = (0, 2, 4, 7, 9)
_MIDDLE_C = 261.63


def tone(name: str, rate: int) -> Audio:
    """The samples of one of recipe.TONES."""
    if name in PAUSES:
        return np.zeros(int(PAUSES[name] * rate), np.float32)
    makers: Mapping[str, Callable[[int], Audio]] = {BEEP: _beep, MUSIC: music}
    return makers[name](rate)


def _beep(rate: int) -> Audio:
    """请讲 is followed by this: 1 kHz with soft edges."""
    seconds = np.arange(int(_BEEP_SECONDS * rate)) / rate
    edge = np.minimum(1, np.minimum(seconds, _BEEP_SECONDS - seconds) / 0.01)
    wave = _BEEP_AMPLITUDE * edge * np.sin(2 * np.pi * _BEEP_HERTZ * seconds)
    return np.asarray(wave, np.float32)


def music(rate: int) -> Audio:
    """A calm melody of forty seconds that begins and ends in silence, so that it can loop."""
    beats = sum(length for _, length in _MELODY)
    whole = np.zeros(int(beats * _BEAT_SECONDS * rate))
    at = 0
    for degree, length in _MELODY:
        start = int(at * _BEAT_SECONDS * rate)
        if degree:
            sound = _pluck(_hertz(degree), (length + 2) * _BEAT_SECONDS, rate)
            whole[start : start + len(sound)] += sound[: len(whole) - start]
        at += length
    return np.asarray(whole / np.abs(whole).max() * _MUSIC_PEAK, np.float32)


def _hertz(degree: int) -> float:
    octave, step = divmod(degree - 1 if degree > 0 else degree, len(_SCALE))
    return float(_MIDDLE_C * 2 ** (octave + _SCALE[step] / 12))


def _pluck(hertz: float, seconds: float, rate: int) -> Audio:
    """A soft string: a few overtones that die away, the higher the sooner."""
    time = np.arange(int(seconds * rate)) / rate
    sound = sum(
        np.exp(-time * (1.2 + 0.8 * overtone)) * np.sin(2 * np.pi * hertz * overtone * time)
        / overtone**1.5
        for overtone in (1, 2, 3)
    )  # fmt: skip
    return np.asarray(sound * np.minimum(1, time / 0.02), np.float32)
