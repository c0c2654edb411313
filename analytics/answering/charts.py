"""An answer as a picture: bars, lines, a funnel, or a heat map; SVG or PNG by matplotlib."""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from analytics.answering.asking import Answer, CannotAnswer
from analytics.answering.questioning import Chart
from analytics.answering.words import words

CHINESE_FONTS = ("Noto Sans CJK SC", "WenQuanYi Micro Hei", "Source Han Sans SC", "SimHei")
INCHES = (8.0, 3.6)
COLOURS = ("#1f6f8b", "#e08e45", "#7a9e7e", "#b0455a")

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def save(answer: Answer, chart: Chart, title: str, target: Path) -> None:
    """Draw into a new .svg or .png file."""
    with _writing(title):
        figure = draw(answer, chart, title)
        figure.savefig(target, format=target.suffix.removeprefix("."), dpi=150)


def svg(answer: Answer, chart: Chart, title: str) -> str:
    """The picture as an element for a page."""
    out = io.StringIO()
    with _writing(title):
        draw(answer, chart, title).savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]


def shows_hanzi(target: Path) -> bool:
    """Whether Hanzi are legible in a picture of this kind: an SVG is read in its reader's fonts."""
    return target.suffix == ".svg" or bool(_chinese_fonts())


@contextmanager
def _writing(title: str) -> Iterator[None]:
    """Text stays text in an SVG, in its reader's own font, and its ids are not by chance.

    Matplotlib would warn of each Hanzi that it has no font for; `shows_hanzi` says it once.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
            yield


def nothing(answer: Answer, chart: Chart) -> bool:
    """Whether there is nothing to draw."""
    return not any(value for name in chart.values for value in answer.numbers(name))


def draw(answer: Answer, chart: Chart, title: str) -> Figure:
    """The figure; CannotAnswer where there is nothing to draw."""
    if nothing(answer, chart):
        raise CannotAnswer("there is nothing to draw in these days")
    fonts = [*_chinese_fonts(), "DejaVu Sans"]
    with mpl.rc_context(
        {
            "font.family": fonts,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#d9e0e4",
        }
    ):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title)
        _KINDS[chart.kind](axes, answer, chart)
    return figure


def _chinese_fonts() -> list[str]:
    known = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in CHINESE_FONTS if name in known]


def _bars(axes: Axes, answer: Answer, chart: Chart) -> None:
    labels = [words(value) for value in answer.column(chart.along)]
    places = np.arange(len(labels))
    width = 0.8 / len(chart.values)
    for n, name in enumerate(chart.values):
        offset = (n - (len(chart.values) - 1) / 2) * width
        axes.bar(places + offset, answer.numbers(name), width, label=words(name), color=COLOURS[n])
    axes.set_xticks(places, labels)
    _named(axes, chart, upright=max(map(len, labels)) * len(labels) < 90)
    axes.grid(visible=False, axis="x")


def _lines(axes: Axes, answer: Answer, chart: Chart) -> None:
    labels = answer.column(chart.along)
    for n, name in enumerate(chart.values):
        values = [math.nan if value is None else float(value) for value in answer.column(name)]
        axes.plot(labels, values, marker=".", label=words(name), color=COLOURS[n])
    axes.set_ylim(bottom=0)
    _named(axes, chart, upright=len(labels) < 8)


def _funnel(axes: Axes, answer: Answer, chart: Chart) -> None:
    labels, counts = answer.column(chart.along), answer.numbers(chart.values[0])
    places = np.arange(len(labels))[::-1]
    axes.barh(places, counts, 0.8, left=[-count / 2 for count in counts], color=COLOURS[0])
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
    for place, count in zip(places, counts, strict=True):
        axes.text(0, place, f"{count:g}", ha="center", va="center", bbox=behind)
    axes.set_yticks(places, [words(label) for label in labels])
    axes.set_xlim(-max(counts) * 0.55, max(counts) * 0.55)
    axes.xaxis.set_visible(False)
    axes.grid(visible=False)


def _heat(axes: Axes, answer: Answer, chart: Chart) -> None:
    """Rows by `along` (weekdays), columns by the first value (hours), shades by the second."""
    across, shade = chart.values
    grid = np.zeros((7, 24))
    for row, at, value in zip(
        answer.column(chart.along), answer.column(across), answer.numbers(shade), strict=True
    ):
        grid[row - 1, at] = value
    picture = axes.imshow(grid, aspect="auto", cmap="YlOrRd")
    axes.set_yticks(range(7), [f"周{day}" for day in "一二三四五六日"])
    axes.set_xticks(range(24), [str(hour) for hour in range(24)])
    axes.grid(visible=False)
    axes.figure.colorbar(picture, label=words(shade))


def _named(axes: Axes, chart: Chart, *, upright: bool) -> None:
    if _whole(axes):
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if len(chart.values) > 1:
        axes.legend()
    else:
        axes.set_ylabel(words(chart.values[0]))
    axes.tick_params(axis="x", rotation=0 if upright else 45)


def _whole(axes: Axes) -> bool:
    """Whether what is drawn is counted, so that halves mean nothing."""
    lines = [float(y) for line in axes.lines for y in np.asarray(line.get_ydata())]
    bars = [patch.get_height() for patch in axes.patches if isinstance(patch, Rectangle)]
    return all(value.is_integer() for value in (*lines, *bars) if not math.isnan(value))


_KINDS: dict[str, Callable[[Axes, Answer, Chart], None]] = {
    "bars": _bars,
    "lines": _lines,
    "funnel": _funnel,
    "heat": _heat,
}
