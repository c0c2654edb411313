"""From what a voice makes to what a telephone plays: filtered, trimmed, levelled, coded.

Chain (design, speech): high-pass 100 Hz → trim → soxr VHQ to the telephone's rate → level by
ITU-T P.56 → limit → fades → A-law, mu-law, G.722 or plain samples. Samples are float32 between
−1 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from prompt_build.voices import Audio

TELEPHONE_RATE = 8000
RATES = {"alaw": 8000, "ulaw": 8000, "g722": 16000, "sln16": 16000}
"""Samples a second of each coding; all are headerless, so that Asterisk sends them as they are."""
TARGET_DBOV = -20.0
"""Active speech level of every prompt."""
CEILING_DBFS = -3.0
CEILING = 10 ** (CEILING_DBFS / 20)
"""No sample above −3 dBFS."""
VERSION = 1
"""Raised when the chain changes: every clip is then mastered anew, none synthesised."""

_HIGH_PASS_HZ = 100.0
_KEPT_SECONDS = 0.03
_FADE_IN_SECONDS, _FADE_OUT_SECONDS = 0.005, 0.010
_SILENCE_DB = -45.0
_SILENT_DBOV = -99.0
_FULL_SCALE = 0.999


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on one finished clip."""

    seconds: float
    level_dbov: float
    """Active speech level by P.56; the beep and silences have none."""
    peak_dbfs: float
    silence_seconds: float
    """The longest silence within it."""
    came_clipped: int | None = None
    """Samples at full scale as they came, before the limiter; None: not counted at the time."""


def master(speech: Audio, rate: int, to: int = TELEPHONE_RATE) -> Audio:
    """Take one utterance through the whole chain; ValueError when there is no speech in it."""
    clean = trim(high_pass(speech, rate), rate)
    telephone = soxr.resample(clean, rate, to, quality="VHQ").astype(np.float32)
    return _faded(_levelled(telephone, to), to)


def measure(samples: Audio, rate: int = TELEPHONE_RATE, *, clipped: int | None = None) -> Measured:
    """What the report says of a finished clip; `clipped` was counted before it was mastered."""
    peak = float(np.max(np.abs(samples), initial=0.0))
    return Measured(
        seconds=round(len(samples) / rate, 3),
        level_dbov=round(active_level(samples, rate), 2) if peak else _SILENT_DBOV,
        peak_dbfs=round(_decibels(peak), 2),
        silence_seconds=longest_silence(samples, rate),
        came_clipped=clipped,
    )


def clipped_samples(speech: Audio) -> int:
    """How many samples of a voice or a recording stand at full scale; mastering hides them."""
    return int(np.count_nonzero(np.abs(speech) >= _FULL_SCALE))


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
    loud = np.flatnonzero(_loud(samples, rate))
    if not loud.size:
        raise ValueError("there is no sound in it")
    kept = int(_KEPT_SECONDS * rate)
    return samples[max(0, loud[0] * frame - kept) : (loud[-1] + 1) * frame + kept]


def longest_silence(samples: Audio, rate: int) -> float:
    """Seconds of the longest stretch below −45 dB of the loudest, between sound and sound."""
    loud = np.flatnonzero(_loud(samples, rate))
    return round(float(np.max(np.diff(loud), initial=1) - 1) / 100, 2)


def _loud(samples: Audio, rate: int) -> npt.NDArray[np.bool_]:
    """Which 10 ms of it have sound in them."""
    frame = rate // 100
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    energy = np.sqrt(np.mean(whole**2, axis=1))
    return np.asarray(energy > energy.max(initial=0.0) * 10 ** (_SILENCE_DB / 20))


def _levelled(samples: Audio, rate: int) -> Audio:
    """At the target level, with peaks held down; the other rounds make up for the limiter."""
    for _ in range(3):
        gain = 10 ** ((TARGET_DBOV - active_level(samples, rate)) / 20)
        samples = limit(samples * np.float32(gain), rate)
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
    return _p56(total, _active_steps(envelope >= thresholds[:, None]) * step, thresholds)


_KEEP = float(np.exp(-1 / 30))
"""Of the smoothed value after 1 ms: 30 ms by P.56."""
_STRETCH = 64
_AFTER = np.arange(_STRETCH)[None, :] - np.arange(_STRETCH)[:, None]
_ANSWER = np.where(_AFTER >= 0, (1 - _KEEP) * _KEEP ** np.maximum(_AFTER, 0), 0.0)
"""What a value (row) adds to the smoothed ones after it (columns), within one stretch."""
_FADING = _KEEP ** np.arange(1, _STRETCH + 1)


def _smoothed(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """One-pole smoothing with 30 ms (P.56), in 1 ms steps; stretch by stretch, as arrays."""
    padded = np.pad(values.astype(np.float64), (0, -len(values) % _STRETCH))
    stretches = padded.reshape(-1, _STRETCH) @ _ANSWER
    last = 0.0
    for at in range(len(stretches)):
        stretches[at] += last * _FADING
        last = float(stretches[at, -1])
    return stretches.ravel()[: len(values)]


def _active_steps(above: npt.NDArray[np.bool_]) -> npt.NDArray[np.int_]:
    """Per row: steps above a threshold, with 200 ms of hang-over after each."""
    counted = np.cumsum(above, axis=1)
    before = np.pad(counted, ((0, 0), (201, 0)))[:, : above.shape[1]]
    return np.asarray(np.count_nonzero(counted > before, axis=1))


def _p56(total: float, active: npt.NDArray[np.int_], thresholds: npt.NDArray[np.float64]) -> float:
    """Where the level over active time lies 15.9 dB above the threshold, interpolated."""
    used = active > 0
    levels = 10 * np.log10(total / active[used])
    margins = levels - 20 * np.log10(thresholds[used]) - 15.9
    reached = np.flatnonzero(margins <= 0)
    if not reached.size:
        return float(levels[-1])
    below = int(reached[0])
    if below == 0:
        return float(levels[0])
    part = margins[below - 1] / (margins[below - 1] - margins[below])
    return float(levels[below - 1] + part * (levels[below] - levels[below - 1]))


def _faded(samples: Audio, rate: int) -> Audio:
    faded = samples.copy()
    rise, fall = int(_FADE_IN_SECONDS * rate), int(_FADE_OUT_SECONDS * rate)
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


def encode(samples: Audio, coding: str) -> bytes:
    """One of RATES' codings; G.711 by the nearest code word, the most accurate encoder there is."""
    if coding in _VALUES:
        return _g711(samples, _VALUES[coding])
    pcm = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
    return _g722(pcm) if coding == "g722" else pcm.tobytes()


def _g711(samples: Audio, values: npt.NDArray[np.float64]) -> bytes:
    order = np.argsort(values, kind="stable")
    rising = values[order]
    codes = order[np.searchsorted((rising[1:] + rising[:-1]) / 2, samples)]
    return bytes(codes.astype(np.uint8).tobytes())


def _g722(pcm: npt.NDArray[np.int16]) -> bytes:
    from G722 import G722  # noqa: PLC0415  only where a trunk speaks it

    return bytes(G722(RATES["g722"], 64000).encode(pcm))


def decode(coded: bytes, coding: str) -> Audio:
    """What the listener's telephone makes of it."""
    if coding in _VALUES:
        return _VALUES[coding][np.frombuffer(coded, np.uint8)].astype(np.float32)
    if coding == "g722":
        from G722 import G722  # noqa: PLC0415  only where a trunk speaks it

        coded = G722(RATES[coding], 64000).decode(coded).tobytes()
    return (np.frombuffer(coded, "<i2") / 32768).astype(np.float32)
