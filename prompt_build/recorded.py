"""An editor's studio recording in the place of the voice; any format that is commonly supplied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from prompt_build import acceptance
from prompt_build.voices import Audio, SpeechFailed

LOWEST_RATE = 8000
_FULL_SCALE = 0.999
_MOST_CLIPPED_SHARE = 0.0005
_LEAST_SIGNAL_TO_NOISE_DB = 25.0


def read_recording(path: Path, text: str) -> tuple[Audio, int]:
    """Its samples, mixed to one channel, and their rate; SpeechFailed says what is wrong."""
    samples, rate = _decoded(path)
    speech = samples.mean(axis=1) if samples.ndim > 1 else samples
    wrong = (*acceptance.faults(speech, rate, text), *_unfit(samples, speech, rate))
    if wrong:
        raise SpeechFailed(f"{path.name}: {'; '.join(wrong)}: record it again")
    return speech, rate


def _decoded(path: Path) -> tuple[Audio, int]:
    import soundfile  # noqa: PLC0415  only where there are recordings

    try:
        samples, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError:
        return _by_pydub(path)
    return samples, int(rate)


def _by_pydub(path: Path) -> tuple[Audio, int]:
    """Formats that only ffmpeg knows (m4a, amr, wma)."""
    from pydub import AudioSegment  # noqa: PLC0415
    from pydub.exceptions import CouldntDecodeError  # noqa: PLC0415

    try:
        segment = AudioSegment.from_file(path)
    except (CouldntDecodeError, OSError) as unreadable:
        raise SpeechFailed(f"{path.name} cannot be read: supply WAV, FLAC or MP3") from unreadable
    full = float(1 << (8 * segment.sample_width - 1))
    samples = np.array(segment.get_array_of_samples(), np.float32) / full
    return samples.reshape(-1, segment.channels), segment.frame_rate


def _unfit(samples: Audio, speech: Audio, rate: int) -> Iterator[str]:
    if rate < LOWEST_RATE:
        yield f"{rate} samples a second are fewer than a telephone's {LOWEST_RATE}"
    if np.mean(np.abs(samples) >= _FULL_SCALE) > _MOST_CLIPPED_SHARE:
        yield "it is clipped"
    if (
        speech.size
        and np.abs(speech).max() > 0
        and _signal_to_noise(speech, rate) < (_LEAST_SIGNAL_TO_NOISE_DB)
    ):
        yield "there is too much noise behind the voice"


def _signal_to_noise(speech: Audio, rate: int) -> float:
    """Loudest against quietest tenth of the 20 ms stretches, in decibels.

    Of the whole recording, since a short sentence has no pause but those around it.
    """
    frame = rate // 50
    energy = np.sort((speech[: len(speech) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1))
    tenth = max(1, len(energy) // 10)
    return float(10 * np.log10(energy[-tenth:].mean() / max(energy[:tenth].mean(), 1e-12)))
