"""How a page tells the application of itself: its routes, each with the right that it needs."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web

from console.rights import Action, is_open, may, needs_factor
from console.sessions import Session, Sessions
from console.studio import Studio
from console.users import Users
from ivr.config import Settings

SETTINGS = web.AppKey("settings", Settings)
USERS = web.AppKey("users", Users)
SESSIONS = web.AppKey("sessions", Sessions)
STUDIO = web.AppKey("studio", Studio)
OPEN = web.AppKey("open", frozenset[Action])
"""What needs no sign-in on this machine: of `ivr preview`, where nobody can sign in."""
_SESSION = web.RequestKey("session", Session)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a page."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    action: Action
    background: bool = False
    """Asked for by the page itself: no sign that the person is still there."""
    largest_bytes: int | None = None
    """Of what may be sent, where files are; None: as of every form."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page and all its addresses; `path` and `title` are its place in the menu."""

    title: str
    path: str
    routes: tuple[Route, ...]
    in_menu: bool = True

    @property
    def action(self) -> Action:
        """The right that opens it."""
        return next(each.action for each in self.routes if each.path == self.path)


PAGES = web.AppKey("pages", tuple[Page, ...])
"""All pages of the application, in the order of the menu."""


def remember(request: web.Request, session: Session) -> None:
    """Whose request this is; the guard says it once."""
    request[_SESSION] = session


def session_of(request: web.Request) -> Session | None:
    """None where nobody has signed in."""
    return request.get(_SESSION)


def user_name(request: web.Request) -> str:
    """Of whoever asks, as it stands in the audit trail."""
    session = session_of(request)
    return "" if session is None else session.user.name


def allowed(request: web.Request, action: Action) -> bool:
    """Whether whoever asks may do this."""
    session = session_of(request)
    if session is None:
        phone = request.app[SETTINGS].console.phone
        if action in request.app.get(OPEN, ()):
            return _is_at_home(request)
        return is_open(action, phone, at_home=_is_at_home(request))
    if first_of_all(request, session) is not None:
        return action in (Action.OWN_PASSWORD, Action.SIGN_IN)
    return may(session.user.roles, action)


def first_of_all(request: web.Request, session: Session) -> str | None:
    """The page that somebody has to see before any other; None: all is as it should be."""
    if session.user.one_time:
        return "/password"
    wanted = request.app[SETTINGS].console.second_factor
    if not session.user.second_factor and needs_factor(session.user.roles, wanted):
        return "/second-factor"
    return None


def host_of(request: web.Request) -> str:
    """By which name or address the browser asked, without the port; empty where it is none."""
    try:
        return (urlsplit(f"//{request.host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_at_home(request: web.Request) -> bool:
    """Whether it comes from this machine, and from nobody else by way of it: no proxy, no tunnel.

    A proxy on this machine names whom it speaks for, or keeps the name by which it was asked.
    """
    if any(name in request.headers for name in _PROXIES):
        return False
    return _is_loopback(request.remote or "") and _is_loopback(host_of(request))


_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
