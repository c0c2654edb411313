"""What the published clips sound like, in figures and, for those who look, as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prompt_build import sets
from prompt_build.mastering import CEILING_DBFS, RATES, TARGET_DBOV, Measured, decode
from prompt_build.recipe import TONES

TOLERANCE_DB = 1.0
_PER_SHEET = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One published clip."""

    name: str
    text: str
    measured: Measured

    @property
    def speech(self) -> bool:
        """Whether it is held to the level of speech."""
        return self.name not in TONES


def lines(audio: Path, beginnings: tuple[str, ...] = ()) -> list[Line]:
    """The published clips whose names begin with one of `beginnings` (all, if there are none)."""
    manifest = sets.published(audio)
    if manifest is None:
        raise sets.NoSuchSet("nothing is published yet: run `ivr build-prompts`")
    return [
        Line(name, entry["text"], measured(audio, entry))
        for name, entry in manifest["prompts"].items()
        if name.startswith(beginnings or "")
    ]


def measured(audio: Path, entry: Mapping[str, Any]) -> Measured:
    """What the build measured on one clip of a manifest."""
    file = audio / "clips" / entry["recipe"][:2] / f"{entry['recipe']}.json"
    return Measured(**json.loads(file.read_bytes()))


def table(clips: Sequence[Line]) -> list[str]:
    """Tab-separated, a header first."""
    rows = [
        f"{clip.name}\t{m.seconds:.2f}\t{m.level_dbov:.2f}\t{m.peak_dbfs:.2f}\t{m.clipped}"
        f"\t{m.silence_seconds:.2f}\t{clip.text}"
        for clip in clips
        for m in (clip.measured,)
    ]
    return ["clip\tseconds\tlevel_dbov\tpeak_dbfs\tclipped\tlongest_silence\ttext", *rows]


def verdict(clips: Sequence[Line]) -> str:
    """One line: are all of them as they must be?"""
    speech = [clip.measured for clip in clips if clip.speech]
    if not speech:
        return "no clip of speech"
    off = max(abs(m.level_dbov - TARGET_DBOV) for m in speech)
    peak = max(m.peak_dbfs for m in speech)
    good = off <= TOLERANCE_DB and peak <= CEILING_DBFS + 0.01
    return (
        f"{'good' if good else 'NOT GOOD'}: {len(speech)} clips of speech,"
        f" {sum(m.seconds for m in speech):.0f} s, level within {off:.2f} dB of {TARGET_DBOV:.0f}"
        f" dBov, highest peak {peak:.2f} dBFS, {sum(m.clipped for m in speech)} clipped samples"
    )


def draw(audio: Path, clips: Sequence[Line], picture: Path) -> None:
    """A sheet of waveforms and spectrograms of the first dozen clips, as PNG."""
    import matplotlib  # noqa: PLC0415  a second to load, for those who look

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    manifest = sets.published(audio) or {}
    shown = clips[:_PER_SHEET]
    sheet, axes = pyplot.subplots(
        len(shown), 2, figsize=(14, 1.6 * len(shown)), squeeze=False, layout="constrained"
    )
    for (wave, spectrum), clip in zip(axes, shown, strict=True):
        samples, rate = _samples(audio, manifest["prompts"][clip.name])
        seconds = np.arange(len(samples)) / rate
        wave.plot(seconds, samples, linewidth=0.4)
        wave.set(ylim=(-1, 1), xlim=(0, seconds[-1]), ylabel="")
        wave.set_title(f"{clip.name}  {clip.measured.level_dbov} dBov", fontsize=8, loc="left")
        spectrum.specgram(samples + 1e-6, NFFT=256, Fs=rate, noverlap=192, vmin=-120)
    sheet.savefig(picture, dpi=110)
    pyplot.close(sheet)


def _samples(audio: Path, entry: dict[str, Any]) -> tuple[np.ndarray[Any, Any], int]:
    coding, file = next((c, f) for c, f in entry["files"].items() if c != "g722")
    return decode((audio / file).read_bytes(), coding), RATES[coding]
