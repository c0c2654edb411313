"""What every request passes: no foreign page speaks here, nobody without the right gets in."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from console.rendering import page
from console.rights import Action
from console.routes import (
    SESSIONS,
    SETTINGS,
    USERS,
    Handler,
    Route,
    allowed,
    first_of_all,
    host_of,
    remember,
    session_of,
)
from console.sessions import Session
from ivr.config import Settings

# `no-referrer` would make browsers hide the origin of our own forms too (Origin: null).
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self';"
        " media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "Server": "ivr",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
TOKEN = "token"  # noqa: S105  the name of a form's field
TOKEN_HEADER = "X-Token"  # noqa: S105  the same for what scripts send
_LASTING = ("/static/", "/lib/")
"""What is the same for everybody; all else stays out of the browser's cache."""


# --- before anything is looked at -------------------------------------------------------------


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what was sent by another site, or under a name that is not ours (DNS rebinding)."""
    if not _is_ours(request):
        raise web.HTTPMisdirectedRequest(text="这台服务器不叫这个名字 · not a name of this server")
    if _changes_something(request) and not _same_origin(request):
        raise web.HTTPForbidden(text="请求来自别的网页 · sent by another site")
    return await handler(request)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """To every answer, refusals and streams included, before its first byte."""
    response.headers.update(HEADERS)
    lasting = request.path.startswith(_LASTING)
    response.headers[hdrs.CACHE_CONTROL] = "no-cache" if lasting else "no-store"


def _is_ours(request: web.Request) -> bool:
    """Addresses are nobody's to rebind; of names only those known to be ours are answered."""
    host = host_of(request)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host in {"localhost", socket.gethostname().lower(), *_names(request)}
    return True


def _names(request: web.Request) -> set[str]:
    return {name.lower() for name in request.app[SETTINGS].console.names}


def _changes_something(request: web.Request) -> bool:
    upgrades = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
    return upgrades or request.method not in {"GET", "HEAD"}


def _same_origin(request: web.Request) -> bool:
    """By what the browser itself says of where the request comes from; silence is a refusal."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return site == "same-origin"
    return urlsplit(origin).netloc.lower() == request.host.lower()


# --- who it is, and what they may -------------------------------------------------------------


def cookie_name(settings: Settings) -> str:
    """Of the session; two lines on one machine keep theirs apart, for cookies know no port."""
    prefix = "__Host-" if settings.console.certificate else ""
    return f"{prefix}ivr-{settings.console.port}"


def entitled(route: Route) -> Handler:
    """The route's handler for those who may; others are told what they lack."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if route.largest_bytes is not None:
            request = request.clone(client_max_size=route.largest_bytes)
        session = await _session(request, touch=not route.background)
        if session is not None:
            remember(request, session)
        if not allowed(request, route.action):
            return _refused(request, route)
        if session is not None and _changes_something(request):
            await _check_token(request, session)
        return await route.handler(request)

    return handle


async def entitled_still(request: web.Request, action: Action, *, touch: bool = False) -> bool:
    """Whether who watches a stream may go on: sessions end, and people are locked out.

    `touch`: the person has just done something by it.
    """
    session = await _session(request, touch=touch)
    return session is not None and allowed(request, action)


async def _session(request: web.Request, *, touch: bool) -> Session | None:
    """The session of this browser, as long as its user is as they were when it began."""
    secret = request.cookies.get(cookie_name(request.app[SETTINGS]), "")
    session = request.app[SESSIONS].find(secret, touch=touch)
    if session is None:
        return None
    user = await asyncio.to_thread(request.app[USERS].find, session.user.name)
    if user is None or user.locked or user.version != session.user.version:
        request.app[SESSIONS].end(secret)
        return None
    return session


async def _check_token(request: web.Request, session: Session) -> None:
    """A WebSocket cannot carry one; its origin was checked, and only browsers of ours have that."""
    if request.method == hdrs.METH_GET:
        return
    given = request.headers.get(TOKEN_HEADER)
    if given is None:
        given = str((await request.post()).get(TOKEN, ""))
    if not secrets.compare_digest(given.encode(), session.token.encode()):
        raise web.HTTPForbidden(text="页面过期了：请退回，刷新后再试 · reload the page")


def _refused(request: web.Request, route: Route) -> web.Response:
    session = session_of(request)
    if route.background:
        return web.Response(status=401 if session is None else 403)
    if session is None:
        raise web.HTTPSeeOther("/sign-in")
    if (page_first := first_of_all(request, session)) is not None:
        raise web.HTTPSeeOther(page_first)
    told = f"您的岗位（{'、'.join(sorted(session.user.roles))}）没有“{route.action}”的权限。"
    return page(request, "told.html.j2", status=403, heading="没有权限", told=told)
