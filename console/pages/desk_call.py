"""坐席's own call: who it is, what they came for, and the controls; for the page 坐席."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from analytics.answering.asking import CannotAnswer, answer
from analytics.answering.words import Vocabulary
from console.facts import asked, vocabulary
from console.noted import written_about
from console.pages.cases import OPEN, REGISTER
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, allowed, user_name
from console.service import ServiceAway, ask
from ivr.cases.case import KINDS
from ivr.cases.opening import CannotReach
from ivr.cases.store import Sought
from ivr.config import Agent, standing
from ivr.desk.orders import PLACES, Deed
from ivr.hours import BEIJING

log = logging.getLogger(__name__)

MOST_EARLIER: Final = 5
"""Calls of the same person that are shown, the last ones."""
EARLIER: Final = """
SELECT session, local_time(started) AS started, disposition, last_dialogue FROM call_session
WHERE session <> $session AND started >= now()::TIMESTAMP - INTERVAL 180 DAY AND (
    (caller IS NOT NULL AND caller = $caller)
    OR session IN (SELECT session FROM lookup WHERE person = $person))
ORDER BY started DESC LIMIT $most
"""
_SOURCES: Final = {"fund": "公积金账户", "loan": "贷款"}
_DONE: Final = {deed.value: deed.words for deed in Deed}
_OWN: Final = frozenset(deed for deed in Deed if not deed.is_supervisors)


async def own_agent(request: web.Request) -> Agent | None:
    """The agent as whom this user of the console works."""
    agents = (await asyncio.to_thread(standing, request.app[SETTINGS])).agents
    name = user_name(request)
    return next((agent for agent in agents.phones if name in agent.users), None)


async def _call(request: web.Request) -> web.Response:
    """Nothing new (204) is no reason to take away what somebody just uses, or reads."""
    agent = await own_agent(request)
    if agent is None:
        return web.Response(status=204)
    now = await _now(request, agent)
    if now["seen"] == request.query.get("seen"):
        return web.Response(status=204)
    return page(request, "desk_call.html.j2", **await _shown(request, agent, now))


async def _order(request: web.Request) -> web.Response:
    """One control; what came of it is said where the controls are."""
    agent, form = await own_agent(request), await request.post()
    deed = str(form.get("deed", ""))
    if agent is None or deed not in _OWN:
        raise web.HTTPForbidden(text="这台话机上不能这样 · not at this desk")
    wanted = {name: str(form.get(name, "")) for name in ("deed", "to", "place", "keys")}
    told, fault = f"已{_DONE[deed]}。", ""
    try:
        done = await ask(request.app[SETTINGS], "POST", "desks", f"/{agent.extension}/call", wanted)
        if not done.is_done:
            told, fault = "", f"{_DONE[deed]}：{done.why}"
    except ServiceAway as away:
        told, fault = "", str(away)
    if "HX-Request" not in request.headers:
        raise web.HTTPSeeOther("/desk")
    shown = await _shown(request, agent, await _now(request, agent), told=told, fault=fault)
    return page(request, "desk_call.html.j2", **shown)


async def _now(request: web.Request, agent: Agent) -> dict[str, Any]:
    """What the service says of the phone, and by what it is known when it is asked again."""
    try:
        answered = await ask(request.app[SETTINGS], "GET", "desks", f"/{agent.extension}/call")
        call = answered.told.get("call") if answered.is_done else None
        is_away = not answered.is_done
    except ServiceAway:
        call, is_away = None, True
    return {"seen": known_by([call, is_away]), "call": call, "is_away": is_away}


def known_by(content: Any) -> str:
    """Of the same content the same few letters."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


async def _shown(
    request: web.Request,
    agent: Agent,
    now: Mapping[str, Any],
    *,
    told: str = "",
    fault: str = "",
) -> dict[str, Any]:
    """With what the line's records know of the caller, for whom something has changed."""
    call = now["call"]
    words = await asyncio.to_thread(vocabulary, request.app[SETTINGS])
    notes, remark = ([], "") if call is None else await _notes(request, call)
    return {
        **now,
        "told": told,
        "fault": fault,
        "path": [] if call is None else _path(call["path"], words),
        "lookup": _lookup(call, words) if allowed(request, Action.SEE_RESULTS) else "",
        "earlier": [] if call is None else await _earlier(request, call, words),
        "cases": [] if call is None else await _cases(request, call),
        "notes": notes,
        "notes_remark": remark,
        "colleagues": await _colleagues(request, agent),
        "places": PLACES,
    }


def _path(places: list[str], words: Vocabulary) -> list[str]:
    """A place that was come to twice in a row is one step."""
    path = [words.place(each) for each in places]
    return [each for n, each in enumerate(path) if n == 0 or each != path[n - 1]]


def _lookup(call: Mapping[str, Any] | None, words: Vocabulary) -> str:
    source, _, outcome = ("" if call is None else str(call["lookup"])).partition(" ")
    if not outcome:
        return ""
    return f"{_SOURCES.get(source, source)}：{words.value('outcome', outcome)}"


async def _earlier(
    request: web.Request, call: Mapping[str, Any], words: Vocabulary
) -> list[dict[str, Any]]:
    """The last calls of the same number or the same person; none where nobody can say."""
    wanted = {
        "session": call["session"],
        "caller": call["caller"],
        "person": call["person"],
        "most": MOST_EARLIER,
    }
    try:
        found = await asked(
            request.app[SETTINGS], lambda facts: answer(facts, EARLIER, wanted), seconds=5.0
        )
    except CannotAnswer as cannot:
        log.info("earlier calls are not shown: %s", cannot)
        return []
    return list(words.translated(found).records())


async def _cases(request: web.Request, call: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Open cases that the same person or the same number has left."""
    people = tuple(each for each in (call["person"], call["caller"]) if each)
    if not people:
        return []
    sought = Sought(states=OPEN, left_by=people)
    try:
        found = await asyncio.to_thread(
            request.app[REGISTER].cases.search, sought, most=MOST_EARLIER
        )
    except CannotReach as cannot:
        log.warning("open cases are not shown: %s", cannot)
        return []
    return [
        {
            "number": case.number,
            "kind": KINDS[case.filed.kind],
            "state": case.state.words,
            "at": _day(case.filed.at),
        }
        for case in found
    ]


async def _notes(request: web.Request, call: Mapping[str, Any]) -> tuple[list[dict[str, str]], str]:
    """What colleagues have written about earlier calls of the same person or number."""
    people = (call["person"], call["caller"])
    notes, remark = await written_about(request.app[SETTINGS], people)
    return notes[:MOST_EARLIER], remark


def _day(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%m-%d %H:%M}"


async def _colleagues(request: web.Request, agent: Agent) -> list[Agent]:
    agents = (await asyncio.to_thread(standing, request.app[SETTINGS])).agents
    return [each for each in agents.phones if each.extension != agent.extension]


PAGE = Page(
    "通话",
    "/desk/call",
    (
        Route("GET", "/desk/call", _call, Action.ANSWER_CALLS, background=True),
        Route("POST", "/desk/call", _order, Action.ANSWER_CALLS),
    ),
    in_menu=False,
)
