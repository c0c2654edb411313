"""The page that a manager gets every morning: yesterday in one self-contained file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analytics.answering import charts
from analytics.answering.asking import Answer
from analytics.answering.questioning import WITHIN_SECONDS, Days, find
from analytics.answering.words import words

_TEMPLATE = "daily.html.j2"
DRAWN = ("calls_by_hour", "call_funnel", "survey")
WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of the day, and what it is on such a weekday."""

    name: str
    value: str
    usual: str = ""


def page(
    facts: duckdb.DuckDBPyConnection,
    day: date,
    *,
    within: tuple[float, float] = WITHIN_SECONDS,
) -> str:
    """The page of a day as HTML, from one snapshot, so that its figures fit together."""
    answers = {
        name: find(name).answer(facts, Days(day, day), within=within)
        for name in (
            "summary", "calls_by_hour", "call_funnel", "where_callers_give_up", "transfers",
            "service_level", "waiting", "survey", "complaints_open", "lookups", "anomalies",
        )
    }  # fmt: skip
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = words
    return environment.get_template(_TEMPLATE).render(
        day=day,
        weekday=WEEKDAYS[day.weekday()],
        tiles=_tiles(answers, within),
        rows={name: answer.records() for name, answer in answers.items()},
        pictures={name: _picture(name, answers[name]) for name in DRAWN},
    )


def _tiles(answers: dict[str, Answer], within: tuple[float, float]) -> list[Tile]:
    """What a manager looks at first."""
    (whole,) = answers["summary"].records()
    agents = next(iter(answers["service_level"].records()), {})
    usual = {row["figure"]: row["usual"] for row in answers["anomalies"].records()}
    short, long = within
    return [
        Tile("来电", _text(whole["calls"]), _text(usual.get("calls"))),
        Tile("接通", _text(whole["answered"]), _text(usual.get("answered"))),
        Tile(
            "自助率",
            _text(whole["self_service_percent"], "%"),
            _text(usual.get("self_service_percent"), "%"),
        ),
        Tile("要求人工", _text(whole["asked_for_agent"]), _text(usual.get("asked_for_agent"))),
        Tile(f"{short:g} 秒内接通", _text(agents.get("within_short_percent"), "%")),
        Tile(f"{long:g} 秒内接通", _text(agents.get("within_long_percent"), "%")),
        Tile(f"满意度（{whole['votes']} 票，1 最好）", _text(whole["mean_grade"])),
        Tile("未处理的投诉、建议与留言", _text(len(answers["complaints_open"].rows))),
    ]


def _text(value: Any, unit: str = "") -> str:
    """A figure for people: no decimals where there are none; — for what nobody can say."""
    if value is None:
        return "—"
    return f"{value:,.1f}{unit}".replace(f".0{unit}", unit) if unit else f"{value:,g}"


def _picture(name: str, answer: Answer) -> Markup:
    """A chart inline; nothing where nothing was."""
    question = find(name)
    if question.chart is None or charts.nothing(answer, question.chart):
        return Markup("")
    title = question.title.partition(" · ")[0]
    return Markup(charts.svg(answer, question.chart, title))  # noqa: S704  our own drawing
