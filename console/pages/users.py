"""Who may sign in, and as what; for administrators."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import datetime

from aiohttp import web

from console.rendering import page
from console.rights import Action, Role
from console.routes import USERS, Page, Route
from console.trail import note
from console.users import Refused, User
from ivr.hours import BEIJING
from ivr.people.audit import Action as Noted
from ivr.people.sensitive import Sensitive


async def _list(request: web.Request) -> web.Response:
    return await _shown(request)


async def _shown(
    request: web.Request, *, fault: str = "", given: tuple[str, Sensitive[str]] | None = None
) -> web.Response:
    """`given`: whose one-time password is shown now, once."""
    users = await asyncio.to_thread(request.app[USERS].all)
    return page(
        request,
        "users.html.j2",
        status=422 if fault else 200,
        users=[(user, _state(user), _seen(user)) for user in users],
        roles=list(Role),
        fault=fault,
        given=given and (given[0], given[1].reveal()),
    )


def _state(user: User) -> tuple[str, str]:
    """In a word, and the class of its shape."""
    if user.locked:
        return "已锁定", "off"
    if user.shut_until > time.time():
        return "连错五次，暂时锁定", "warn"
    return ("一次性口令", "warn") if user.one_time else ("可以登录", "")


def _seen(user: User) -> str:
    if user.seen is None:
        return "从未"
    return datetime.fromtimestamp(user.seen, BEIJING).strftime("%Y-%m-%d %H:%M")


async def _add(request: web.Request) -> web.Response:
    form = await request.post()
    name = str(form.get("name", "")).strip()
    roles = _roles(form.getall("role", []))
    users = request.app[USERS]
    return await _done(request, "user added", name, _named(roles), lambda: users.add(name, roles))


async def _set_roles(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    roles = _roles((await request.post()).getall("role", []))
    users = request.app[USERS]
    change = lambda: users.set_roles(name, roles)  # noqa: E731
    return await _done(request, "roles", name, _named(roles), change)


async def _lock(request: web.Request) -> web.Response:
    name, users = request.match_info["name"], request.app[USERS]
    return await _done(request, "user locked", name, "", lambda: users.lock(name))


async def _unlock(request: web.Request) -> web.Response:
    name, users = request.match_info["name"], request.app[USERS]
    return await _done(request, "user unlocked", name, "", lambda: users.unlock(name))


async def _give_password(request: web.Request) -> web.Response:
    name, users = request.match_info["name"], request.app[USERS]
    return await _done(request, "password given", name, "", lambda: users.give_password(name))


async def _drop_factor(request: web.Request) -> web.Response:
    name, users = request.match_info["name"], request.app[USERS]
    change = lambda: users.drop_factor(name)  # noqa: E731
    return await _done(request, "second factor reset", name, "", change)


async def _done(
    request: web.Request,
    action: Noted,
    name: str,
    reason: str,
    change: Callable[[], Sensitive[str] | None],
) -> web.Response:
    """Noted, changed, and shown; a one-time password is on this answer and nowhere else."""
    await note(request, action, name, reason)
    try:
        password = await asyncio.to_thread(change)
    except Refused as refused:
        return await _shown(request, fault=str(refused))
    if password is not None:
        return await _shown(request, given=(name, password))
    raise web.HTTPSeeOther("/users")


def _roles(given: Iterable[object]) -> frozenset[Role]:
    known = {role.value for role in Role}
    return frozenset(Role(str(each)) for each in given if str(each) in known)


def _named(roles: frozenset[Role]) -> str:
    return "、".join(role for role in Role if role in roles)


PAGE = Page(
    "用户",
    "/users",
    (
        Route("GET", "/users", _list, Action.EDIT_USERS),
        Route("POST", "/users", _add, Action.EDIT_USERS),
        Route("POST", "/users/{name}/roles", _set_roles, Action.EDIT_USERS),
        Route("POST", "/users/{name}/lock", _lock, Action.EDIT_USERS),
        Route("POST", "/users/{name}/unlock", _unlock, Action.EDIT_USERS),
        Route("POST", "/users/{name}/second-factor", _drop_factor, Action.EDIT_USERS),
        Route("POST", "/users/{name}/password", _give_password, Action.EDIT_USERS),
    ),
)
