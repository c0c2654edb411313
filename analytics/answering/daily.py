"""The page that a manager gets every morning: yesterday in one self-contained file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analytics.answering import charts
from analytics.answering.asking import ResultSet, answer
from analytics.answering.questioning import Days, Terms, question_called
from analytics.answering.words import Vocabulary

_TEMPLATE = "daily.html.j2"
ASKED = (
    "summary", "calls_by_hour", "call_funnel", "where_callers_give_up", "transfers",
    "service_level", "waiting", "survey", "complaints_open", "cases_due", "lookups", "anomalies",
)  # fmt: skip
DRAWN = ("calls_by_hour", "call_funnel", "survey")
WEEKDAYS = "一二三四五六日"

_REACH = "SELECT local_time(max(newest)) AS newest FROM hot.spool"
"""The newest fact that is loaded, Beijing time; a lake's newest of all nodes."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of the day, and what it is on such a day."""

    name: str
    value: str
    usual: str = ""


def reach(facts: duckdb.DuckDBPyConnection) -> datetime | None:
    """Until when the data reach, Beijing time without a zone; None where there are none."""
    (newest,) = answer(facts, _REACH).column("newest")
    return newest if isinstance(newest, datetime) else None


def page(facts: duckdb.DuckDBPyConnection, day: date, terms: Terms, words: Vocabulary) -> str:
    """The page of a day as HTML, from one snapshot, so that its figures fit together."""
    answers = {name: question_called(name).answer(facts, Days(day, day), terms) for name in ASKED}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    newest = reach(facts)
    (whole,) = answers["summary"].records()
    return environment.get_template(_TEMPLATE).render(
        day=day,
        weekday=WEEKDAYS[day.weekday()],
        reach=newest,
        whole_day=newest is not None and newest.date() > day,
        no_data=not whole["calls"],
        like=_like(day, terms),
        tiles=_tiles(answers, terms),
        rows={name: words.translated(each).records() for name, each in answers.items()},
        pictures={name: _picture(name, answers[name], words) for name in DRAWN},
    )


def _like(day: date, terms: Terms) -> str:
    """What the day is compared with, in words."""
    if day in terms.hours.working_days:
        return "前四个平常的工作日（当日为调休上班）"
    if any(days.first <= day <= days.last for days in terms.hours.holidays):
        return "前四个休息日（当日为节假日）"
    return f"前四个星期{WEEKDAYS[day.weekday()]}（节假日和调休除外）"


def _tiles(answers: dict[str, ResultSet], terms: Terms) -> list[Tile]:
    """What a manager looks at first."""
    (whole,) = answers["summary"].records()
    (agents,) = answers["service_level"].records()
    usual = {row["figure"]: row["usual"] for row in answers["anomalies"].records()}
    short, long = terms.within
    return [
        Tile("来电", _text(whole["calls"]), _text(usual["calls"])),
        Tile("接通", _text(whole["answered"]), _text(usual["answered"])),
        Tile(
            "自助率",
            _text(whole["self_service_percent"], "%"),
            _text(usual["self_service_percent"], "%"),
        ),
        Tile("要求人工", _text(whole["asked_for_agent"]), _text(usual["asked_for_agent"])),
        Tile(f"{short:g} 秒内接通", _text(agents["within_short_percent"], "%")),
        Tile(f"{long:g} 秒内接通", _text(agents["within_long_percent"], "%")),
        Tile(f"满意度（{whole['votes']} 票，1 最好）", _text(whole["mean_grade"])),
        Tile("未处理的投诉、建议与留言", _text(len(answers["complaints_open"].rows))),
        Tile("工单将到期", _text(sum(row["due_soon"] for row in answers["cases_due"].records()))),
        Tile("工单已超期", _text(sum(row["overdue"] for row in answers["cases_due"].records()))),
    ]


def _text(value: Any, unit: str = "") -> str:
    """A figure for people: no decimals where there are none; — for what nobody can say."""
    if value is None:
        return "—"
    return f"{value:,.1f}{unit}".replace(f".0{unit}", unit) if unit else f"{value:,g}"


def _picture(name: str, found: ResultSet, words: Vocabulary) -> Markup:
    """A chart inline; nothing where nothing was."""
    question = question_called(name)
    if question.chart is None or charts.nothing(found, question.chart):
        return Markup("")
    return Markup(charts.svg(found, question.chart, question.chinese, words))  # noqa: S704  our own drawing
