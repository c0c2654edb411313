"""验证器: the second factor, set by each for themselves; figures are asked for from then on."""

from __future__ import annotations

import asyncio

from aiohttp import web

from console.authenticator import address, in_groups
from console.pages.signing import begin_anew
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, USERS, Page, Route, session_of, user_name
from console.trail import note


async def _form(request: web.Request) -> web.Response:
    return await _shown(request)


async def _shown(request: web.Request, fault: str = "") -> web.Response:
    users, name, session = request.app[USERS], user_name(request), session_of(request)
    shown = link = ""
    if session is not None and not session.user.second_factor:
        secret = await asyncio.to_thread(users.offered, name)
        shown, link = in_groups(secret), address(secret, name)
    wanted = request.app[SETTINGS].console.second_factor
    return page(
        request,
        "factor.html.j2",
        status=422 if fault else 200,
        fault=fault,
        secret=shown,
        link=link,
        wanted=wanted != "nobody",
    )


async def _set(request: web.Request) -> web.Response:
    form, users, name = await request.post(), request.app[USERS], user_name(request)
    session = session_of(request)
    if session is None or session.user.second_factor:
        return await _shown(request, "已经设好了；换手机请管理员先取消。")
    figures = str(form.get("figures", ""))
    await note(request, "second factor", name)
    if not await asyncio.to_thread(users.confirm_factor, name, figures):
        return await _shown(request, "验证码不对：等手机上换成下一个再输；手机的时间要自动校准。")
    raise await begin_anew(request, name)


PAGE = Page(
    "验证器",
    "/second-factor",
    (
        Route("GET", "/second-factor", _form, Action.OWN_PASSWORD),
        Route("POST", "/second-factor", _set, Action.OWN_PASSWORD),
    ),
    in_menu=False,
)
