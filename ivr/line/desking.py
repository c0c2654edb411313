"""`POST /desks/6001`: an agent signs in or out, or is ready or not, on their page of the console.

Only the console is answered: it shows the secret that both read from the line's home folder.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from aiohttp import web

from ivr.agents.notes import Notes, Talked
from ivr.agents.notes_file import NotKept
from ivr.agents.presence import WISHES, Event
from ivr.asterisk.configure import DESK, desk_secret
from ivr.config import Agent, Settings
from ivr.line.reception import Reception
from ivr.line.streaming import refused, vouches

_BACK: Final = frozenset({Event.READY, Event.SIGN_IN})
"""Takes calls again. By phone that is always possible: the page where one writes may be away."""


def wished(reception: Reception, notes: Notes) -> web.RouteDef:
    """The route: `wish` is one of WISHES, `reason` one of the settings' for 示忙."""

    async def answered(request: web.Request) -> web.Response:
        settings = reception.given().settings
        await admit_console(request, settings)
        agent = phone_at(settings, request.match_info["extension"])
        wish, reason = _wish(await request.json(), settings.agents.not_ready_reasons)
        desks = reception.means.switchboard.desks
        if wish in _BACK and await _must_write(desks.owes(agent), agent, notes):
            return refused(409, "先写完上一通的小结 · write the note of the last call first")
        presence = desks.wishes(agent, wish, "console", reason)
        return web.json_response({"state": presence.state, "reason": presence.reason})

    return web.post("/desks/{extension}", answered)


async def _must_write(talked: Talked | None, agent: Agent, notes: Notes) -> bool:
    """Whether there is a note to be written first, and the page asks for it."""
    if talked is None:
        return False
    try:
        owed = await asyncio.to_thread(notes.owed_by, agent.extension, datetime.now(UTC))
    except NotKept:
        return False
    return any(each.talked.talk == talked.talk for each in owed)


async def admit_console(request: web.Request, settings: Settings) -> None:
    """Raise HTTPForbidden unless the console of this line asks."""
    if not await vouches(request, DESK, partial(desk_secret, settings)):
        raise web.HTTPForbidden(text="for the console of this line only")


def phone_at(settings: Settings, extension: str) -> Agent:
    """The agent of a desk; raises HTTPNotFound."""
    agent = settings.agents.phone(extension)
    if agent is None:
        raise web.HTTPNotFound(text="没有这个坐席 · no such agent")
    return agent


def _wish(told: Any, reasons: tuple[str, ...]) -> tuple[Event, str]:
    """Raises HTTPUnprocessableEntity for what an agent cannot wish."""
    wish, reason = str(told.get("wish")), str(told.get("reason") or "")
    if wish not in WISHES:
        raise web.HTTPUnprocessableEntity(text="坐席不能这样 · no wish of an agent's")
    if wish == Event.NOT_READY and reason not in reasons:
        raise web.HTTPUnprocessableEntity(text="没有这个示忙原因 · no such reason")
    return Event(wish), reason if wish == Event.NOT_READY else ""
