"""紧急公告: a text, checked and spoken, heard, on the air before the greeting until a set time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, allowed, user_name
from console.trail import note
from ivr.hours import BEIJING
from ivr.speech.announcements import Announcement, Announcements, CannotAnnounce, moment
from ivr.state import THIS_NODE_ONLY, announcing
from prompt_build.announcing import MOST_HANZI, draft, wav

USUALLY: Final = timedelta(hours=2)
_OVER_SHOWN: Final = 3


async def shown(request: web.Request) -> dict[str, Any]:
    """What the part of the page is made of; pages that hold it hand this to their template."""
    now = datetime.now(UTC)
    damaged = ""
    try:
        kept = await asyncio.to_thread(Announcements(request.app[SETTINGS].home).all)
    except CannotAnnounce as cannot:
        kept, damaged = [], str(cannot)
    by_state: dict[str, list[Announcement]] = {"on_air": [], "draft": [], "over": []}
    for each in kept:
        by_state[each.state(now)].append(each)
    return {
        "may_announce": allowed(request, Action.ANNOUNCE),
        "on_air": by_state["on_air"][::-1],
        "drafts": by_state["draft"],
        "over": by_state["over"][:_OVER_SHOWN],
        "damaged": damaged,
        "most_hanzi": MOST_HANZI,
        "usual_until": f"{(now + USUALLY).astimezone(BEIJING):%Y-%m-%dT%H:%M}",
        "beijing": BEIJING,
    }


async def _page(request: web.Request) -> web.Response:
    return await _shown(request)


async def _shown(
    request: web.Request, faults: str = "", *, text: str = "", until: str = "", status: int = 422
) -> web.Response:
    """The part by itself, with what was refused, and what was written as it was written."""
    return page(
        request,
        "announcement.html.j2",
        status=status if faults else 200,
        announcing=await shown(request),
        faults=faults.splitlines(),
        text=text,
        until=until,
    )


async def _make(request: web.Request) -> web.Response:
    """Take the words and have them spoken; only then can they be heard, and go on the air."""
    form = await request.post()
    text, until = str(form.get("text", "")), str(form.get("until", ""))
    try:
        ends = moment(until, datetime.now(UTC))
        settings, who = request.app[SETTINGS], user_name(request)
        await asyncio.to_thread(draft, settings, text, ends, who)
    except CannotAnnounce as cannot:
        return await _shown(request, str(cannot), text=text, until=until)
    raise web.HTTPSeeOther("/duty#announcements")


async def _sound(request: web.Request) -> web.Response:
    """For the ears of whoever is about to put it on the air."""
    kept = Announcements(request.app[SETTINGS].home)
    try:
        found = await asyncio.to_thread(kept.named, request.match_info["name"])
        sound = await asyncio.to_thread(wav, kept.folder, found.files)
        await asyncio.to_thread(kept.listened, found.name)
    except (CannotAnnounce, FileNotFoundError) as lost:
        raise web.HTTPNotFound(text="这条公告没有声音了：重新做一条 · its sound is lost") from lost
    return web.Response(body=sound, content_type="audio/wav")


async def _air(request: web.Request) -> web.Response:
    kept = Announcements(request.app[SETTINGS].home)
    try:
        found = await asyncio.to_thread(kept.named, request.match_info["name"])
        if not found.heard:
            return await _shown(request, "先听一遍再播出：每个来电人都会听到 · listen to it first")
        await note(request, "announced", found.name, _told(found))
        await asyncio.to_thread(kept.air, found.name, user_name(request), datetime.now(UTC))
        return await _told_the_line(request)
    except CannotAnnounce as cannot:
        return await _shown(request, str(cannot))


async def _end(request: web.Request) -> web.Response:
    """Off the air from the next call on; a draft is thrown away."""
    kept = Announcements(request.app[SETTINGS].home)
    try:
        found = await asyncio.to_thread(kept.named, request.match_info["name"])
        if found.aired is not None:
            await note(request, "announcement ended", found.name, _told(found))
        await asyncio.to_thread(kept.end, found.name, user_name(request), datetime.now(UTC))
        return await _told_the_line(request)
    except CannotAnnounce as cannot:
        return await _shown(request, str(cannot))


async def _told_the_line(request: web.Request) -> web.Response:
    """Back to the duty page; where other nodes do not know of it yet, whoever did it must."""
    if await asyncio.to_thread(announcing.told, request.app[SETTINGS]):
        raise web.HTTPSeeOther("/duty#announcements")
    return await _shown(request, THIS_NODE_ONLY, status=200)


def _told(each: Announcement) -> str:
    return f"{each.text}（到 {each.until.astimezone(BEIJING):%Y-%m-%d %H:%M}）"


PAGE = Page(
    "紧急公告",
    "/duty/announcements",
    (
        Route("GET", "/duty/announcements", _page, Action.ANNOUNCE),
        Route("POST", "/duty/announcements", _make, Action.ANNOUNCE),
        Route("GET", "/duty/announcements/{name}/sound", _sound, Action.ANNOUNCE),
        Route("POST", "/duty/announcements/{name}/air", _air, Action.ANNOUNCE),
        Route("POST", "/duty/announcements/{name}/end", _end, Action.ANNOUNCE),
    ),
    in_menu=False,
)
