"""Signing in and out."""

from __future__ import annotations

import asyncio

from aiohttp import web

from console.certificate import ROOT, fingerprint, root_of
from console.guarding import cookie_name
from console.rendering import attached, page
from console.rights import Action
from console.routes import SESSIONS, SETTINGS, USERS, Page, Route, session_of
from console.trail import note
from console.users import User
from ivr.config import Settings
from ivr.people.sensitive import Sensitive

_WRONG = "名字、口令或验证码不对。连错五次锁定十五分钟，那时正确的口令也进不去。"
_MOST_AT_ONCE = asyncio.Semaphore(2)
"""Each takes 64 MiB and some 50 ms of a processor that belongs to the calls."""


async def _form(request: web.Request) -> web.Response:
    if session_of(request) is not None:
        raise web.HTTPSeeOther("/")
    return await _shown(request)


async def _shown(request: web.Request, *, fault: str = "", name: str = "") -> web.Response:
    """With a field for figures where somebody has an authenticator."""
    known = await asyncio.to_thread(request.app[USERS].all)
    return page(
        request,
        "sign_in.html.j2",
        status=403 if fault else 200,
        fault=fault,
        name=name,
        asks_figures=any(each.second_factor for each in known),
        root=await asyncio.to_thread(_root, request.app[SETTINGS]),
    )


def _root(settings: Settings) -> str:
    """The fingerprint of the root for browsers to install; empty where the pages need none."""
    root = root_of(settings.home) if settings.console.certificate else None
    return "" if root is None else fingerprint(root)


async def _root_file(request: web.Request) -> web.Response:
    """The public half of the console's own root; there is nothing secret in it."""
    try:
        body = await asyncio.to_thread((request.app[SETTINGS].home / ROOT).read_bytes)
    except FileNotFoundError:
        raise web.HTTPNotFound(
            text="没有自己的根证书：服务器上运行 ivr certificate · there is none"
        ) from None
    return attached(body, "root.pem")


async def _sign_in(request: web.Request) -> web.Response:
    form = await request.post()
    name, password = str(form.get("name", "")).strip(), Sensitive(str(form.get("password", "")))
    users, figures = request.app[USERS], str(form.get("figures", ""))
    async with _MOST_AT_ONCE:
        user = await asyncio.to_thread(users.signed_in, name, password, figures)
    if user is None:
        known = await asyncio.to_thread(users.find, name)
        if known is not None:  # else it may be a password, typed in the wrong place
            await note(request, "sign-in refused", name, who=name)
        return await _shown(request, fault=_WRONG, name=name)
    await note(request, "sign-in", user.name, who=user.name)
    answer = web.HTTPSeeOther("/")
    begin_session(request, answer, user)
    raise answer


async def begin_anew(request: web.Request, name: str) -> web.HTTPSeeOther:
    """To the first page with a new session, to be raised: one's own way in has changed."""
    user = await asyncio.to_thread(request.app[USERS].find, name)
    answer = web.HTTPSeeOther("/")
    if user is not None:
        begin_session(request, answer, user)
    return answer


def begin_session(request: web.Request, answer: web.Response, user: User) -> None:
    """A new session, whatever the browser brought along; the one that it had ends."""
    settings, sessions = request.app[SETTINGS], request.app[SESSIONS]
    name = cookie_name(settings)
    sessions.end(request.cookies.get(name, ""))
    answer.set_cookie(
        name,
        sessions.begin(user),
        path="/",
        httponly=True,
        samesite="Strict",
        secure=settings.console.certificate is not None,
    )


async def _sign_out(request: web.Request) -> web.Response:
    name = cookie_name(request.app[SETTINGS])
    session = session_of(request)
    if session is not None:
        await note(request, "sign-out", session.user.name)
    request.app[SESSIONS].end(request.cookies.get(name, ""))
    answer = web.HTTPSeeOther("/sign-in")
    answer.del_cookie(name, path="/")
    raise answer


PAGE = Page(
    "登录",
    "/sign-in",
    (
        Route("GET", "/sign-in", _form, Action.SIGN_IN),
        Route("POST", "/sign-in", _sign_in, Action.SIGN_IN),
        Route("GET", "/root.pem", _root_file, Action.SIGN_IN),
        Route("POST", "/sign-out", _sign_out, Action.SIGN_IN),
    ),
    in_menu=False,
)
