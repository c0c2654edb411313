"""坐席's after-call work: a subject and a note for each call that is over; for the page 坐席.

The service writes it down, so that after-call work ends with it; what is typed stays on the page
until it is written, also while the service is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from console.pages.desk_call import known_by, own_agent
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from console.service import ServiceAway, ask
from ivr.agents.notes import MOST_CHARACTERS, Owed, notes_of
from ivr.agents.notes_file import NotKept
from ivr.config import Agent, standing
from ivr.hours import BEIJING

_KEYS: Final[Mapping[str | None, str]] = {
    "account": "公积金账户",
    "loan": "贷款",
    "information": "信息查询",
    "complaint": "投诉和建议",
}
MOST_OWED: Final = 3
"""So many are asked for at once, the newest; the others come when these are written."""


async def _notes(request: web.Request) -> web.Response:
    """Nothing new (204) is no reason to take away what somebody just writes."""
    agent = await own_agent(request)
    if agent is None:
        return web.Response(status=204)
    shown = await _shown(request, agent)
    if shown["seen"] == request.query.get("seen"):
        return web.Response(status=204)
    return page(request, "desk_notes.html.j2", **shown)


async def _write(request: web.Request) -> web.Response:
    agent = await own_agent(request)
    if agent is None:
        raise web.HTTPForbidden(text="您不是坐席 · you are no agent")
    form = {name: str(value) for name, value in (await request.post()).items()}
    wanted = {name: form.get(name, "") for name in ("talk", "subject", "text")}
    told, fault = "小结已写好。", ""
    try:
        done = await ask(
            request.app[SETTINGS], "POST", "desks", f"/{agent.extension}/notes", wanted
        )
        if not done.is_done:
            told, fault = "", done.why
    except ServiceAway as away:
        told, fault = "", f"小结还没有写下，请留着这一页：{away}"
    if "HX-Request" not in request.headers and not fault:
        raise web.HTTPSeeOther("/desk")
    shown = await _shown(request, agent, told=told, fault=fault, typed=wanted if fault else {})
    if "HX-Request" not in request.headers:
        return page(request, "desk_note.html.j2", status=422, **shown)
    return page(request, "desk_notes.html.j2", **shown)


async def _shown(
    request: web.Request,
    agent: Agent,
    *,
    told: str = "",
    fault: str = "",
    typed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    settings = request.app[SETTINGS]
    agents = (await asyncio.to_thread(standing, settings)).agents
    try:
        owed = await asyncio.to_thread(
            notes_of(settings).owed_by, agent.extension, datetime.now(UTC)
        )
    except NotKept as cannot:
        owed, fault = (), fault or str(cannot)
    return {
        "seen": known_by([[each.talked.talk for each in owed], agents.subjects, fault]),
        "owed": [_row(each) for each in owed[:MOST_OWED]],
        "more": len(owed[MOST_OWED:]),
        "required": agents.notes_required,
        "minutes": round(agents.notes_longest_seconds / 60),
        "subjects": agents.subjects,
        "most": MOST_CHARACTERS,
        "told": told,
        "fault": fault,
        "typed": typed or {},
    }


def _row(owed: Owed) -> dict[str, str]:
    return {
        "talk": owed.talked.talk,
        "id": known_by(owed.talked.talk),
        "ended": f"{owed.ended.astimezone(BEIJING):%H:%M}",
        "wanted": _KEYS.get(owed.talked.key, ""),
        "session": owed.talked.session,
    }


PAGE = Page(
    "小结",
    "/desk/notes",
    (
        Route("GET", "/desk/notes", _notes, Action.ANSWER_CALLS, background=True),
        Route("POST", "/desk/notes", _write, Action.ANSWER_CALLS),
    ),
    in_menu=False,
)
