"""工单: a list whose filters stay in the address, and one case with its clocks, moves and sound."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from aiohttp import web

from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, session_of, user_name
from console.trail import note
from ivr.cases.case import Case, possible
from ivr.cases.clocks import Clock, Light
from ivr.cases.moves import MOST_DAYS, RULES, Deed, Move, Office, Refused, State
from ivr.cases.register import Register
from ivr.cases.store import CannotReach, NoCase, Outrun, Sought
from ivr.config import Settings
from ivr.hours import BEIJING

REGISTER = web.AppKey("register", Register)
HEARD = web.AppKey("heard", set[tuple[str, str]])
"""Which sessions have said why they hear which case: asked once for each case."""
MOST_SHOWN: Final = 500
KINDS: Final[Mapping[str, str]] = {"complaint": "投诉", "suggestion": "建议", "message": "留言"}
OPEN: Final = frozenset(State) - {
    State.CLOSED, State.FOLLOWED_UP, State.REJECTED, State.MERGED,
}  # fmt: skip
_URGENCY: Final = (Light.RED, Light.AMBER, Light.GREEN)
_SHAPES: Final[Mapping[Light, str]] = {Light.RED: "off", Light.AMBER: "warn", Light.GREEN: ""}


def register(settings: Settings) -> Register:
    """The cases of this line."""
    return Register.of(settings)


async def _list(request: web.Request) -> web.Response:
    query = {name: value.strip() for name, value in request.query.items()}
    cases = request.app[REGISTER].cases
    try:
        found = await asyncio.to_thread(cases.search, _sought(query), most=MOST_SHOWN)
        handlers = await asyncio.to_thread(cases.handlers)
    except CannotReach as away:
        return page(request, "told.html.j2", status=503, heading="现在没有工单", told=str(away))
    now = datetime.now(UTC)
    rows = [(case, request.app[REGISTER].clocks.running(case, now)) for case in found]
    light = query.get("light", "")
    shown = [row for row in rows if not light or (row[1] and row[1].light.value == light)]
    return page(
        request,
        "cases.html.j2",
        query=query,
        found=[_row(case, clock) for case, clock in sorted(shown, key=_first)],
        states=[(each.value, each.words) for each in State],
        kinds=list(KINDS.items()),
        lights=[each.value for each in _URGENCY],
        handlers=handlers,
        most=MOST_SHOWN,
    )


def _sought(query: Mapping[str, str]) -> Sought:
    """What the form says; without a state, what is open."""
    state = query.get("state", "")
    every = {each.value: frozenset({each}) for each in State}
    states = None if state == "all" else every.get(state, OPEN)
    handler = query.get("handler") or None
    return Sought(states, query.get("kind") or None, handler, query.get("number") or None)


def _first(row: tuple[Case, Clock | None]) -> tuple[int, str, str]:
    """What is over first, then what is due first."""
    case, clock = row
    if clock is None:
        return len(_URGENCY), "", case.number
    return _URGENCY.index(clock.light), str(clock.due), case.number


def _row(case: Case, clock: Clock | None) -> dict[str, object]:
    return {
        "case": case,
        "kind": KINDS[case.filed.kind],
        "at": case.filed.at.astimezone(BEIJING),
        "clock": clock,
        "shape": _SHAPES[clock.light] if clock else "",
    }


async def _one(request: web.Request) -> web.Response:
    return await _shown(request)


async def _shown(request: web.Request, *, fault: str = "", status: int = 200) -> web.Response:
    case = await _case(request)
    clocks = request.app[REGISTER].clocks.of(case, datetime.now(UTC))
    moves = possible(case, user_name(request), _offices(request))
    return page(
        request,
        "case.html.j2",
        status=status,
        fault=fault,
        case=case,
        kind=KINDS[case.filed.kind],
        clocks=[(clock, _SHAPES[clock.light]) for clock in clocks],
        moves=[(move, RULES[move].needs) for move in moves],
        events=[(event, event.at.astimezone(BEIJING)) for event in case.events],
        heard=_mark(request, case.number) in request.app[HEARD],
        most_days=MOST_DAYS,
    )


async def _case(request: web.Request) -> Case:
    number = request.match_info["number"]
    try:
        return await asyncio.to_thread(request.app[REGISTER].cases.case, number)
    except NoCase as none:
        raise web.HTTPNotFound(text=str(none)) from none
    except CannotReach as away:
        raise web.HTTPServiceUnavailable(text=str(away)) from away


async def _move(request: web.Request) -> web.Response:
    """Noted, done and shown; who was outrun sees what the other has done."""
    case, form = await _case(request), await request.post()
    given = {name: str(value).strip() for name, value in form.items()}
    try:
        move = Move(given.get("move", ""))
        seen, days = int(given.get("seen", "")), int(given.get("days") or 0)
    except ValueError:
        raise web.HTTPBadRequest(text="没有这一步 · no such move") from None
    deed = Deed(
        move, user_name(request), _offices(request), given.get("text", ""),
        given.get("handler", ""), days, given.get("into", ""), given.get("content", ""),
    )  # fmt: skip
    if move not in RULES:
        raise web.HTTPBadRequest(text="没有这一步 · no such move")
    await note(request, "case moved", case.number, move.words)
    try:
        await asyncio.to_thread(request.app[REGISTER].act, case.number, deed, seen=seen)
    except Outrun as outrun:
        return await _shown(request, fault=str(outrun), status=409)
    except Refused as refused:
        return await _shown(request, fault=str(refused), status=422)
    except CannotReach as away:
        raise web.HTTPServiceUnavailable(text=str(away)) from away
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}")


async def _why(request: web.Request) -> web.Response:
    """Why somebody wants to hear it: once for each case and session, in the trail before a byte."""
    case, form = await _case(request), await request.post()
    reason = str(form.get("reason", "")).strip()
    if not reason:
        return await _shown(request, fault="写明为什么要听 · say why", status=422)
    await note(request, "case heard", case.number, reason)
    request.app[HEARD].add(_mark(request, case.number))
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}")


async def _sound(request: web.Request) -> web.StreamResponse:
    """The recording, whole or a range of it, while it is what was filed."""
    case = await _case(request)
    if _mark(request, case.number) not in request.app[HEARD]:
        raise web.HTTPForbidden(text="先写明为什么要听 · say why first")
    path = request.app[SETTINGS].recordings_folder / case.filed.path
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError:
        raise web.HTTPNotFound(text="录音已经不在 · the recording is gone") from None
    if hashlib.sha256(content).hexdigest() != case.filed.sha256:
        raise web.HTTPConflict(
            text="录音和存档时不一样，被改过或损坏，不能作证据 · changed since it was filed"
        )
    return web.FileResponse(path, headers={"Content-Type": "audio/wav"})


def _mark(request: web.Request, number: str) -> tuple[str, str]:
    session = session_of(request)
    return ("" if session is None else session.token, number)


def _offices(request: web.Request) -> frozenset[Office]:
    """What the roles of whoever asks mean for cases; the line's own office is nobody's."""
    session = session_of(request)
    roles = {role.value for role in session.user.roles} if session else set()
    return frozenset(each for each in Office if each.value in roles and each is not Office.LINE)


PAGE = Page(
    "工单",
    "/cases",
    (
        Route("GET", "/cases", _list, Action.SEE_CASES),
        Route("GET", "/cases/{number}", _one, Action.SEE_CASES),
        Route("POST", "/cases/{number}/moves", _move, Action.SEE_CASES),
        Route("POST", "/cases/{number}/why", _why, Action.SEE_CASES),
        Route("GET", "/cases/{number}/sound", _sound, Action.SEE_CASES),
    ),
)
