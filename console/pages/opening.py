"""A case opened by hand (来电登记): from a call that goes on, with its caller; or from nothing.

The page of an agent's talk leads here by `/cases/new?session=…`, or posts the same form itself. Who
the caller is only the service knows: it opens the case, and the number is kept to call back.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from aiohttp import web

from console.pages.cases import REGISTER, offices
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.trail import note
from ivr.asterisk.configure import DESK, desk_secret
from ivr.cases.moves import Office, Refused
from ivr.cases.opening import NewCase
from ivr.config import Settings
from ivr.lifecycle import asking
from ivr.recordings.numbering import Numbers

log = logging.getLogger(__name__)

PATIENCE: Final = aiohttp.ClientTimeout(total=10.0)
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
    status, answer = await _asked(settings, told)
    if status == web.HTTPCreated.status_code:
        return str(answer["number"])
    if status == _OVER or not status:
        return None
    raise Refused(str(answer.get("detail") or f"没有办成（{status}）"))


async def _asked(settings: Settings, content: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
    """Status and answer of the service; 0 where there is none."""
    vouched = {DESK: await asyncio.to_thread(desk_secret, settings)}
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE, trust_env=False) as client,
            client.post(asking.page(settings, "cases"), json=content, headers=vouched) as answer,
        ):
            text = await answer.text()
            told = await answer.json() if answer.content_type == "application/json" else {}
            return answer.status, told or {"detail": text}
    except (aiohttp.ClientError, TimeoutError, ValueError) as away:
        log.warning("the service opens no case: %s", type(away).__name__)
        return 0, {}


PAGE = Page(
    "来电登记",
    "/cases/new",
    (
        Route("GET", "/cases/new", _form, Action.SEE_CASES),
        Route("POST", "/cases/new", _open, Action.SEE_CASES),
    ),
    in_menu=False,
)
