"""工单: a list whose filters stay in the address, and one case with its clocks, moves and sound."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from aiohttp import web

from console.noted import written_about
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, allowed, session_of, user_name
from console.trail import note
from ivr.cases.case import KINDS, Case, possible
from ivr.cases.clocks import Clock, Light
from ivr.cases.enclosures import MOST_BYTES
from ivr.cases.moves import MOST_DAYS, RULES, Deed, Move, Office, Refused, State
from ivr.cases.register import Register
from ivr.cases.sealing import Unreadable
from ivr.cases.store import NoCase, Outrun, Sought
from ivr.cases.transcribing import WARNING, Transcript
from ivr.config import Agent, AnswerTemplate, Settings, SettingsError, standing
from ivr.hours import BEIJING
from ivr.recordings.finding import find
from ivr.recordings.shape import Evidence

REGISTER = web.AppKey("register", Register)
HEARD = web.AppKey("heard", set[tuple[str, str]])
"""Which sessions have said why they hear which case: asked once for each case."""
MOST_SHOWN: Final = 500
MOST_FOUND: Final = 5000
"""Of which what is most urgent is shown."""
OPEN: Final = frozenset(State) - {
    State.CLOSED, State.FOLLOWED_UP, State.REJECTED, State.MERGED,
}  # fmt: skip
_URGENCY: Final = (Light.RED, Light.AMBER, Light.GREEN)
_SHAPES: Final[Mapping[Light, str]] = {Light.RED: "bad", Light.AMBER: "warn", Light.GREEN: ""}


def register(settings: Settings) -> Register:
    """The cases of this line."""
    return Register.of(settings)


Row = tuple[Case, Clock | None]
"""A case, and the clock of it that is due next."""


async def _list(request: web.Request) -> web.Response:
    query = {name: value.strip() for name, value in request.query.items()}
    rows = await found_rows(request)
    handlers = await asyncio.to_thread(request.app[REGISTER].cases.handlers)
    return page(
        request,
        "cases.html.j2",
        query=query,
        found=[_row(case, clock) for case, clock in rows[:MOST_SHOWN]],
        count=len(rows),
        states=[(each.value, each.words) for each in State],
        kinds=list(KINDS.items()),
        lights=[each.value for each in _URGENCY],
        handlers=handlers,
        most=MOST_SHOWN,
        address=request.query_string,
        may_export=allowed(request, Action.EXPORT_CASES),
    )


async def found_rows(request: web.Request) -> list[Row]:
    """What the filters in the address find: what is over first; raises CannotReach."""
    query = {name: value.strip() for name, value in request.query.items()}
    register, now = request.app[REGISTER], datetime.now(UTC)
    found = await asyncio.to_thread(register.cases.search, _sought(query), most=MOST_FOUND)
    clocks = await asyncio.to_thread(lambda: register.clocks)
    rows = [(case, clocks.running(case, now)) for case in found]
    light = query.get("light", "")
    kept = [row for row in rows if not light or (row[1] and row[1].light.value == light)]
    return sorted(kept, key=_first)


def _sought(query: Mapping[str, str]) -> Sought:
    """What the form says; without a state, what is open."""
    state = query.get("state", "")
    every = {each.value: frozenset({each}) for each in State}
    states = None if state == "all" else every.get(state, OPEN)
    handler = query.get("handler") or None
    return Sought(states, query.get("kind") or None, handler, query.get("number") or None)


def _first(row: Row) -> tuple[int, str, str]:
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
    return await shown(request)


async def shown(
    request: web.Request,
    *,
    fault: str = "",
    caller: str = "",
    status: int = 200,
    typed: Mapping[str, str] | None = None,
) -> web.Response:
    """The page of the case that is asked for; `caller`: whose it is, told this once; `typed`: the
    form that was refused, so that nobody writes it twice."""
    case, register = await case_of(request), request.app[REGISTER]
    settings = request.app[SETTINGS]
    heard = heard_mark(request, case.number) in request.app[HEARD]
    clocks = await asyncio.to_thread(lambda: register.clocks)
    people = (case.filed.person, case.filed.caller)
    notes, remark = await written_about(settings, people, (case.filed.session,))
    moves = [
        move
        for move in possible(case, user_name(request), offices(request))
        if move is not Move.CALL or settings.dialling_server is not None
    ]
    return page(
        request,
        "case.html.j2",
        status=status,
        fault=fault,
        caller=caller,
        typed=typed or {},
        case=case,
        kind=KINDS[case.filed.kind],
        clocks=[(clock, _SHAPES[clock.light]) for clock in clocks.of(case, datetime.now(UTC))],
        moves=[(move, RULES[move].needs) for move in moves],
        events=[(event, event.at.astimezone(BEIJING)) for event in case.events],
        heard=heard,
        evidence=await asyncio.to_thread(_evidence, settings, case) if heard else None,
        marks=await asyncio.to_thread(register.marks.of, case.number),
        transcript=await asyncio.to_thread(_transcript, register, case.number) if heard else None,
        not_evidence=WARNING,
        files=await asyncio.to_thread(register.enclosures.of, case.number),
        templates=await asyncio.to_thread(_templates, settings),
        may_hear=allowed(request, Action.HEAR_CASES),
        may_see_caller=allowed(request, Action.SEE_CALLERS),
        may_export=allowed(request, Action.EXPORT_CASES),
        user_name=user_name(request),
        largest_mb=MOST_BYTES // 1_000_000,
        whole=Evidence.WHOLE,
        phones=await asyncio.to_thread(_phones, settings) if settings.dialling.trunk else (),
        calling=request.query.get("call", ""),
        most_days=MOST_DAYS,
        beijing=BEIJING,
        notes=notes,
        notes_remark=remark,
    )


def _transcript(register: Register, number: str) -> Transcript | None:
    """None too where it cannot be opened: the recording is there to be heard."""
    try:
        return register.transcripts.of(number)
    except Unreadable:
        return None


def _evidence(settings: Settings, case: Case) -> Evidence:
    return find(settings, case.filed.path, case.filed.sha256)[1]


def _phones(settings: Settings) -> tuple[Agent, ...]:
    """The agents who may call back, as administrators have them by now."""
    try:
        return standing(settings).agents.phones
    except SettingsError:
        return ()


def _templates(settings: Settings) -> tuple[AnswerTemplate, ...]:
    """As administrators have written them by now; none where their table is damaged."""
    try:
        return standing(settings).answers.templates
    except SettingsError:
        return ()


async def case_of(request: web.Request) -> Case:
    """The case that the address names."""
    number = request.match_info["number"]
    try:
        return await asyncio.to_thread(request.app[REGISTER].cases.case, number)
    except NoCase as none:
        raise web.HTTPNotFound(text=str(none)) from none


async def _move(request: web.Request) -> web.Response:
    """Noted, done and shown; who was outrun sees what the other has done."""
    case, form = await case_of(request), await request.post()
    given = {name: str(value).strip() for name, value in form.items()}
    try:
        move = Move(given.get("move", ""))
        seen, days = int(given.get("seen", "")), int(given.get("days") or 0)
    except ValueError:
        raise web.HTTPBadRequest(text="没有这一步 · no such move") from None
    deed = Deed(
        move, user_name(request), offices(request), given.get("text", ""),
        given.get("handler", ""), days, given.get("into", ""), given.get("content", ""),
    )  # fmt: skip
    if move not in RULES:
        raise web.HTTPBadRequest(text="没有这一步 · no such move")
    await note(request, "case moved", case.number, move.words)
    try:
        # A note stands beside whatever others did: also beside that of the call it was written in.
        known = None if move is Move.NOTE else seen
        await asyncio.to_thread(request.app[REGISTER].act, case.number, deed, seen=known)
    except Outrun as outrun:
        return await shown(request, fault=str(outrun), status=409, typed=given)
    except Refused as refused:
        return await shown(request, fault=str(refused), status=422, typed=given)
    raise web.HTTPSeeOther(f"/cases/{quote(case.number)}")


def heard_mark(request: web.Request, number: str) -> tuple[str, str]:
    """By which a session's reason to hear a case is known again."""
    session = session_of(request)
    return ("" if session is None else session.token, number)


def offices(request: web.Request) -> frozenset[Office]:
    """What the roles of whoever asks mean for cases; the line's own office is nobody's."""
    session = session_of(request)
    roles = {role.value for role in session.user.roles} if session else set()
    return frozenset(each for each in Office if each.value in roles and each is not Office.LINE)


PAGE = Page(
    "工单",
    "/cases",
    (
        Route("GET", "/cases", _list, Action.SEE_CASES),
        Route("GET", "/cases/{number:\\d+}", _one, Action.SEE_CASES),
        Route("POST", "/cases/{number:\\d+}/moves", _move, Action.SEE_CASES),
    ),
)
