"""通话录音: conversations with agents, heard with a reason, compared with what was filed, held."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from analytics.answering.asking import CannotAnswer, answer
from console.evidence import shape_of, sound_of
from console.facts import asked
from console.pages.calls import day_of
from console.pages.cases import HEARD, heard_mark
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.trail import note
from ivr.config import Settings, standing
from ivr.dialling.names import attempt_of
from ivr.hours import BEIJING
from ivr.recordings import talks
from ivr.recordings.finding import find
from ivr.recordings.shape import Evidence
from ivr.recordings.shipped import Shipped
from ivr.recordings.talks import HeldTalk

MOST_SHOWN: Final = 500
OUTCOMES: Final[Mapping[str, str]] = {
    "kept": "已存",
    "cut": "磁盘满了，可能不完整",
    "no_room": "磁盘太满，没有录",
    "lost": "没有录下来",
}
WHYS: Final[Mapping[str, str]] = {
    "pause": "坐席暂停了录音",
    "hold": "来电人在听音乐",
    "fault": "没有录成",
}
_ELSEWHERE: Final = (
    "这段录音是别的节点录的，或已经不在：到录它的那个节点的控制台保全"
    " · recorded on another node: hold it in that node's console"
)
_LISTED: Final = """
SELECT reference, local_time(happened) AS at, session, agents, outcome, path, ms, sha256,
       pauses, gaps FROM talk_recording
WHERE local_time(happened)::DATE BETWEEN $first AND $last AND contains(agents, $agent)
ORDER BY happened DESC LIMIT $most
"""
_ONE: Final = """
SELECT reference, local_time(happened) AS at, session, agents, outcome, path, ms, sha256,
       pauses, gaps FROM talk_recording WHERE reference = $reference ORDER BY happened LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation's recording, as the facts know it, or what holds it."""

    reference: str
    at: str
    """When it was filed, Beijing time."""
    session: str
    agents: str
    outcome: str
    path: str
    ms: int
    sha256: str
    gaps: str
    held: HeldTalk | None = None

    @property
    def is_of_ours(self) -> bool:
        """Of a call that the line has made: there is no caller's call to it."""
        return attempt_of(self.session) is not None

    @property
    def told(self) -> str:
        """What became of it."""
        return OUTCOMES.get(self.outcome, self.outcome)

    @property
    def left_out(self) -> list[dict[str, Any]]:
        """Where in the file something lacks, why, and how many seconds."""
        return [
            {**each, "why": WHYS.get(each["why"], each["why"]), "seconds": each["ms"] / 1000}
            for each in json.loads(self.gaps)
        ]


def _of_row(row: Mapping[str, Any], held: Mapping[str, HeldTalk]) -> Talk:
    return Talk(
        reference=row["reference"] or "",
        at=row["at"].strftime("%Y-%m-%d %H:%M:%S"),
        session=row["session"],
        agents=row["agents"],
        outcome=row["outcome"],
        path=row["path"] or "",
        ms=row["ms"] or 0,
        sha256=row["sha256"] or "",
        gaps=row["gaps"] or "[]",
        held=held.get(row["reference"] or ""),
    )


def _of_held(held: HeldTalk) -> Talk:
    return Talk(
        held.reference, held.at, held.session, held.agents, "kept", held.path, held.ms,
        held.sha256, held.gaps, held,
    )  # fmt: skip


async def _search(request: web.Request) -> web.Response:
    query = {name: value.strip() for name, value in request.query.items()}
    today = datetime.now(BEIJING).date()
    fault, found = "", []
    held = await _held(request)
    now = await asyncio.to_thread(standing, request.app[SETTINGS])
    try:
        wanted = {
            "first": day_of(query.get("from", ""), today),
            "last": day_of(query.get("to", ""), today),
            "agent": query.get("agent", ""),
            "most": MOST_SHOWN,
        }
        told = await asked(request.app[SETTINGS], lambda facts: answer(facts, _LISTED, wanted))
        found = [_of_row(row, held) for row in told.records()]
    except CannotAnswer as cannot:
        fault = str(cannot)
    return page(
        request,
        "talks.html.j2",
        status=422 if fault else 200,
        query={"from": str(today), "to": str(today), **query},
        found=found,
        held=[_of_held(each) for each in held.values()],
        most=MOST_SHOWN,
        agents=[phone.name for phone in now.agents.phones],
        records=now.recordings.talks,
        fault=fault,
    )


async def _held(request: web.Request) -> dict[str, HeldTalk]:
    folder = request.app[SETTINGS].recordings_folder
    held = await asyncio.to_thread(talks.held_talks, folder)
    return {each.reference: each for each in held}


async def _talk(request: web.Request) -> Talk:
    """The one that is asked for; raises HTTPNotFound."""
    reference, held = request.match_info["reference"], await _held(request)
    if (kept := held.get(reference)) is not None:
        return _of_held(kept)
    told = await asked(
        request.app[SETTINGS], lambda facts: answer(facts, _ONE, {"reference": reference})
    )
    row = next(iter(told.records()), None)
    if row is None:
        raise web.HTTPNotFound(text="没有这段录音，或已到期删除 · no such recording")
    return _of_row(row, {})


async def _one(request: web.Request) -> web.Response:
    return await _shown(request, await _talk(request))


async def _shown(request: web.Request, talk: Talk, *, fault: str = "") -> web.Response:
    heard = heard_mark(request, talk.reference) in request.app[HEARD]
    state = Evidence.GONE
    if talk.path and heard:
        _, state = await asyncio.to_thread(find, request.app[SETTINGS], talk.path, talk.sha256)
    return page(
        request,
        "talk.html.j2",
        status=422 if fault else 200,
        talk=talk,
        heard=heard,
        evidence=state,
        whole=Evidence.WHOLE,
        fault=fault,
    )


async def _why(request: web.Request) -> web.Response:
    """Why somebody wants to hear it: once for each and session, in the trail before a byte."""
    talk, reason = await _talk(request), await _reason(request)
    if not reason:
        return await _shown(request, talk, fault="写明为什么要听 · say why")
    await note(request, "talk heard", talk.reference, reason)
    request.app[HEARD].add(heard_mark(request, talk.reference))
    raise web.HTTPSeeOther(f"/talks/{quote(talk.reference)}")


async def _reason(request: web.Request) -> str:
    return str((await request.post()).get("reason", "")).strip()


async def _sound(request: web.Request) -> web.StreamResponse:
    """The recording, whole or a range of it, while it is what was filed."""
    talk = await _heard_talk(request)
    return await sound_of(request.app[SETTINGS], talk.path, talk.sha256)


async def _shape(request: web.Request) -> web.Response:
    """What its waveform is drawn of."""
    talk = await _heard_talk(request)
    return await shape_of(request.app[SETTINGS], talk.path, talk.sha256)


async def _heard_talk(request: web.Request) -> Talk:
    talk = await _talk(request)
    if not talk.path:
        raise web.HTTPNotFound(text="这次通话没有录音 · nothing was recorded")
    if heard_mark(request, talk.reference) not in request.app[HEARD]:
        raise web.HTTPForbidden(text="先写明为什么要听 · say why first")
    return talk


async def _hold(request: web.Request) -> web.Response:
    """保全: it is not deleted when its time has come, until somebody releases it."""
    talk, reason = await _talk(request), await _reason(request)
    folder = request.app[SETTINGS].recordings_folder
    if not reason:
        return await _shown(request, talk, fault="写明为什么保全、为什么解除 · say why")
    if talk.held is not None:
        await note(request, "talk released", talk.reference, reason)
        await asyncio.to_thread(talks.release, folder, talk.path)
    elif await asyncio.to_thread(_is_ours, request.app[SETTINGS], talk.path):
        await note(request, "talk held", talk.reference, reason)
        held = HeldTalk(
            talk.reference, talk.path, talk.session, talk.agents, talk.at, talk.ms, talk.sha256,
            talk.gaps, user_name(request), reason,
        )  # fmt: skip
        await asyncio.to_thread(talks.hold, folder, held)
    else:
        fault = _ELSEWHERE if request.app[SETTINGS].depot.is_named else Evidence.GONE
        return await _shown(request, talk, fault=fault)
    raise web.HTTPSeeOther(f"/talks/{quote(talk.reference)}")


def _is_ours(settings: Settings, path: str) -> bool:
    """Whether this machine decides how long it is kept: it is here, or was sent from here."""
    here = (settings.recordings_folder / path).is_file()
    return here or (settings.depot.is_named and Shipped(settings.home).has(path))


PAGE = Page(
    "通话录音",
    "/talks",
    (
        Route("GET", "/talks", _search, Action.HEAR_TALKS),
        Route("GET", "/talks/{reference}", _one, Action.HEAR_TALKS),
        Route("POST", "/talks/{reference}/why", _why, Action.HEAR_TALKS),
        Route("GET", "/talks/{reference}/sound", _sound, Action.HEAR_TALKS),
        Route("GET", "/talks/{reference}/shape", _shape, Action.HEAR_TALKS, background=True),
        Route("POST", "/talks/{reference}/hold", _hold, Action.HEAR_TALKS),
    ),
)
