"""昨夜: what happened while nobody looked, for whoever comes in the morning."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from ivr.alarms.night import coming, happened, last_night, still_wrong
from ivr.hours import BEIJING


async def _night(request: web.Request) -> web.Response:
    since, until = last_night(datetime.now(UTC))
    found = await asyncio.to_thread(happened, request.app[SETTINGS], since, until)
    return page(
        request,
        "night.html.j2",
        since=since.astimezone(BEIJING),
        until=until.astimezone(BEIJING),
        events=found,
        wrong=await asyncio.to_thread(still_wrong, request.app[SETTINGS], datetime.now(UTC)),
        coming=await asyncio.to_thread(coming, request.app[SETTINGS], datetime.now(UTC)),
        beijing=BEIJING,
    )


PAGE = Page("昨夜", "/night", (Route("GET", "/night", _night, Action.SEE_LINE),))
