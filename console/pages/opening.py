"""A case opened by hand (来电登记): from a call that goes on, with its caller; or from nothing.

The page of an agent's talk leads here by `/cases/new?session=…`, or posts the same form itself. Who
the caller is only the service knows: it opens the case, and the number is kept to call back.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from aiohttp import web

from console.pages.cases import REGISTER, offices
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.service import ServiceAway, ask
from console.trail import note
from ivr.cases.moves import Office, Refused
from ivr.cases.opening import NewCase
from ivr.config import Settings
from ivr.recordings.numbering import Numbers

_OVER: Final = web.HTTPNotFound.status_code


async def _form(request: web.Request) -> web.Response:
    return _shown(request, session=request.query.get("session", ""))


def _shown(
    request: web.Request, *, session: str, text: str = "", once: str = "", fault: str = ""
) -> web.Response:
    """`once`: by which the same form, sent twice, makes one case."""
    return page(
        request,
        "case_new.html.j2",
        status=422 if fault else 200,
        session=session,
        text=text,
        once=once or secrets.token_hex(8),
        fault=fault,
    )


async def _open(request: web.Request) -> web.Response:
    form = {name: str(value).strip() for name, value in (await request.post()).items()}
    session, text, once = (form.get(name, "") for name in ("session", "text", "once"))
    wanted = NewCase(
        "contact",
        text,
        by=user_name(request),
        office=_office(request),
        origin=f"hand {user_name(request)} {once or secrets.token_hex(8)}",
        session=session,
    )
    try:
        number = await _opened(request, wanted)
    except Refused as refused:
        return _shown(request, session=session, text=text, once=once, fault=str(refused))
    await note(request, "case opened", number, session)
    raise web.HTTPSeeOther(f"/cases/{quote(number)}")


def _office(request: web.Request) -> Office:
    """As what: an agent's first, who has the caller on the line."""
    theirs = offices(request)
    return next(each for each in (Office.AGENT, Office.LEADER, Office.HANDLER) if each in theirs)


async def _opened(request: web.Request, new: NewCase) -> str:
    """By the service while the call goes on, else here; Refused says why not."""
    settings = request.app[SETTINGS]
    if new.session and (number := await _by_the_service(settings, new)) is not None:
        return number
    register = request.app[REGISTER]
    numbers, now = Numbers.of(settings), datetime.now(UTC)
    try:
        return await asyncio.to_thread(register.open_by_hand, new, numbers.next, now)
    except OSError as full:
        raise Refused(f"现在没有编号：{full.strerror} · no number can be given") from full


async def _by_the_service(settings: Settings, new: NewCase) -> str | None:
    """None: that call is over, or the service is away; nothing was opened."""
    told = {
        "session": new.session, "text": new.text, "by": new.by, "office": new.office,
        "origin": new.origin,
    }  # fmt: skip
    try:
        answer = await ask(settings, "POST", "cases", content=told)
    except ServiceAway:
        return None
    if answer.is_done:
        return str(answer.told["number"])
    if answer.status == _OVER:
        return None
    raise Refused(answer.why)


PAGE = Page(
    "来电登记",
    "/cases/new",
    (
        Route("GET", "/cases/new", _form, Action.SEE_CASES),
        Route("POST", "/cases/new", _open, Action.SEE_CASES),
    ),
    in_menu=False,
)
