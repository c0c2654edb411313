"""From what a voice makes to what a telephone plays: filtered, trimmed, levelled, coded.

Chain (design, speech): high-pass 100 Hz → trim → level by ITU-T P.56 → limit → fades → soxr VHQ
to 8 kHz → A-law and mu-law. Samples are float32 between −1 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

Audio = npt.NDArray[np.float32]

TELEPHONE_RATE = 8000
TARGET_DBOV = -20.0
"""Active speech level of every prompt."""
CEILING = 10 ** (-3.0 / 20)
"""No sample above −3 dBFS."""
FORMATS = ("alaw", "ulaw")
"""Headerless, so that Asterisk sends them bit for bit."""
VERSION = 1
"""Raised when the chain changes: every clip is then mastered anew, none synthesised."""

_HIGH_PASS_HZ = 100.0
_KEPT_SECONDS = 0.03
_FADE_IN_SECONDS, _FADE_OUT_SECONDS = 0.005, 0.010
_SILENCE_DB = -45.0


@dataclass(frozen=True, slots=True)
class Master:
    """One clip, ready to be coded: 8 kHz samples and what was measured on them."""

    samples: Audio
    level_dbov: float
    peak_dbfs: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / TELEPHONE_RATE


def master(speech: Audio, rate: int) -> Master:
    """Take one utterance through the whole chain; ValueError when there is no speech in it."""
    clean = trim(high_pass(speech, rate), rate)
    narrow = soxr.resample(clean, rate, TELEPHONE_RATE, quality="VHQ").astype(np.float32)
    levelled = _levelled(narrow)
    return Master(
        _faded(levelled),
        active_level(levelled, TELEPHONE_RATE),
        _decibels(float(np.max(np.abs(levelled)))),
    )


def high_pass(samples: Audio, rate: int) -> Audio:
    """Zero-phase, a raised cosine from half an octave below 100 Hz to it."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    low = _HIGH_PASS_HZ / 2
    rise = np.clip((hertz - low) / (_HIGH_PASS_HZ - low), 0, 1)
    shaped = spectrum * (0.5 - 0.5 * np.cos(np.pi * rise))
    return np.fft.irfft(shaped, len(samples)).astype(np.float32)


def trim(samples: Audio, rate: int) -> Audio:
    """Without the silence before and after, but for 30 ms of each."""
    frame = rate // 100
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    energy = np.sqrt(np.mean(whole**2, axis=1))
    if not energy.size or not energy.max():
        raise ValueError("there is no sound in it")
    loud = np.flatnonzero(energy > energy.max() * 10 ** (_SILENCE_DB / 20))
    kept = int(_KEPT_SECONDS * rate)
    return samples[max(0, loud[0] * frame - kept) : (loud[-1] + 1) * frame + kept]


def _levelled(samples: Audio) -> Audio:
    """At the target level, with peaks held down; the second round makes up for the limiter."""
    for _ in range(3):
        gain = 10 ** ((TARGET_DBOV - active_level(samples, TELEPHONE_RATE)) / 20)
        samples = limit(samples * np.float32(gain), TELEPHONE_RATE)
    return samples


def limit(samples: Audio, rate: int) -> Audio:
    """Peaks at most at the ceiling, by a gain that moves smoothly over 10 ms, not by clipping."""
    reach = rate // 200
    needed = np.minimum(1.0, CEILING / np.maximum(np.abs(samples), 1e-9))
    if needed.min() == 1.0:
        return samples
    width = 2 * reach + 1
    lowest = np.lib.stride_tricks.sliding_window_view(
        np.pad(needed, 2 * reach, constant_values=1.0), width
    ).min(axis=1)
    gain = np.convolve(lowest, np.full(width, 1 / width), mode="valid")
    return (samples * gain).astype(np.float32)


def active_level(samples: Audio, rate: int) -> float:
    """Active speech level in dBov by ITU-T P.56, method B, on an envelope of 1 ms steps."""
    step = rate // 1000
    blocks = np.abs(samples[: len(samples) // step * step].reshape(-1, step)).mean(axis=1)
    envelope = _smoothed(_smoothed(blocks))
    total = float(np.sum(samples.astype(np.float64) ** 2))
    thresholds: npt.NDArray[np.float64] = 2.0 ** np.arange(-15.0, 0.0)
    active = np.array([_active_steps(envelope >= limit) for limit in thresholds]) * step
    return _p56(total, active, thresholds)


def _smoothed(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """One-pole smoothing with 30 ms (P.56), in 1 ms steps."""
    keep = float(np.exp(-1 / 30))
    smooth = np.empty(len(values))
    last = 0.0
    for at, value in enumerate(values):
        last = keep * last + (1 - keep) * float(value)
        smooth[at] = last
    return smooth


def _active_steps(above: npt.NDArray[np.bool_]) -> int:
    """Steps above a threshold, with 200 ms of hang-over after each."""
    hangover = np.convolve(above, np.ones(201), mode="full")[: len(above)]
    return int(np.count_nonzero(hangover > 0.5))


def _p56(total: float, active: npt.NDArray[np.int_], thresholds: npt.NDArray[np.float64]) -> float:
    """Where the level over active time lies 15.9 dB above the threshold, interpolated."""
    used = active > 0
    levels = 10 * np.log10(total / active[used])
    margins = levels - 20 * np.log10(thresholds[used]) - 15.9
    if margins[-1] > 0:
        return float(levels[-1])
    below = int(np.argmax(margins <= 0))
    if below == 0:
        return float(levels[0])
    part = margins[below - 1] / (margins[below - 1] - margins[below])
    return float(levels[below - 1] + part * (levels[below] - levels[below - 1]))


def _faded(samples: Audio) -> Audio:
    faded = samples.copy()
    rise = int(_FADE_IN_SECONDS * TELEPHONE_RATE)
    fall = int(_FADE_OUT_SECONDS * TELEPHONE_RATE)
    faded[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    faded[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
    return faded


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 1e-9)))


# --- coding (ITU-T G.711) ---------------------------------------------------------------------


def _alaw_values() -> npt.NDArray[np.float64]:
    codes = np.arange(256) ^ 0x55
    mantissa, segment = codes & 0x0F, (codes >> 4) & 0x07
    steps = (mantissa << 4) + 8
    size = np.where(segment == 0, steps, (steps + 0x100) << np.maximum(segment - 1, 0))
    return np.where(codes & 0x80, size, -size) / 32768


def _ulaw_values() -> npt.NDArray[np.float64]:
    codes = ~np.arange(256) & 0xFF
    mantissa, segment = codes & 0x0F, (codes >> 4) & 0x07
    size = (((mantissa << 3) + 0x84) << segment) - 0x84
    return np.where(codes & 0x80, -size, size) / 32768


_VALUES = {"alaw": _alaw_values(), "ulaw": _ulaw_values()}


def encode(samples: Audio, law: str) -> bytes:
    """G.711 by the nearest code word: the most accurate encoder there is."""
    values = _VALUES[law]
    order = np.argsort(values, kind="stable")
    rising = values[order]
    codes = order[np.searchsorted((rising[1:] + rising[:-1]) / 2, samples)]
    return bytes(codes.astype(np.uint8).tobytes())


def decode(coded: bytes, law: str) -> Audio:
    """What the listener's telephone makes of it."""
    return _VALUES[law][np.frombuffer(coded, np.uint8)].astype(np.float32)
