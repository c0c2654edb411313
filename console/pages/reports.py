"""报表: every question of the analysts with its days: chart, table, and files; the daily page."""

from __future__ import annotations

import calendar
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from aiohttp import web

from analytics.answering.asking import CannotAnswer, ResultSet
from analytics.answering.questioning import Chart, Days, Question, questions
from analytics.answering.words import Vocabulary
from console import answers
from console.facts import asked, terms, vocabulary
from console.pages.calls import day_of
from console.rendering import attached, page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from ivr.hours import BEIJING

_MOST_SHOWN: Final = 1000


async def _list(request: web.Request) -> web.Response:
    yesterday = datetime.now(BEIJING).date() - timedelta(days=1)
    return page(request, "reports.html.j2", questions=questions().values(), yesterday=yesterday)


async def _one(request: web.Request) -> web.Response:
    settings, question = request.app[SETTINGS], _question(request)
    words, fault, found = vocabulary(settings), "", None
    days = Days.asked_for(None, None, datetime.now(BEIJING).date())
    try:
        days = _days(request)
        found = await asked(settings, lambda facts: question.answer(facts, days, terms(settings)))
    except CannotAnswer as cannot:
        fault = str(cannot)
    drawn = question.chart if found and found.rows else None
    return page(
        request,
        "report.html.j2",
        status=422 if fault else 200,
        question=question,
        days=days,
        found=None if found is None else words.translated(found),
        heads=[] if found is None else [words.column(each) for each in found.columns],
        most=_MOST_SHOWN,
        chart=_drawing(found, drawn, words) if found and drawn else "",
        fault=fault,
    )


def _question(request: web.Request) -> Question:
    """The one in the address; a name that is none is no page."""
    known = questions().get(request.match_info["name"])
    if known is None:
        raise web.HTTPNotFound
    return known


def _days(request: web.Request) -> Days:
    """Raises CannotAnswer for what is no day; the last thirty where nothing is asked."""
    today = datetime.now(BEIJING).date()
    first, last = (
        day_of(text, today) if (text := request.query.get(name, "").strip()) else None
        for name in ("from", "to")
    )
    return Days.asked_for(first, last, today)


def _drawing(found: ResultSet, chart: Chart, words: Vocabulary) -> str:
    """What the page's script draws, as JSON: words along, numbers up."""
    shown = words.translated(found)
    return json.dumps(
        {
            "kind": chart.kind,
            "along": [str(each) for each in shown.column(chart.along)],
            "series": [
                {
                    "name": words.column(name),
                    "values": [_plain(each) for each in shown.column(name)],
                }
                for name in chart.values
            ],
        },
        ensure_ascii=False,
    )


def _plain(value: object) -> object:
    """A number as JSON has it; a word as it is."""
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float | None) else str(value)


# --- files ------------------------------------------------------------------------------------


async def _file(request: web.Request) -> web.Response:
    settings, question = request.app[SETTINGS], _question(request)
    ending, days = request.match_info["ending"], _days(request)
    if ending == "png" and question.chart is None:
        raise web.HTTPNotFound
    body = await answers.file(settings, question, days, ending)
    return attached(body, f"{question.name}-{days.first}-{days.last}.{ending}")


async def _daily(request: web.Request) -> web.Response:
    """The manager's page of a day, or of the week or the month it is in, whole in one file."""
    yesterday = datetime.now(BEIJING).date() - timedelta(days=1)
    day = day_of(request.query.get("day", "").strip(), yesterday)
    days = _around(day, request.query.get("of", "day"))
    body = await answers.daily_page(request.app[SETTINGS], days)
    named = "-".join(dict.fromkeys((str(days.first), str(days.last))))
    return attached(body, f"daily-{named}.html")


def _around(day: date, of: str) -> Days:
    if of == "week":
        monday = day - timedelta(days=day.weekday())
        return Days(monday, monday + timedelta(days=6))
    if of == "month":
        last = calendar.monthrange(day.year, day.month)[1]
        return Days(day.replace(day=1), day.replace(day=last))
    return Days(day, day)


PAGE = Page(
    "报表",
    "/reports",
    (
        Route("GET", "/reports", _list, Action.SEE_REPORTS),
        Route("GET", "/reports/daily.html", _daily, Action.SEE_REPORTS),
        Route("GET", "/reports/{name}", _one, Action.SEE_REPORTS),
        Route("GET", "/reports/{name}/file.{ending:csv|xlsx|png}", _file, Action.SEE_REPORTS),
    ),
)
