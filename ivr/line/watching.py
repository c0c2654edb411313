"""`GET /said`: a browser's own call in words while it goes on, as server-sent events.

The console asks for it on behalf of its page, from this machine: nobody else is answered. The token
stands in a header, for addresses come into logs.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import aclosing

from aiohttp import web

from ivr.asterisk.configure import SCREEN
from ivr.line.screens import Screens, Shown

MARK = "Last-Event-ID"
BEAT_SECONDS = 15.0
"""A comment now and then finds out who has gone."""


def said(screens: Screens) -> web.RouteDef:
    """The route; it is served beside `/healthz`."""

    async def stream(request: web.Request) -> web.StreamResponse:
        if not is_of_this_machine(request):
            raise web.HTTPForbidden(text="for the console of this machine only")
        if screens.crowded:
            raise web.HTTPServiceUnavailable(text="too many watch already")
        token, mark = request.headers.get(SCREEN, ""), request.headers.get(MARK, "")
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        try:
            async with aclosing(screens.watch(token, mark)) as shown:
                await answer.prepare(request)
                await _send(answer, shown)
        except ConnectionError:  # the page is closed
            pass
        return answer

    return web.get("/said", stream)


def is_of_this_machine(request: web.Request) -> bool:
    """Whether who asks sits here, such as the console.

    Where the service listens on another address, the console comes from that very one.
    """
    here = request.transport.get_extra_info("sockname") if request.transport else None
    if request.remote is None or here is None:
        return False
    return request.remote == here[0] or ipaddress.ip_address(request.remote).is_loopback


async def _send(answer: web.StreamResponse, shown: AsyncIterator[Shown]) -> None:
    coming = asyncio.ensure_future(anext(shown, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=BEAT_SECONDS)
            if not done:
                await answer.write(b": beat\n\n")
            elif (each := coming.result()) is None:
                return
            else:
                await answer.write(f"id: {each.mark}\ndata: {each.json}\n\n".encode())
                coming = asyncio.ensure_future(anext(shown, None))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
