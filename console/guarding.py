"""What every request passes: no foreign page speaks here, and no answer is kept or framed."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from console.routes import SETTINGS, Handler

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self';"
        " media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "Server": "ivr",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
_LASTING = ("/static/", "/lib/")
"""What is the same for everybody; all else stays out of the browser's cache."""


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
    host = _host_of(f"//{request.host}")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host in {"localhost", socket.gethostname().lower(), *_names(request)}
    return True


def _names(request: web.Request) -> set[str]:
    return {name.lower() for name in request.app[SETTINGS].console.names}


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


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
    parts = urlsplit(origin)
    return parts.netloc.lower() == request.host.lower()
