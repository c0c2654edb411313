"""Is this what a voice makes when all goes well? Each utterance is checked before it is kept.

A connection that breaks in mid-sentence returns cut audio as success, and a model can stumble:
length, level, both ends and the silences are compared with what the text leads one to expect.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prompt_build.mastering import active_level, longest_silence, trim
from prompt_build.voices import Audio

SHORTEST_SYLLABLE_SECONDS, LONGEST_SYLLABLE_SECONDS = 0.09, 0.50
STOP_SECONDS = 0.9
"""The most that one mark of punctuation adds."""
QUIETEST_DBOV, LOUDEST_DBOV = -45.0, -6.0
LONGEST_SILENCE_SECONDS = 1.2
_EDGE_SECONDS, _EDGE_DB = 0.010, -26.0
_STOPS = "，、。！？；："


def faults(speech: Audio, rate: int, text: str, *, pace: float = 1.0) -> tuple[str, ...]:
    """What is wrong with an utterance of `text`, in words; empty when it is good."""
    if not speech.size or not np.isfinite(speech).all() or not np.abs(speech).max() > 0:
        return ("there is no sound in it",)
    return (*_length(speech, rate, text, pace), *_level(speech, rate), *_gaps(speech, rate))


def _length(speech: Audio, rate: int, text: str, pace: float) -> Iterator[str]:
    syllables = sum(character.isalpha() for character in text)
    stops = sum(character in _STOPS for character in text)
    seconds = len(trim(speech, rate)) / rate * pace
    shortest = SHORTEST_SYLLABLE_SECONDS * syllables
    longest = LONGEST_SYLLABLE_SECONDS * (syllables + 1) + STOP_SECONDS * stops
    if not shortest <= seconds <= longest:
        expected = f"{shortest:.1f} to {longest:.1f} s"
        yield f"it takes {seconds:.1f} s; {syllables} syllables take {expected}"


def _level(speech: Audio, rate: int) -> Iterator[str]:
    level = active_level(speech, rate)
    if not QUIETEST_DBOV <= level <= LOUDEST_DBOV:
        yield f"its level is {level:.0f} dBov"


def _gaps(speech: Audio, rate: int) -> Iterator[str]:
    silence = longest_silence(speech, rate)
    if silence > LONGEST_SILENCE_SECONDS:
        yield f"{silence:.1f} s of silence within it"
    edge = int(_EDGE_SECONDS * rate)
    loudest = float(np.abs(speech).max()) * 10 ** (_EDGE_DB / 20)
    for end, samples in (("start", speech[:edge]), ("end", speech[-edge:])):
        if np.sqrt(np.mean(samples**2)) > loudest:
            yield f"its {end} is cut off"
