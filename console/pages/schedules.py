"""定时报表: which report goes where and when, what came of the last times, and once more."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from analytics.answering.questioning import questions
from console.delivering import delivered
from console.questions import Questions
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.schedules import ENDINGS, WORDS, Refused, Rhythm, Schedule, Schedules, checked
from console.trail import note
from ivr.hours import BEIJING
from ivr.people.audit import Action as Noted

_SHAPES: Final = {
    "begun": "warn",
    "done": "",
    "again": "warn",
    "failed": "bad",
    "perhaps": "bad",
    "missed": "off",
}
_BETWEEN = re.compile(r"[\s,，;；、]+")
_SHOWN: Final = 30
_NEW: Final = Schedule("", "daily", "html", Rhythm.DAILY, "07:30")


async def _page(request: web.Request) -> web.Response:
    return await _shown(request)


async def _shown(
    request: web.Request, faults: str = "", *, form: Schedule = _NEW, told: str = ""
) -> web.Response:
    settings, me = request.app[SETTINGS], user_name(request)
    kept = Schedules(settings.home)
    known = await asyncio.to_thread(kept.all)
    runs = await asyncio.to_thread(kept.runs, most=_SHOWN)
    names = {each.number: each.name for each in known}
    return page(
        request,
        "schedules.html.j2",
        status=422 if faults else 200,
        faults=faults.splitlines(),
        told=told,
        form=form,
        schedules=known,
        runs=[(each, names.get(each.schedule, "—")) for each in runs],
        words=WORDS,
        shapes=_SHAPES,
        rhythms=list(Rhythm),
        endings=sorted({each for some in ENDINGS.values() for each in some}),
        questions=questions().values(),
        saved=await asyncio.to_thread(Questions(settings.home).seen_by, me),
        folder=settings.reports_folder,
        mails=settings.mail.server is not None,
    )


async def _open(request: web.Request) -> web.Response:
    """One that is kept, in the form."""
    return await _shown(request, form=await _found(request))


async def _found(request: web.Request) -> Schedule:
    named = request.match_info["number"]
    try:
        number = int(named) if named.isascii() and named.isdecimal() and len(named) < 10 else 0
        return await asyncio.to_thread(Schedules(request.app[SETTINGS].home).find, number)
    except Refused as none:
        raise web.HTTPNotFound(text=str(none)) from None


async def _keep(request: web.Request) -> web.Response:
    settings = request.app[SETTINGS]
    sent = {name: str(value).strip() for name, value in (await request.post()).items()}
    wanted = _wanted(sent, user_name(request))
    try:
        await asyncio.to_thread(checked, settings, wanted)
        await note(request, "schedule kept", wanted.name, f"{wanted.when()}，{wanted.to()}"[:200])
        await asyncio.to_thread(Schedules(settings.home).keep, wanted, datetime.now(UTC))
    except Refused as refused:
        return await _shown(request, str(refused), form=wanted)
    raise web.HTTPSeeOther("/schedules")


def _wanted(sent: dict[str, str], owner: str) -> Schedule:
    rhythm = sent.get("rhythm", "")
    day = sent.get("weekday" if rhythm == Rhythm.WEEKLY else "day", "1")
    what = sent.get("what", "")
    return Schedule(
        sent.get("name", ""),
        what,
        "html" if what == "daily" else sent.get("ending", ""),
        Rhythm(rhythm) if rhythm in list(Rhythm) else Rhythm.DAILY,
        sent.get("clock", ""),
        int(day) if day.isascii() and day.isdecimal() and len(day) < 3 else 0,
        tuple(each for each in _BETWEEN.split(sent.get("mail", "")) if each),
        sent.get("folder", ""),
        owner,
    )


async def _drop(request: web.Request) -> web.Response:
    found = await _found(request)
    kept = Schedules(request.app[SETTINGS].home)
    await note(request, "schedule dropped", found.name)
    await asyncio.to_thread(kept.drop, found.number)
    raise web.HTTPSeeOther("/schedules")


async def _pause(request: web.Request) -> web.Response:
    """Or go on, where it is paused; what was due meanwhile is not made up for."""
    found = await _found(request)
    kept = Schedules(request.app[SETTINGS].home)
    action: Noted = "schedule resumed" if found.paused else "schedule paused"
    await note(request, action, found.name)
    now = datetime.now(UTC)
    await asyncio.to_thread(kept.pause, found.number, paused=not found.paused, now=now)
    raise web.HTTPSeeOther("/schedules")


async def _again(request: web.Request) -> web.Response:
    """One time once more, since somebody wants it: the person knows what has come of it."""
    found, settings = await _found(request), request.app[SETTINGS]
    kept = Schedules(settings.home)
    due = str((await request.post()).get("due", ""))
    try:
        at = datetime.fromtimestamp(float(due), BEIJING)
        schedule, run = await asyncio.to_thread(kept.take_anew, found.number, at, datetime.now(UTC))
    except (ValueError, OverflowError, OSError):
        return await _shown(request, "没有这一次")
    except Refused as refused:
        return await _shown(request, str(refused))
    # Tried once: whoever pressed the button sees what came of it.
    state, told = await asyncio.shield(delivered(settings, schedule, replace(run, tries=99)))
    if state != "done":
        return await _shown(request, f"{WORDS[state]}：{told}")
    return await _shown(request, told=f"{found.name}：已送出。{told}")


PAGE = Page(
    "定时",
    "/schedules",
    (
        Route("GET", "/schedules", _page, Action.SCHEDULE),
        Route("POST", "/schedules", _keep, Action.SCHEDULE),
        Route("GET", "/schedules/{number}", _open, Action.SCHEDULE),
        Route("POST", "/schedules/{number}/drop", _drop, Action.SCHEDULE),
        Route("POST", "/schedules/{number}/pause", _pause, Action.SCHEDULE),
        Route("POST", "/schedules/{number}/again", _again, Action.SCHEDULE),
    ),
)
