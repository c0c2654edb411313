"""An answer as a chart of the terminal, whose Chinese labels keep their columns."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analytics.answering.asking import ResultSet
from analytics.answering.questioning import Chart
from analytics.answering.words import Vocabulary

BAR_CELLS = 48
COLOURS = ("cyan", "yellow", "green", "red")
SHADES = " ░▒▓█"
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
WEEKDAYS = "一二三四五六日"


def as_chart(answer: ResultSet, chart: Chart, title: str, words: Vocabulary) -> RenderableType:
    """Shades for a heat map, bars for everything else; those of a funnel in its middle."""
    drawn = _heat(answer, chart) if chart.kind == "heat" else _bars(answer, chart, words)
    return Group(Text(title, style="bold"), drawn)


def _bars(answer: ResultSet, chart: Chart, words: Vocabulary) -> Table:
    """A line for each value; a legend in the head where there are several."""
    most = max((max(answer.numbers(name), default=0) for name in chart.values), default=0)
    table = Table(box=None, padding=(0, 1))
    table.add_column(words.column(chart.along))
    table.add_column(_legend(chart, words), justify="center" if chart.kind == "funnel" else "left")
    table.add_column("", justify="right")
    for row in answer.records():
        for n, name in enumerate(chart.values):
            cells = BAR_CELLS * float(str(row[name] or 0)) / most if most else 0
            label = "" if n else str(words.value(chart.along, row[chart.along]))
            value = "" if row[name] is None else f"{row[name]}"
            table.add_row(label, Text(bar(cells), style=COLOURS[n]), value)
    return table


def bar(cells: float) -> str:
    """A bar of so many cells, to an eighth of one."""
    whole, eighths = divmod(round(cells * 8), 8)
    return "█" * whole + EIGHTHS[eighths]


def _legend(chart: Chart, words: Vocabulary) -> Text:
    return Text("  ").join(
        Text(f"█ {words.column(name)}", style=COLOURS[n]) for n, name in enumerate(chart.values)
    )


def _heat(answer: ResultSet, chart: Chart) -> Table:
    """Weekdays down, hours across."""
    across, shade = chart.values
    values = dict(
        zip(
            zip(answer.column(chart.along), answer.column(across), strict=True),
            answer.numbers(shade),
            strict=True,
        )
    )
    most = max(values.values(), default=0)
    table = Table(box=None, padding=0, collapse_padding=True)
    table.add_column("")
    for hour in range(24):
        table.add_column(f"{hour:>2} ")
    for day in range(1, 8):
        shades = (SHADES[_shade(values.get((day, hour), 0), most)] * 2 for hour in range(24))
        table.add_row(f"周{WEEKDAYS[day - 1]} ", *(Text(two, style="cyan") for two in shades))
    return table


def _shade(value: float, most: float) -> int:
    """None for nothing, at least the faintest for something."""
    return 0 if not value else max(1, round(value / most * (len(SHADES) - 1)))
