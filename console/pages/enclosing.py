"""附件 of a case: enclosed, taken home, taken out; each of it in the trail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from aiohttp import web

from console.pages.cases import REGISTER, case_of, shown
from console.rights import Action, Role
from console.routes import Page, Route, session_of, user_name
from console.trail import note
from ivr.cases.case import Case
from ivr.cases.enclosures import MOST_BYTES
from ivr.cases.moves import Refused
from ivr.cases.sealing import Unreadable

_LARGEST_REQUEST: Final = MOST_BYTES + 100_000
"""With what a form adds."""


async def _add(request: web.Request) -> web.Response:
    case, form = await case_of(request), await request.post()
    if not _has(request, case):
        told = "只有值班长和承办这件工单的人可以加附件 · not yours to do"
        return await shown(request, fault=told, status=422)
    file = form.get("file")
    if not isinstance(file, web.FileField):
        return await shown(request, fault="选一个文件 · choose a file", status=422)
    content = await asyncio.to_thread(file.file.read)
    enclosures, who = request.app[REGISTER].enclosures, user_name(request)
    try:
        new = await asyncio.to_thread(
            lambda: enclosures.add(
                case.number, file.filename, content, by=who, now=datetime.now(UTC)
            )
        )
    except Refused as refused:
        return await shown(request, fault=str(refused), status=422)
    await note(request, "case file added", case.number, new.name)
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}#files")


async def _get(request: web.Request) -> web.Response:
    """Always a file to keep: a browser never shows it as a page of ours."""
    case, file = await case_of(request), request.match_info["file"]
    enclosures = request.app[REGISTER].enclosures
    try:
        found, content = await asyncio.to_thread(enclosures.content, case.number, file)
    except Refused as none:
        raise web.HTTPNotFound(text=str(none)) from None
    except Unreadable as unreadable:
        raise web.HTTPConflict(text=str(unreadable)) from None
    await note(request, "case file read", case.number, found.name)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name)}",
        "Content-Type": "application/octet-stream",
    }
    return web.Response(body=content, headers=headers)


async def _remove(request: web.Request) -> web.Response:
    case, form = await case_of(request), await request.post()
    file, reason = str(form.get("file", "")), str(form.get("reason", "")).strip()
    if not reason:
        return await shown(request, fault="写明为什么删 · say why", status=422)
    await note(request, "case file removed", case.number, reason)
    try:
        await asyncio.to_thread(request.app[REGISTER].enclosures.remove, case.number, file)
    except Refused as refused:
        return await shown(request, fault=str(refused), status=422)
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}#files")


def _has(request: web.Request, case: Case) -> bool:
    session = session_of(request)
    leads = session is not None and Role.LEADER in session.user.roles
    return leads or case.handler == user_name(request)


PAGE = Page(
    "附件",
    "/cases/{number:\\d+}/files/{file}",
    (
        Route("GET", "/cases/{number:\\d+}/files/{file}", _get, Action.HEAR_CASES),
        Route(
            "POST", "/cases/{number:\\d+}/files", _add, Action.HEAR_CASES,
            largest_bytes=_LARGEST_REQUEST,
        ),
        Route("POST", "/cases/{number:\\d+}/unfile", _remove, Action.EXPORT_CASES),
    ),
    in_menu=False,
)  # fmt: skip
