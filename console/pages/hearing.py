"""A case's recording in the page: heard with a reason, compared with what was filed, and marked."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from aiohttp import web

from console.evidence import shape_of, sound_of
from console.pages.cases import HEARD, REGISTER, case_of, heard_mark, shown
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.trail import note
from ivr.cases.case import Case
from ivr.cases.moves import Refused
from ivr.people.vault import VaultLocked
from ivr.state import opened

_MOMENT: Final = re.compile(r"(?:(\d{1,2}):)?(\d{1,4})(?:\.(\d))?")


async def _why(request: web.Request) -> web.Response:
    """Why somebody wants to hear it: once for each case and session, in the trail before a byte."""
    case, form = await case_of(request), await request.post()
    reason = str(form.get("reason", "")).strip()
    if not reason:
        return await shown(request, fault="写明为什么要听 · say why", status=422)
    await note(request, "case heard", case.number, reason)
    request.app[HEARD].add(heard_mark(request, case.number))
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}")


async def _sound(request: web.Request) -> web.StreamResponse:
    """The recording, whole or a range of it, while it is what was filed."""
    case = await _heard_case(request)
    return await sound_of(request.app[SETTINGS], case.filed.path, case.filed.sha256)


async def _shape(request: web.Request) -> web.Response:
    """What its waveform is drawn of."""
    case = await _heard_case(request)
    return await shape_of(request.app[SETTINGS], case.filed.path, case.filed.sha256)


async def _heard_case(request: web.Request) -> Case:
    case = await case_of(request)
    if not case.filed.has_sound:
        raise web.HTTPNotFound(text="这件工单没有录音 · nothing was recorded")
    if heard_mark(request, case.number) not in request.app[HEARD]:
        raise web.HTTPForbidden(text="先写明为什么要听 · say why first")
    return case


async def _mark(request: web.Request) -> web.Response:
    case, form = await _heard_case(request), await request.post()
    at_ms, words = moment(str(form.get("at", ""))), str(form.get("note", ""))
    if at_ms is None:
        told = "时刻写成 1:05 这样 · write the moment like 1:05"
        return await shown(request, fault=told, status=422)
    marks, who = request.app[REGISTER].marks, user_name(request)
    try:
        await asyncio.to_thread(
            lambda: marks.add(case.number, at_ms, words, by=who, now=datetime.now(UTC))
        )
    except Refused as refused:
        return await shown(request, fault=str(refused), status=422)
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}?at={at_ms}#sound")


async def _unmark(request: web.Request) -> web.Response:
    case, form = await _heard_case(request), await request.post()
    drop = request.app[REGISTER].marks.drop
    try:
        await asyncio.to_thread(drop, case.number, str(form.get("mark")), by=user_name(request))
    except Refused as refused:
        return await shown(request, fault=str(refused), status=422)
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}#sound")


def moment(text: str) -> int | None:
    """`1:05.3`, `65` → milliseconds; None for what is none."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    minutes, seconds, tenths = (int(part or 0) for part in found.groups())
    return (minutes * 60 + seconds) * 1000 + tenths * 100


async def _who(request: web.Request) -> web.Response:
    """Who has called, for those entitled, with a reason: in the trail before it is shown."""
    case, form = await case_of(request), await request.post()
    reason = str(form.get("reason", "")).strip()
    if not reason:
        return await shown(request, fault="写明为什么要看 · say why", status=422)
    if case.filed.person is None:
        return await shown(request, fault="来电人没有登记证件号 · nobody is known", status=422)
    await note(request, "who", case.filed.person, f"{case.number} {reason}")
    settings, person = request.app[SETTINGS], case.filed.person
    try:
        number = await asyncio.to_thread(lambda: opened.vault(settings).reveal(person))
    except VaultLocked as locked:
        return await shown(request, fault=str(locked), status=503)
    told = "证件号已经删除 · forgotten" if number is None else number.reveal()
    return await shown(request, caller=told)


PAGE = Page(
    "听录音",
    "/cases/{number:\\d+}/sound",
    (
        Route("GET", "/cases/{number:\\d+}/sound", _sound, Action.HEAR_CASES),
        Route("POST", "/cases/{number:\\d+}/why", _why, Action.HEAR_CASES),
        Route("GET", "/cases/{number:\\d+}/shape", _shape, Action.HEAR_CASES, background=True),
        Route("POST", "/cases/{number:\\d+}/marks", _mark, Action.HEAR_CASES),
        Route("POST", "/cases/{number:\\d+}/unmark", _unmark, Action.HEAR_CASES),
        Route("POST", "/cases/{number:\\d+}/who", _who, Action.SEE_CALLERS),
    ),
    in_menu=False,
)
