"""The manager's page in one self-contained file: a day, or several, such as a week or a month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from analytics.answering.asking import ResultSet, answer
from analytics.answering.questioning import Days, Terms, question_called
from analytics.answering.words import Vocabulary

_TEMPLATE = "daily.html.j2"
ASKED = (
    "summary", "calls_by_hour", "call_funnel", "where_callers_give_up", "transfers",
    "service_level", "waiting", "survey", "complaints_open", "cases_due", "lookups", "anomalies",
)  # fmt: skip
DRAWN = ("calls_by_hour", "call_funnel", "survey")
OF_SEVERAL = {"calls_by_hour": "calls_by_day"}
"""What takes the place of a question where the page is of several days."""
WEEKDAYS = "一二三四五六日"
_WEEK, _LONGEST_MONTH = 7, 31

_REACH = "SELECT local_time(max(newest)) AS newest FROM hot.spool"
"""The newest fact that is loaded, Beijing time; a lake's newest of all nodes."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of the day, and what it is on such a day."""

    name: str
    value: str
    usual: str = ""
    """Such as: 平常 21."""


def reach(facts: duckdb.DuckDBPyConnection) -> datetime | None:
    """Until when the data reach, Beijing time without a zone; None where there are none."""
    (newest,) = answer(facts, _REACH).column("newest")
    return newest if isinstance(newest, datetime) else None


def page(facts: duckdb.DuckDBPyConnection, days: Days, terms: Terms, words: Vocabulary) -> str:
    """The page of these days as HTML, from one snapshot, so that its figures fit together.

    A day is compared with such days before it, several days with as many before them.
    """
    one = days.first == days.last
    asked = {each: each if one else OF_SEVERAL.get(each, each) for each in ASKED}
    answers = {
        place: question_called(name).answer(facts, days, terms) for place, name in asked.items()
    }
    newest = reach(facts)
    (whole,) = answers["summary"].records()
    usual = _usual(answers) if one else _before(facts, days, terms)
    return _template().render(
        title=title(days),
        days=days,
        one=one,
        weekday=WEEKDAYS[days.first.weekday()],
        reach=newest,
        whole=newest is not None and newest.date() > days.last,
        no_data=not whole["calls"],
        like=_like(days.first, terms) if one else "",
        tiles=_tiles(answers, usual, terms, "平常" if one else "前一段"),
        rows={place: words.translated(each).records() for place, each in answers.items()},
        pictures={place: _picture(asked[place], answers[place], words) for place in DRAWN},
    )


def title(days: Days) -> str:
    """日报, 周报 or 月报, as the days are; several others are a 报表."""
    length = (days.last - days.first).days + 1
    if length == 1:
        return "日报"
    if length == _WEEK and days.first.weekday() == 0:
        return "周报"
    whole_month = days.first.day == 1 and (days.last + timedelta(days=1)).day == 1
    return "月报" if whole_month and length <= _LONGEST_MONTH else "报表"


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE)


def _usual(answers: Mapping[str, ResultSet]) -> Mapping[str, object]:
    """What the figures of the tiles are on such a day."""
    return {str(row["figure"]): row["usual"] for row in answers["anomalies"].records()}


def _before(facts: duckdb.DuckDBPyConnection, days: Days, terms: Terms) -> Mapping[str, object]:
    """What they were in as many days before; for a month in the one before it."""
    last = days.first - timedelta(days=1)
    length = days.last - days.first
    first = last.replace(day=1) if title(days) == "月报" else last - length
    (whole,) = question_called("summary").answer(facts, Days(first, last), terms).records()
    return whole if whole["calls"] else {}


def _like(day: date, terms: Terms) -> str:
    """What the day is compared with, in words."""
    if day in terms.hours.working_days:
        return "前四个平常的工作日（当日为调休上班）"
    if any(days.first <= day <= days.last for days in terms.hours.holidays):
        return "前四个休息日（当日为节假日）"
    return f"前四个星期{WEEKDAYS[day.weekday()]}（节假日和调休除外）"


def _tiles(
    answers: Mapping[str, ResultSet], usual: Mapping[str, object], terms: Terms, then: str
) -> list[Tile]:
    """What a manager looks at first; `then` is when it was as `usual` says."""
    (whole,) = answers["summary"].records()
    agents = answers["service_level"].records()
    short, long = terms.within

    def compared(name: str, figure: str, unit: str = "") -> Tile:
        was = usual.get(figure)
        beside = "" if was is None else f"{then} {_text(was, unit)}"
        return Tile(name, _text(whole[figure], unit), beside)

    return [
        compared("来电", "calls"),
        compared("接通", "answered"),
        compared("自助率", "self_service_percent", "%"),
        compared("要求人工", "asked_for_agent"),
        Tile(f"{short:g} 秒内接通", _text(_share(agents, "within_short_percent"), "%")),
        Tile(f"{long:g} 秒内接通", _text(_share(agents, "within_long_percent"), "%")),
        Tile(f"满意度（{whole['votes']} 票，1 最好）", _text(whole["mean_grade"])),
        Tile("未处理的投诉、建议与留言", _text(len(answers["complaints_open"].rows))),
        Tile("工单将到期", _text(sum(row["due_soon"] for row in answers["cases_due"].records()))),
        Tile("工单已超期", _text(sum(row["overdue"] for row in answers["cases_due"].records()))),
    ]


def _share(days: Sequence[Mapping[str, Any]], percent: str) -> float | None:
    """Of all that was asked for on these days; a day's own share is rounded, its count is not."""
    asked = sum(day["asked"] for day in days)
    of_them = sum(round(float(day[percent] or 0) * day["asked"] / 100) for day in days)
    return round(100 * of_them / asked, 1) if asked else None


def _text(value: Any, unit: str = "") -> str:
    """A figure for people: no decimals where there are none; — for what nobody can say."""
    if value is None:
        return "—"
    return f"{value:,.1f}{unit}".replace(f".0{unit}", unit) if unit else f"{value:,g}"


def _picture(name: str, found: ResultSet, words: Vocabulary) -> Markup:
    """A chart inline; nothing where nothing was."""
    from analytics.answering import charts  # noqa: PLC0415  a second to load, for those who draw

    question = question_called(name)
    if question.chart is None or charts.nothing(found, question.chart):
        return Markup("")
    return Markup(charts.svg(found, question.chart, question.chinese, words))  # noqa: S704  our own drawing
