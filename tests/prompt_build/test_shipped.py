"""The speech that ships is what the voice says: all of it, nothing else, alike when made again."""

from __future__ import annotations

import random

import numpy as np
import pytest

from prompt_build import kokoro, opus, shipped
from prompt_build.kokoro import KOKORO, RATE, SHIPPED
from prompt_build.mastering import TELEPHONE_RATE, decode, encode, master
from prompt_build.recipe import Recipe
from prompt_build.synthesis import accepted
from prompt_build.voices import Audio

HANDFUL = 4
FRAME = 600
"""Samples of the voice, 25 ms: it makes a sound of whole ones."""
SHORT = 40
"""Hanzi; each costs the voice a quarter of a second of processor, and the longest have 250."""


@pytest.fixture(scope="module")
def wanted() -> tuple[Recipe, ...]:
    return shipped.wanted()


def test_every_utterance_of_the_shipped_catalog_ships_and_no_other(
    wanted: tuple[Recipe, ...],
) -> None:
    named = {opus.place(SHIPPED, each) for each in wanted}
    there = set(SHIPPED.rglob("*.opus"))
    missing = [each.name for each in wanted if opus.place(SHIPPED, each) not in there]
    assert missing == [], "run `make voice`"
    assert there - named == set(), "run `make voice`"
    assert sum(each.stat().st_size for each in there) < 15e6


@pytest.mark.live
@pytest.mark.timeout(600)
def test_a_handful_made_again_is_what_ships(wanted: tuple[Recipe, ...]) -> None:
    """Spectra are compared as they are heard: mastered, at 8 kHz, through A-law.

    How many frames a syllable has is a number rounded: on another processor one of the handful may
    have one more or less, and is out of step with itself from there on, or until another evens it.
    """
    kokoro.install()
    voice = kokoro.Kokoro()
    short = [each for each in wanted if len(each.text) <= SHORT]
    out_of_step = []
    for recipe in random.sample(short, HANDFUL):  # another handful each time
        again = accepted(voice, recipe, RATE)
        ships = opus.read(SHIPPED, recipe, KOKORO.rate)
        assert ships is not None
        assert len(ships) == pytest.approx(len(again), abs=FRAME + 1), recipe.name
        if not are_in_step(ships, again):
            out_of_step.append(recipe.name)
    assert len(out_of_step) <= 1, out_of_step


def are_in_step(ships: Audio, again: Audio) -> bool:
    alike = distance_db(heard(ships, KOKORO.rate), heard(again, KOKORO.rate)) < 3.0
    return alike and abs(len(ships) - len(again)) <= 1


def heard(sound: Audio, rate: int) -> Audio:
    return decode(encode(master(sound, rate, TELEPHONE_RATE), "alaw"), "alaw")


def distance_db(one: Audio, other: Audio) -> float:
    """Root mean square of the log spectra's difference where there is speech, 300 to 3400 Hz."""
    first, second = map(spectra, aligned(one, other))
    loud = first.mean(axis=1) > np.median(first) - 6
    return float(np.sqrt(((first - second)[loud] ** 2).mean()))


def _correlation(one: Audio, other: Audio) -> np.ndarray:
    size = len(one) + len(other) - 1
    product = np.fft.rfft(one, size) * np.fft.rfft(other[::-1], size)
    return np.fft.irfft(product, size)


def aligned(one: Audio, other: Audio) -> tuple[Audio, Audio]:
    """Where they begin may differ by some samples: the trim looks for the first sound."""
    lag = int(np.argmax(_correlation(one, other))) - (len(other) - 1)
    one, other = one[max(0, lag) :], other[max(0, -lag) :]
    length = min(len(one), len(other))
    return one[:length], other[:length]


def spectra(sound: Audio) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(sound, 256)[::128] * np.hanning(256)
    power = np.abs(np.fft.rfft(frames))[:, 10:110] ** 2
    bands = power.reshape(len(power), 20, 5).sum(axis=2)
    return np.asarray(10 * np.log10(bands + 1e-4))
