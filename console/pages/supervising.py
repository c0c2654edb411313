"""监听: the shift's leader listens, whispers, takes a call over; announced to nobody.

Each is in the audit trail before it is done, with the call and the reason that was given; nowhere
else does it stand who listened.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from console.pages.desk_call import known_by, own_agent
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from console.service import ServiceAway, ask
from console.trail import note
from ivr.config import Agent
from ivr.desk.orders import SUPERVISORS, Deed

_DONE: Final = {deed.value: deed for deed in SUPERVISORS}
_NO_PHONE: Final = "您没有话机：请管理员在“设置”的坐席里给您一个分机，写上您的用户名。"


async def _supervise(request: web.Request) -> web.Response:
    return page(request, "supervising.html.j2", **await _seen(request))


async def _talking(request: web.Request) -> web.Response:
    """The part of the page that changes; 204 while it does not."""
    seen = await _seen(request)
    if seen["seen"] == request.query.get("seen"):
        return web.Response(status=204)
    return page(request, "supervising_live.html.j2", **seen)


async def _order(request: web.Request) -> web.Response:
    form = {name: str(value).strip() for name, value in (await request.post()).items()}
    leader, deed = await own_agent(request), _DONE.get(form.get("deed", ""))
    if deed is None:
        raise web.HTTPBadRequest(text="没有这个操作 · no such control")
    if leader is None:
        return await _said(request, fault=_NO_PHONE)
    of, session, reason = (form.get(name, "") for name in ("of", "session", "reason"))
    if deed is Deed.LISTEN and not reason:
        return await _said(request, fault="写明为什么监听 · say why")
    subject = f"坐席 {of} 通话 {session}"
    await note(request, "overheard", subject, f"{deed.words} {reason}".strip())
    wanted = {"deed": deed.value, "of": of, "session": session}
    try:
        done = await ask(
            request.app[SETTINGS], "POST", "desks", f"/{leader.extension}/call", wanted
        )
    except ServiceAway as away:
        return await _said(request, fault=str(away))
    if not done.is_done:
        return await _said(request, fault=f"{deed.words}：{done.why}")
    told = "您的话机在振铃，接起来就听到。" if deed is Deed.LISTEN else f"已{deed.words}。"
    return await _said(request, told=told)


async def _said(request: web.Request, *, told: str = "", fault: str = "") -> web.Response:
    seen = await _seen(request, told=told, fault=fault)
    if "HX-Request" not in request.headers:
        return page(request, "supervising.html.j2", status=422 if fault else 200, **seen)
    return page(request, "supervising_live.html.j2", **seen)


async def _seen(request: web.Request, *, told: str = "", fault: str = "") -> dict[str, Any]:
    leader = await own_agent(request)
    try:
        talking = (await ask(request.app[SETTINGS], "GET", "desks")).told.get("talking", [])
        watches = await _watches(request, leader)
        is_away = False
    except ServiceAway:
        talking, watches, is_away = [], None, True
    mine = None if leader is None else leader.extension
    return {
        "seen": known_by([talking, watches, is_away]),
        "talking": [each for each in talking if each["extension"] != mine],
        "watches": watches,
        "is_away": is_away,
        "told": told,
        "fault": fault,
        "no_phone": _NO_PHONE if leader is None else "",
    }


async def _watches(request: web.Request, leader: Agent | None) -> Any:
    if leader is None:
        return None
    answered = await ask(request.app[SETTINGS], "GET", "desks", f"/{leader.extension}/call")
    return answered.told.get("watches")


PAGE = Page(
    "监听",
    "/supervise",
    (
        Route("GET", "/supervise", _supervise, Action.OVERHEAR),
        Route("GET", "/supervise/live", _talking, Action.OVERHEAR, background=True),
        Route("POST", "/supervise", _order, Action.OVERHEAR),
    ),
)
