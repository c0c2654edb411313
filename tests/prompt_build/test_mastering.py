"""Level, peaks, aliasing and codings, measured on signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from prompt_build import mastering
from prompt_build.mastering import (
    CEILING,
    RATES,
    TARGET_DBOV,
    active_level,
    clipped_samples,
    decode,
    encode,
    high_pass,
    limit,
    longest_silence,
    master,
    measure,
    trim,
)
from prompt_build.voices import Audio

RATE = 24000


def sine(seconds: float, hertz: float, peak: float, rate: int = RATE) -> Audio:
    at = np.arange(int(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


def silence(seconds: float, rate: int = RATE) -> Audio:
    return np.zeros(int(seconds * rate), np.float32)


def speech(seconds: float = 2.0, peak: float = 0.3, rate: int = RATE, seed: int = 0) -> Audio:
    """Noise in syllables: a crest like that of speech."""
    chance = np.random.default_rng(seed)
    at = np.arange(int(seconds * rate)) / rate
    syllables = np.maximum(0, np.sin(2 * np.pi * 4 * at)) ** 2
    voiced = chance.laplace(0, 1, len(at)) * syllables
    return (voiced / np.abs(voiced).max() * peak).astype(np.float32)


def decibels(samples: Audio) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


# --- level (ITU-T P.56) -----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
@pytest.mark.parametrize("peak", [0.01, 0.1, 0.5])
def test_a_steady_tone_is_as_loud_as_its_power(rate: int, peak: float) -> None:
    assert active_level(sine(2, 400, peak, rate), rate) == pytest.approx(
        20 * np.log10(peak / np.sqrt(2)), abs=0.2
    )


@pytest.mark.parametrize("steps", [1, 63, 64, 65, 1000])
def test_the_envelope_is_that_of_the_standard(steps: int) -> None:
    """P.56's filter as it is defined, value after value, and its hang-over."""
    values = np.abs(speech(1.0, rate=1000)[:steps])
    keep, last, slow = np.exp(-1 / 30), 0.0, []
    for value in values:
        last = keep * last + (1 - keep) * float(value)
        slow.append(last)
    assert mastering._smoothed(values) == pytest.approx(slow, rel=1e-9)
    above = values > np.median(values)
    held = [above[max(0, at - 200) : at + 1].any() for at in range(steps)]
    assert mastering._active_steps(above[None])[0] == sum(held)


def test_pauses_do_not_count() -> None:
    """Whatever silence lies around it, but for the 200 ms that P.56 adds to each stretch."""
    tone = sine(2, 400, 0.2)
    padded = np.concatenate([silence(1), tone, silence(2)])
    assert active_level(padded, RATE) == pytest.approx(active_level(tone, RATE), abs=0.7)
    assert decibels(padded) < active_level(padded, RATE) - 3


def test_one_loud_moment_does_not_make_a_long_text_loud() -> None:
    """The level is where the thresholds first reach it; above the last of them stands a moment."""
    steady = sine(60, 400, 0.1, 8000)
    steady[80000:80480] *= 5
    assert active_level(steady, 8000) == pytest.approx(decibels(steady), abs=0.5)


def test_half_as_loud_is_six_decibels_less() -> None:
    loud = speech()
    assert active_level(loud, RATE) - active_level(loud / 2, RATE) == pytest.approx(6.02, abs=0.1)


# --- the chain --------------------------------------------------------------------------------


@pytest.mark.parametrize("peak", [0.02, 0.1, 0.9])
@pytest.mark.parametrize("to", [8000, 16000])
def test_every_utterance_comes_out_at_the_target(peak: float, to: int) -> None:
    finished = master(np.concatenate([silence(0.4), speech(peak=peak), silence(0.6)]), RATE, to)
    measured = measure(finished, to)
    assert measured.level_dbov == pytest.approx(TARGET_DBOV, abs=1.0)
    assert measured.peak_dbfs <= -3.0


def test_clipping_is_counted_as_it_came_and_not_after_the_limiter() -> None:
    """The limiter hides it: a finished clip never reaches full scale."""
    clipped = np.clip(speech(peak=0.9) * 3, -1, 1)
    assert clipped_samples(clipped) > 100
    assert clipped_samples(speech(peak=0.9)) == 0
    assert clipped_samples(master(clipped, RATE, 8000)) == 0
    assert measure(master(clipped, RATE, 8000), 8000, clipped=7).came_clipped == 7


def test_an_utterance_of_one_syllable_too() -> None:
    short = np.concatenate([silence(0.4), speech(0.25), silence(0.6)])
    assert measure(master(short, RATE)).level_dbov == pytest.approx(TARGET_DBOV, abs=1.0)


def test_silence_is_refused() -> None:
    with pytest.raises(ValueError, match="no sound"):
        master(silence(1), RATE)


def test_the_silence_around_it_is_cut_away() -> None:
    finished = trim(np.concatenate([silence(0.4), sine(1, 300, 0.3), silence(0.6)]), RATE)
    assert len(finished) / RATE == pytest.approx(1.06, abs=0.02)


def test_both_ends_are_faded() -> None:
    finished = master(sine(1, 300, 0.5), RATE)
    assert finished[0] == finished[-1] == 0
    assert np.abs(finished[:8]).max() < np.abs(finished).max() / 4


def test_rumble_is_taken_away_and_speech_left() -> None:
    assert decibels(high_pass(sine(2, 40, 0.5), RATE)) < decibels(sine(2, 40, 0.5)) - 60
    assert decibels(high_pass(sine(2, 150, 0.5), RATE)) == pytest.approx(
        decibels(sine(2, 150, 0.5)), abs=0.1
    )


def test_what_a_telephone_cannot_carry_does_not_come_back_as_noise() -> None:
    """A sweep above 4.1 kHz taken to 8 kHz leaves next to nothing behind (design, speech)."""
    at = np.arange(RATE * 2) / RATE
    hertz = np.linspace(4150, 11900, len(at))
    sweep = 0.5 * np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * np.hanning(len(at))
    left = soxr.resample(sweep, RATE, mastering.TELEPHONE_RATE, quality="VHQ")
    assert decibels(left) < decibels(sweep) - 120


def test_peaks_are_held_down_without_clipping() -> None:
    loud = speech(peak=2.0)
    held = limit(loud, RATE)
    assert np.abs(held).max() <= CEILING + 1e-6
    assert np.count_nonzero(np.abs(held) > CEILING - 1e-4) < 30, "flat tops are clipping"
    quiet = speech(peak=0.5)
    assert limit(quiet, RATE) is quiet


def test_the_longest_silence_is_found_between_sound_and_sound() -> None:
    tone = sine(0.5, 300, 0.3)
    parts = [silence(2), tone, silence(0.3), tone, silence(0.8), tone, silence(2)]
    assert longest_silence(np.concatenate(parts), RATE) == pytest.approx(0.8, abs=0.02)


# --- codings ----------------------------------------------------------------------------------


def test_a_law_is_that_of_the_standard() -> None:
    """G.711, table 1a: the code words of the first, some middle and the last values."""
    values = decode(bytes([0xD5, 0x55, 0xD4, 0x80, 0x00, 0xAA, 0x2A]), "alaw") * 32768
    assert values.tolist() == [8, -8, 24, 5504, -5504, 32256, -32256]


def test_mu_law_is_that_of_the_standard() -> None:
    values = decode(bytes([0xFF, 0x7F, 0x80, 0x00]), "ulaw") * 32768
    assert values.tolist() == [0, 0, 32124, -32124]


@pytest.mark.parametrize("coding", ["alaw", "ulaw"])
def test_every_code_word_is_its_own_nearest(coding: str) -> None:
    codes = bytes(range(256))
    again = decode(encode(decode(codes, coding), coding), coding)
    assert np.array_equal(again, decode(codes, coding))


@pytest.mark.parametrize(("coding", "least"), [("alaw", 36), ("ulaw", 36), ("sln16", 70)])
def test_noise_of_the_coding(coding: str, least: float) -> None:
    """Signal to quantising noise at the target level, in decibels."""
    original = sine(1, 440, 0.14, RATES[coding])
    heard = decode(encode(original, coding), coding)
    assert decibels(original) - decibels(heard - original) > least


def test_g722_carries_what_a_narrow_band_does_not() -> None:
    original = sine(1, 6000, 0.14, RATES["g722"])
    coded = encode(original, "g722")
    assert len(coded) == 8000, "64 kbit a second"
    heard = decode(coded, "g722")
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) == pytest.approx(6000, abs=10)


def test_full_scale_does_not_wrap_round() -> None:
    loud = np.array([1.5, -1.5], np.float32)
    for coding in ("alaw", "ulaw", "sln16"):
        high, low = decode(encode(loud, coding), coding)
        assert high > 0.95
        assert low < -0.95
