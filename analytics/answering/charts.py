"""An answer as a picture: bars, a ranking, lines, a funnel, or a heat map; SVG or PNG."""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from analytics.answering.asking import CannotAnswer, ResultSet
from analytics.answering.questioning import Chart
from analytics.answering.words import Vocabulary
from ivr.speech.fonts import chinese_fonts

INCHES = (8.0, 3.9)
HALF_PAGE = (5.2, 2.8)
"""Shown 3.6 inches wide in print, so that text of 13 points is 9."""
POINTS = 13
COLOURS = ("#1f6f8b", "#e08e45", "#7a9e7e", "#b0455a")
STYLES = ((3.2, "-", "o"), (1.6, "--", "s"), (1.6, ":", "^"), (1.6, "-.", "D"))
"""Width, dash and mark of each series: where two are equal, the thin one is seen on the thick."""
MOST_RANKED = 12
"""Rows of a ranking; the picture says how many are left out."""
MOST_LABELS = 16
"""Days that are named along an axis."""
MOST_BARS_NAMED = 12
ROW_INCHES = 0.34

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def save(answer: ResultSet, chart: Chart, title: str, words: Vocabulary, target: Path) -> None:
    """Draw into a new .svg or .png file."""
    with _writing(title):
        figure = draw(answer, chart, title, words)
        figure.savefig(target, format=target.suffix.removeprefix("."), dpi=150)


def svg(answer: ResultSet, chart: Chart, title: str, words: Vocabulary) -> str:
    """The picture as an element for a page, where it is half as wide as the page."""
    out = io.StringIO()
    with _writing(title):
        figure = draw(answer, chart, title, words, inches=HALF_PAGE)
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]


def shows_hanzi(target: Path) -> bool:
    """Whether Hanzi are legible in a picture of this kind: an SVG is read in its reader's fonts."""
    return target.suffix == ".svg" or bool(chinese_fonts())


@contextmanager
def _writing(title: str) -> Iterator[None]:
    """Text stays text in an SVG, in its reader's own font, and its ids are not by chance.

    Matplotlib would warn of each Hanzi that it has no font for; `shows_hanzi` says it once.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
            yield


def nothing(answer: ResultSet, chart: Chart) -> bool:
    """Whether there is nothing to draw."""
    values = chart.values[1:] if chart.kind == "heat" else chart.values
    return not any(value for name in values for value in answer.numbers(name))


def draw(
    answer: ResultSet,
    chart: Chart,
    title: str,
    words: Vocabulary,
    *,
    inches: tuple[float, float] = INCHES,
) -> Figure:
    """The figure; CannotAnswer where there is nothing to draw."""
    if nothing(answer, chart):
        raise CannotAnswer("这些日子没有可画的数据（there is nothing to draw in these days）")
    look: dict[Any, Any] = {
        "font.family": [*chinese_fonts(), "DejaVu Sans"],
        "font.size": POINTS,
        "axes.titlesize": POINTS + 2,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#d9e0e4",
    }
    with mpl.rc_context(look):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title)
        _KINDS[chart.kind](axes, answer, chart, words)
    return figure


def _bars(axes: Axes, answer: ResultSet, chart: Chart, words: Vocabulary) -> None:
    labels = _labels(answer, chart, words)
    places = np.arange(len(labels))
    width = 0.8 / len(chart.values)
    for n, name in enumerate(chart.values):
        offset = (n - (len(chart.values) - 1) / 2) * width
        heights = answer.numbers(name)
        axes.bar(places + offset, heights, width, label=words.column(name), color=COLOURS[n])
    every = math.ceil(len(labels) / MOST_BARS_NAMED)
    axes.set_xticks(places[::every], labels[::every])
    _named(axes, chart, words)
    axes.tick_params(axis="x", rotation=0 if max(map(len, labels)) * len(labels) < 60 else 30)
    axes.grid(visible=False, axis="x")


def _ranking(axes: Axes, answer: ResultSet, chart: Chart, words: Vocabulary) -> None:
    """Places side by side, the most frequent on top; parts of one bar where there are several."""
    totals = np.sum([answer.numbers(name) for name in chart.values], axis=0)
    order = np.argsort(-totals, kind="stable")
    shown = [n for n in order if totals[n]][:MOST_RANKED]
    labels = _labels(answer, chart, words)
    places = np.arange(len(shown))[::-1]
    left = np.zeros(len(shown))
    for n, name in enumerate(chart.values):
        lengths = np.array(answer.numbers(name))[shown]
        axes.barh(places, lengths, 0.7, left=left, color=COLOURS[n], label=words.column(name))
        left += lengths
    for place, total in zip(places, left, strict=True):
        axes.text(total, place, f" {total:g}", va="center")
    axes.set_yticks(places, [labels[n] for n in shown])
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    left_out = int(np.count_nonzero(totals)) - len(shown)
    note = f"（另有 {left_out} 项较少，未画）" if left_out else ""
    axes.set_xlabel(words.column(chart.values[0]) + note if len(chart.values) == 1 else note)
    _legend(axes, chart)
    axes.grid(visible=False, axis="y")
    if (figure := axes.get_figure(root=True)) is not None:
        figure.set_figheight(max(INCHES[1], 1.6 + ROW_INCHES * len(shown)))


def _lines(axes: Axes, answer: ResultSet, chart: Chart, words: Vocabulary) -> None:
    """A value that nobody can say leaves a gap."""
    labels = _labels(answer, chart, words)
    places = np.arange(len(labels))
    for n, name in enumerate(chart.values):
        values = [math.nan if value is None else float(value) for value in answer.column(name)]
        width, dash, mark = STYLES[n]
        axes.plot(
            places, values, dash, marker=mark, markersize=5, linewidth=width,
            label=words.column(name), color=COLOURS[n],
        )  # fmt: skip
    axes.set_ylim(bottom=0)
    if all(name.endswith("percent") for name in chart.values):
        axes.set_ylim(0, 105)
    every = math.ceil(len(labels) / MOST_LABELS)
    axes.set_xticks(places[::every], labels[::every])
    _named(axes, chart, words)
    axes.tick_params(axis="x", rotation=0 if len(labels[::every]) < 9 else 45)


def _funnel(axes: Axes, answer: ResultSet, chart: Chart, words: Vocabulary) -> None:
    """Each stage holds only those of the one above it."""
    counts = answer.numbers(chart.values[0])
    places = np.arange(len(counts))[::-1]
    axes.barh(places, counts, 0.8, left=[-count / 2 for count in counts], color=COLOURS[0])
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    for place, count in zip(places, counts, strict=True):
        axes.text(0, place, f"{count:g}", ha="center", va="center", bbox=behind)
    axes.set_yticks(places, _labels(answer, chart, words))
    axes.set_xlim(-max(counts) * 0.55, max(counts) * 0.55)
    axes.xaxis.set_visible(False)
    axes.grid(visible=False)


def _heat(axes: Axes, answer: ResultSet, chart: Chart, words: Vocabulary) -> None:
    """Rows by `along` (weekdays), columns by the first value (hours), shades by the second."""
    across, shade = chart.values
    grid = np.full((7, 24), math.nan)
    for row, at, value in zip(
        answer.column(chart.along), answer.column(across), answer.column(shade), strict=True
    ):
        grid[row - 1, at] = math.nan if value is None else value
    picture = axes.imshow(grid, aspect="auto", cmap="YlOrRd", vmin=0)
    axes.set_yticks(range(7), [f"周{day}" for day in "一二三四五六日"])
    axes.set_xticks(range(0, 24, 2), [f"{hour}时" for hour in range(0, 24, 2)])
    axes.grid(visible=False)
    axes.figure.colorbar(picture, label=words.column(shade))


def _labels(answer: ResultSet, chart: Chart, words: Vocabulary) -> Sequence[str]:
    return [_label(words.value(chart.along, value)) for value in answer.column(chart.along)]


def _label(value: object) -> str:
    return f"{value:%m-%d}" if isinstance(value, date) else "" if value is None else str(value)


def _named(axes: Axes, chart: Chart, words: Vocabulary) -> None:
    if _whole(axes):
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if len(chart.values) == 1:
        axes.set_ylabel(words.column(chart.values[0]))
    axes.set_xlabel(words.column(chart.along))
    _legend(axes, chart)


def _legend(axes: Axes, chart: Chart) -> None:
    """Beside the picture's title, never over what is drawn."""
    if len(chart.values) > 1:
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=len(chart.values), frameon=False,
            borderaxespad=0.2, columnspacing=1.0, handlelength=1.8,
        )  # fmt: skip
        axes.set_title(axes.get_title(), loc="left")
        axes.set_title("", loc="center")


def _whole(axes: Axes) -> bool:
    """Whether what is drawn is counted, so that halves mean nothing."""
    lines = [float(y) for line in axes.lines for y in np.asarray(line.get_ydata())]
    bars = [patch.get_height() for patch in axes.patches if isinstance(patch, Rectangle)]
    return all(value.is_integer() for value in (*lines, *bars) if not math.isnan(value))


_KINDS: dict[str, Callable[[Axes, ResultSet, Chart, Vocabulary], None]] = {
    "bars": _bars,
    "ranking": _ranking,
    "lines": _lines,
    "funnel": _funnel,
    "heat": _heat,
}
