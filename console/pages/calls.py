"""通话: a search for calls, and one call as a timeline."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, get_args

from aiohttp import web

from analytics.answering.asking import CannotAnswer
from analytics.answering.course import MOST_CALLS, Sought, course, search
from analytics.answering.questioning import Days
from console.facts import asked, vocabulary
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from ivr.hours import BEIJING
from ivr.records.facts import Disposition

ROOMS = ("account", "loan", "information", "feedback", "survey", "agent", "identity", "password")
"""Places by which calls are looked for."""
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


async def _search(request: web.Request) -> web.Response:
    settings, words = request.app[SETTINGS], vocabulary(request.app[SETTINGS])
    query = {name: value.strip() for name, value in request.query.items()}
    fault, found = "", []
    try:
        sought = _sought(query)
        answer = await asked(settings, lambda facts: search(facts, sought))
        found = words.translated(answer).records()
    except CannotAnswer as cannot:
        fault = str(cannot)
    today = datetime.now(BEIJING).date()
    return page(
        request,
        "calls.html.j2",
        status=422 if fault else 200,
        query={"from": str(today), "to": str(today), **query},
        outcomes=[(each, words.value("disposition", each)) for each in get_args(Disposition)],
        places=[(each, words.place(each)) for each in ROOMS],
        found=found,
        most=MOST_CALLS,
        fault=fault,
    )


def _sought(query: dict[str, str]) -> Sought:
    """What the form says; raises CannotAnswer for what is no day and no time."""
    today = datetime.now(BEIJING).date()
    first, last = (day_of(query.get(name, ""), today) for name in ("from", "to"))
    clocks = [query.get(name) or None for name in ("from_clock", "to_clock")]
    if any(clock and not _CLOCK.fullmatch(clock) for clock in clocks):
        raise CannotAnswer("时间写成 09:30 这样")
    if first > last:
        raise CannotAnswer(f"开始的日子 {first} 在结束的日子 {last} 之后")
    return Sought(
        Days(first, last),
        disposition=query.get("disposition") or None,
        place=query.get("place") or None,
        begins=query.get("session") or None,
        from_clock=clocks[0],
        to_clock=clocks[1],
    )


def day_of(text: str, otherwise: date) -> date:
    """A day as forms send it; raises CannotAnswer for what is none."""
    try:
        return date.fromisoformat(text) if text else otherwise
    except ValueError:
        raise CannotAnswer(f"{text} 不是日期，写成 2026-11-27 这样") from None


async def _one(request: web.Request) -> web.Response:
    settings = request.app[SETTINGS]
    session, words = request.match_info["session"], vocabulary(settings)
    try:
        found = await asked(settings, lambda facts: course(facts, session, words))
    except CannotAnswer as cannot:
        return page(request, "told.html.j2", status=404, heading="没有这次通话", told=str(cannot))
    longest = max((event.ms or 0 for event in found.events[1:-1]), default=0)
    events: list[dict[str, Any]] = [
        {"event": event, "share": _share(event.ms, longest)} for event in found.events
    ]
    return page(request, "call.html.j2", course=found, events=events)


def _share(ms: int | None, longest: int) -> int:
    """How long a bar is, of a hundred."""
    return min(100, round(100 * ms / longest)) if ms and longest else 0


PAGE = Page(
    "通话",
    "/calls",
    (
        Route("GET", "/calls", _search, Action.SEE_CALLS),
        Route("GET", "/calls/{session}", _one, Action.SEE_CALLS),
    ),
)
