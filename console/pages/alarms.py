"""告警, a part of 值班: what rings, and who has seen it or wants it silent for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from aiohttp import web

from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, allowed, user_name
from console.trail import note
from ivr.alarms import keeping
from ivr.alarms.ringing import Mark, is_acknowledged, is_silent
from ivr.alarms.table import BY_NAME, SEVERITIES
from ivr.config import Settings
from ivr.hours import BEIJING

_HOUR: Final = 3600.0
_MOST_HOURS: Final = 72.0


async def _alarms(request: web.Request) -> web.Response:
    shown = await asyncio.to_thread(lambda: list(_ringing(request.app[SETTINGS], time.time())))
    may_answer = allowed(request, Action.ANSWER_ALARMS)
    return page(request, "alarms.html.j2", ringing=shown, may_answer=may_answer)


def _ringing(settings: Settings, now: float) -> Iterator[Mapping[str, str]]:
    said = keeping.marks(settings.home)
    for each in keeping.ringing(settings.home):
        if not each.begun or each.well_since is not None:
            continue
        alarm, mark = BY_NAME[each.alarm], said.get(each.key) or said.get(each.alarm)
        heard = ""
        if mark is not None and is_silent(mark, now):
            heard = f"{mark.who} 静音到 {_at(mark.until or now)}"
        elif mark is not None and is_acknowledged(mark, each):
            heard = f"{mark.who} 已确认"
        yield {
            "key": each.key,
            "about": each.about,
            "title": alarm.title,
            "severity": SEVERITIES[alarm.severity],
            "shape": "bad" if alarm.severity == "critical" else "warn",
            "since": _at(each.since),
            "means": alarm.means,
            "remedy": alarm.remedy,
            "said": heard,
        }


def _at(moment: float) -> str:
    return datetime.fromtimestamp(moment, BEIJING).strftime("%m-%d %H:%M")


async def _acknowledge(request: web.Request) -> web.Response:
    key = _key(await request.post())
    await note(request, "alarm acknowledged", key)
    said = Mark(user_name(request), time.time())
    await asyncio.to_thread(keeping.mark, request.app[SETTINGS].home, key, said)
    raise web.HTTPSeeOther("/duty")


async def _silence(request: web.Request) -> web.Response:
    form = await request.post()
    key, hours = _key(form), _hours(form)
    await note(request, "alarm silenced", key, f"{hours:g} 小时")
    now = time.time()
    said = Mark(user_name(request), now, now + hours * _HOUR)
    await asyncio.to_thread(keeping.mark, request.app[SETTINGS].home, key, said)
    raise web.HTTPSeeOther("/duty")


def _key(form: Mapping[str, object]) -> str:
    key = str(form.get("key", ""))
    if key.partition(":")[0] not in BY_NAME:
        raise web.HTTPUnprocessableEntity(text="没有这个告警。")
    return key


def _hours(form: Mapping[str, object]) -> float:
    try:
        hours = float(str(form.get("hours", "")))
    except ValueError:
        hours = 0.0
    if not 0 < hours <= _MOST_HOURS:
        raise web.HTTPUnprocessableEntity(text="静音一到七十二小时。")
    return hours


PAGE = Page(
    "告警",
    "/alarms",
    (
        Route("GET", "/alarms", _alarms, Action.SEE_LINE, background=True),
        Route("POST", "/alarms/acknowledge", _acknowledge, Action.ANSWER_ALARMS),
        Route("POST", "/alarms/silence", _silence, Action.ANSWER_ALARMS),
    ),
    in_menu=False,
)
