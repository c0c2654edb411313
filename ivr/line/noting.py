"""`POST /desks/6001/notes`: what an agent writes after a call; then after-call work is done.

Only the console is answered, which knows who has signed in at that desk. What is still to be
written, and what was, it reads in the line's home folder itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from aiohttp import web

from ivr.agents.desks import Desks, Remembered
from ivr.agents.notes import Notes, Owed
from ivr.agents.notes_file import NotKept
from ivr.agents.presence import State
from ivr.cases.moves import Refused
from ivr.line.desking import admit_console, phone_at
from ivr.line.reception import Reception
from ivr.line.streaming import refused

log = logging.getLogger(__name__)


def noted(reception: Reception, notes: Notes) -> web.RouteDef:
    """The route: `talk` is the conversation, `subject` one of the settings', `text` the note."""

    async def answered(request: web.Request) -> web.Response:
        settings = reception.given().settings
        await admit_console(request, settings)
        agent = phone_at(settings, request.match_info["extension"])
        told = await request.json()
        given = told if isinstance(told, Mapping) else {}
        talk, subject, text = (str(given.get(name) or "") for name in ("talk", "subject", "text"))
        if subject not in settings.agents.subjects:
            return refused(422, "请选一个主题 · choose a subject")
        if settings.agents.notes_required and not text.strip():
            return refused(422, "小结要写几个字 · write a few words")
        now = datetime.now(UTC)
        try:
            await asyncio.to_thread(notes.write, agent.extension, talk, subject, text.strip(), now)
        except Refused as why:
            return refused(409, str(why))
        except NotKept as why:
            return refused(507, str(why))
        desks = reception.means.switchboard.desks
        desks.noted(talk)
        return web.json_response({"state": desks.of(agent).state})

    return web.post("/desks/{extension}/notes", answered)


async def go_on_noting(notes: Notes, desks: Desks, held: tuple[Remembered, ...]) -> None:
    """What the service before had not come to: a call to write about, a note that it was told."""
    ended = [
        Owed(each.talked, desks.agent(each.extension).name, each.extension, each.since)
        for each in held
        if each.talked is not None and each.presence.state is not State.TALKING
    ]
    try:
        for talk in await asyncio.to_thread(_noted_before, notes, ended):
            desks.noted(talk)
    except NotKept as refused:
        log.warning("notes of calls are left where they are: %s", refused)


def _noted_before(notes: Notes, ended: Sequence[Owed]) -> frozenset[str]:
    for owed in ended:
        notes.owe(owed)
    notes.tell()
    return notes.written([owed.talked.talk for owed in ended])
