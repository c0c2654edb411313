"""回电: who left a number rather than wait, in the order in which the line calls them.

No page knows a number: the service takes it out of the vault. Wishes are read from the line's
home folder; what an agent wants done about one goes to the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from console.pages.calling import OUTCOMES
from console.pages.desk_call import own_agent
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, allowed, user_name
from console.service import ServiceAway, ask
from ivr.agents.queue import RANKS
from ivr.agents.wishes import FILE, Wish, read
from ivr.config import Settings, standing
from ivr.hours import BEIJING

STATES: Final = {
    "open": ("等着回电", ""),
    "calling": ("正在拨打", "warn"),
    "reached": ("已回电", "off"),
    "given_up": ("没有打通", "bad"),
    "withdrawn": ("已取消", "off"),
}
"""How a state is called, and which shape it has."""
OVER_FOR: Final = timedelta(days=1)
"""So long is shown what is over."""


async def _list(request: web.Request) -> web.Response:
    return await _page(request)


async def _now(request: web.Request) -> web.Response:
    """The list alone, for the page that shows it."""
    return page(request, "callbacks_list.html.j2", **await _shown(request))


async def _page(request: web.Request, *, fault: str = "", told: str = "") -> web.Response:
    status = 422 if fault else 200
    shown = await _shown(request)
    return page(request, "callbacks.html.j2", status=status, fault=fault, told=told, **shown)


async def _shown(request: web.Request) -> dict[str, Any]:
    settings = await asyncio.to_thread(standing, request.app[SETTINGS])
    wishes = await asyncio.to_thread(read, request.app[SETTINGS].home / FILE)
    now = datetime.now(UTC)
    return {
        "why_off": _why_off(settings),
        "living": [_row(wish, now) for wish in in_turn(w for w in wishes if w.lives)],
        "over": [_row(w, now) for w in wishes if not w.lives and w.at > now - OVER_FOR],
        "tries": settings.dialling.callback_tries,
        "desk": await own_agent(request),
        "sees_calls": allowed(request, Action.SEE_CALLS),
    }


def _why_off(settings: Settings) -> str:
    """Empty where the line does call back."""
    if settings.dialling_server is None:
        return "没有开通外呼（设置 dialling.trunk），热线不回电。"
    if not settings.dialling.callbacks:
        return "来电人现在不能登记回电（设置 dialling.callbacks）；已经登记的照样回。"
    return ""


def in_turn(wishes: Iterable[Wish]) -> list[Wish]:
    """As the line calls them: called in vain before the others, then by their old places."""
    return sorted(wishes, key=lambda wish: (RANKS.index(wish.ranks_as), wish.since))


def _row(wish: Wish, now: datetime) -> dict[str, Any]:
    due = None if wish.due is None or wish.due <= now else wish.due.astimezone(BEIJING)
    return {
        "person": wish.person,
        "session": wish.session,
        "since": wish.since.astimezone(BEIJING),
        "state": STATES[wish.state],
        "is_open": wish.state == "open",
        "tries": wish.tries,
        "outcome": "" if wish.outcome is None else OUTCOMES[wish.outcome],
        "due": due,
        "at": wish.at.astimezone(BEIJING),
    }


async def _call(request: web.Request) -> web.Response:
    desk = await own_agent(request)
    if desk is None:
        return await _page(request, fault="没有坐席用您的名字：请管理员在“设置”里写上。")
    wanted = {"agent": desk.extension, "by": user_name(request)}
    return await _done(request, "", wanted, "您的话机在振铃；接起来以后，再拨来电人留下的号码。")


async def _withdraw(request: web.Request) -> web.Response:
    reason = str((await request.post()).get("reason", "")).strip()
    if not reason:
        return await _page(request, fault="写明为什么不用回了。")
    wanted = {"by": user_name(request), "reason": reason}
    return await _done(request, "/withdraw", wanted, "已取消，不再拨打。")


async def _done(request: web.Request, deed: str, wanted: dict[str, str], told: str) -> web.Response:
    """What the service makes of it, in words."""
    below = f"/{quote(request.match_info['person'], safe='')}{deed}"
    try:
        answer = await ask(request.app[SETTINGS], "POST", "callbacks", below, wanted)
    except ServiceAway as away:
        return await _page(request, fault=str(away))
    if not answer.is_done:
        return await _page(request, fault=answer.why)
    return await _page(request, told=told)


_ONE: Final = "/callbacks/{person}"
PAGE = Page(
    "回电",
    "/callbacks",
    (
        Route("GET", "/callbacks", _list, Action.RETURN_CALLS),
        Route("GET", "/callbacks/list", _now, Action.RETURN_CALLS, background=True),
        Route("POST", f"{_ONE}/call", _call, Action.RETURN_CALLS),
        Route("POST", f"{_ONE}/withdraw", _withdraw, Action.RETURN_CALLS),
    ),
)
