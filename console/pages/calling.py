"""回拨 from a case: an agent's phone rings, then the number that the case was left from.

No page knows that number: the service takes it out of the vault. How it went becomes a note of the
case, by whoever wanted the call; a console that is restarted meanwhile goes on waiting for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from console.awaited import Awaited, Waiting
from console.pages.cases import REGISTER, case_of, offices, shown
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.service import ServiceAway, ask
from ivr.cases.moves import Deed, Move, Refused
from ivr.cases.opening import CannotReach
from ivr.cases.register import Register
from ivr.cases.store import NoCase
from ivr.config import Settings

log = logging.getLogger(__name__)

CALLS = web.AppKey("calls", set[asyncio.Task[None]])
"""Those whose end is waited for."""
LOOK_SECONDS: Final = 1.0
_OVER: Final = 286
"""By which htmx stops asking."""
STAGES: Final[Mapping[str, str]] = {
    "agent": "坐席的话机在振铃",
    "number": "正在呼叫来电人",
    "talking": "通话中",
    "over": "结束",
}
OUTCOMES: Final[Mapping[str | None, str]] = {
    "answered": "接通",
    "busy": "占线",
    "no_answer": "没有人接",
    "not_reached": "打不通",
    "agent_busy": "坐席正忙",
    "agent_no_answer": "坐席没有接",
    "agent_away": "坐席的话机不在",
    "abandoned": "坐席先挂断",
    "failed": "出了故障",
    "lost": "中途断了",
    None: "结果不明",
}


async def _call(request: web.Request) -> web.Response:
    case, form = await case_of(request), await request.post()
    reason, extension = str(form.get("reason", "")).strip(), str(form.get("agent", ""))
    if not reason:
        return await shown(request, fault="写明为什么回拨 · say why", status=422)
    wanted = {
        "case": case.number, "agent": extension, "by": user_name(request), "reason": reason,
    }  # fmt: skip
    try:
        answer = await ask(request.app[SETTINGS], "POST", "dial", content=wanted)
    except ServiceAway as away:
        return await shown(request, fault=f"没有拨打：{away}", status=422)
    if not answer.is_done:
        return await shown(request, fault=answer.why, status=422)
    attempt = str(answer.told["attempt"])
    call = Awaited(attempt, case.number, user_name(request), offices(request), datetime.now(UTC))
    await asyncio.to_thread(_waiting(request.app).keep, call)
    _wait_for(request.app, call)
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}?call={quote(attempt)}#call")


async def _how(request: web.Request) -> web.Response:
    """The call as it is now, for the page that shows it."""
    told = await _told(request.app[SETTINGS], request.match_info["attempt"])
    words = _words(told)
    over = bool(told) and told.get("stage") not in ("agent", "number", "talking")
    return page(request, "calling.html.j2", status=_OVER if over else 200, words=words)


def _words(told: Mapping[str, Any]) -> str:
    stage = told.get("stage")
    if stage == "over":
        return f"结束：{OUTCOMES.get(told.get('outcome'), '结果不明')}"
    return STAGES.get(str(stage), "不知道怎样了：接电话的服务没有回答")


async def waited_for(app: web.Application) -> AsyncIterator[None]:
    """As long as the pages are there; those of a console before this one too."""
    for call in await asyncio.to_thread(_waiting(app).all):
        _wait_for(app, call)
    yield
    tasks = app[CALLS].copy()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _waiting(app: web.Application) -> Waiting:
    return Waiting(app[SETTINGS].home)


def _wait_for(app: web.Application, call: Awaited) -> None:
    task = asyncio.create_task(_note_its_end(app, call))
    app[CALLS].add(task)
    task.add_done_callback(app[CALLS].discard)


async def _note_its_end(app: web.Application, call: Awaited) -> None:
    """Until it is over; then the case has a note of it, once, however long its database is away."""
    text = f"回拨：{OUTCOMES.get(await _outcome(app, call), '结果不明')}"
    while True:
        try:
            await asyncio.to_thread(_note, app[REGISTER], call, text)
            break
        except CannotReach:
            await asyncio.sleep(LOOK_SECONDS)
        except (Refused, NoCase) as refused:
            log.warning("how %s was called back is in no note: %s", call.number, refused)
            break
    await asyncio.to_thread(_waiting(app).drop, call)


async def _outcome(app: web.Application, call: Awaited) -> str | None:
    """None: the service knows of no such call."""
    told: Mapping[str, Any] = {}
    while told.get("stage") != "over":
        await asyncio.sleep(LOOK_SECONDS)
        told = await _told(app[SETTINGS], call.attempt)
    return told.get("outcome")


def _note(register: Register, call: Awaited, text: str) -> None:
    """Not again where a console that was killed had noted it, and not yet forgotten the call."""
    events = register.cases.case(call.number).events
    if not any((each.by, each.text) == (call.by, text) and each.at >= call.at for each in events):
        register.act(call.number, Deed(Move.NOTE, call.by, call.offices, text=text))


async def _told(settings: Settings, attempt: str) -> Mapping[str, Any]:
    """How a call goes; nothing where nobody says, over where there is no such call."""
    try:
        answer = await ask(settings, "GET", "dial", f"/{quote(attempt, safe='')}")
    except ServiceAway:
        return {}
    is_none = answer.status == web.HTTPNotFound.status_code
    return {"stage": "over"} if is_none else answer.told


PAGE = Page(
    "回拨",
    "/cases/{number:\\d+}/call/{attempt}",
    (
        Route("GET", "/cases/{number:\\d+}/call/{attempt}", _how, Action.CALL_BACK,
              background=True),
        Route("POST", "/cases/{number:\\d+}/call", _call, Action.CALL_BACK),
    ),
    in_menu=False,
)  # fmt: skip
