"""`GET /said`: a browser's own call in words while it goes on.

The console asks for it on behalf of its page. The token stands in a header, for addresses come into
logs.
"""

from __future__ import annotations

from contextlib import aclosing

from aiohttp import web

from ivr.asterisk.configure import SCREEN
from ivr.line.screens import Screens
from ivr.line.streaming import Events, stream

MARK = "Last-Event-ID"


def said(screens: Screens) -> web.RouteDef:
    """The route."""

    async def events(request: web.Request) -> Events:
        token, mark = request.headers.get(SCREEN, ""), request.headers.get(MARK, "")
        async with aclosing(screens.watch(token, mark)) as shown:
            async for each in shown:
                yield f"id: {each.mark}\ndata: {each.json}\n\n"

    return stream("/said", lambda: screens.crowded, events)
