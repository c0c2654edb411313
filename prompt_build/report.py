"""What the published clips sound like, in figures and, for those who look, as a picture."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivr.speech.fonts import chinese_fonts
from prompt_build import sets
from prompt_build.mastering import CEILING, CEILING_DBFS, RATES, TARGET_DBOV, Measured, decode
from prompt_build.recipe import TONES
from prompt_build.voices import Audio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOLERANCE_DB = 1.0
PER_SHEET = 12
"""Clips on one picture."""
_TITLE_HANZI = 28
_PLAIN_STOPS = str.maketrans({"，": ",", "。": ".", "、": ",", "；": ";", "：": ":", "…": "..."})


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
    noted = json.loads(file.read_bytes())
    noted.pop("clipped", None)  # counted after the limiter once, where it is always 0
    return Measured(**noted)


def table(clips: Sequence[Line]) -> list[str]:
    """Tab-separated, a header first."""
    rows = [
        f"{clip.name}\t{m.seconds:.2f}\t{m.level_dbov:.2f}\t{m.peak_dbfs:.2f}"
        f"\t{'?' if m.came_clipped is None else m.came_clipped}"
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
        f" dBov, highest peak {peak:.2f} dBFS, {_clipped(speech)}"
    )


def _clipped(speech: Sequence[Measured]) -> str:
    """Before the limiter; whoever made a clip earlier did not count."""
    known = [m.came_clipped for m in speech if m.came_clipped is not None]
    uncounted = len(speech) - len(known)
    told = f"{sum(known)} samples came clipped"
    return f"{told} ({uncounted} clips were made before that was counted)" if uncounted else told


# --- the picture ------------------------------------------------------------------------------


def draw(audio: Path, clips: Sequence[Line], picture: Path) -> int:
    """A sheet of waveforms and spectrograms as PNG; returns how many clips it shows.

    A dozen fit; the levels that no clip may leave are drawn into the waveforms.
    """
    import matplotlib  # noqa: PLC0415  a second to load, for those who look

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    manifest = sets.published(audio) or {}
    shown = clips[:PER_SHEET]
    fonts = chinese_fonts()[:1]
    with pyplot.rc_context({"font.family": [*fonts, "DejaVu Sans"], "font.size": 8}):
        sheet, axes = pyplot.subplots(
            len(shown), 2, figsize=(14, 1.5 * len(shown) + 0.4), squeeze=False, layout="constrained"
        )
        for (wave, spectrum), clip in zip(axes, shown, strict=True):
            samples, rate = _samples(audio, manifest["prompts"][clip.name])
            _draw_wave(wave, samples, rate)
            wave.set_title(_title(clip, in_hanzi=bool(fonts)), fontsize=9, loc="left")
            _draw_spectrum(spectrum, samples, rate)
            spectrum.set_title(_figures(clip.measured), fontsize=8, loc="right", color="0.35")
        sheet.supxlabel("seconds")
        sheet.savefig(picture, dpi=110)
        pyplot.close(sheet)
    return len(shown)


def _title(clip: Line, *, in_hanzi: bool) -> str:
    """Name and words; in pinyin where no font has Hanzi."""
    text = clip.text if len(clip.text) <= _TITLE_HANZI else f"{clip.text[:_TITLE_HANZI]}…"
    title = f"{clip.name}  {text}" if text not in clip.name else clip.name
    if in_hanzi:
        return title
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415  half a second, for such machines

    runs = re.split(r"([\x00-\x7f]+)", title.translate(_PLAIN_STOPS))
    spelt = (run if run.isascii() else " ".join(lazy_pinyin(run, Style.TONE3)) for run in runs)
    return " ".join(" ".join(spelt).split())


def _figures(measured: Measured) -> str:
    return (
        f"{measured.level_dbov:.1f} dBov   peak {measured.peak_dbfs:.1f} dBFS"
        f"   silence {measured.silence_seconds:.2f} s"
    ).replace("-", "−")


def _draw_wave(axes: Axes, samples: Audio, rate: int) -> None:
    seconds = np.arange(len(samples)) / rate
    for limit in (-CEILING, CEILING):
        axes.axhline(limit, color="tab:red", linewidth=0.5, linestyle=":")
    axes.plot(seconds, samples, color="tab:blue", linewidth=0.4)
    axes.set(xlim=(0, seconds[-1]), ylim=(-1, 1), yticks=(-1, 0, 1))
    axes.margins(0)


def _draw_spectrum(axes: Axes, samples: Audio, rate: int) -> None:
    """In decibels; a noise below the coding's own keeps silence from being minus infinity."""
    noise = np.random.default_rng(0).normal(0, 1e-5, len(samples))
    axes.specgram(
        samples + noise, NFFT=256, Fs=rate, noverlap=192, vmin=-120, vmax=-30, cmap="magma"
    )
    axes.set(ylim=(0, rate / 2), yticks=range(0, rate // 2 + 1, 2000), ylabel="Hz")


def _samples(audio: Path, entry: Mapping[str, Any]) -> tuple[Audio, int]:
    coding, file = next(iter(entry["files"].items()))
    return decode((audio / file).read_bytes(), coding), RATES[coding]
