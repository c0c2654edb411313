"""Server-sent events of the service, for the console of this machine and nobody else."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from aiohttp import web

BEAT_SECONDS = 15.0
"""A comment now and then finds out who has gone."""

Events = AsyncGenerator[str]
"""Each whole, as it goes out."""


def stream(
    path: str, crowded: Callable[[], bool], events: Callable[[web.Request], Events]
) -> web.RouteDef:
    """A route beside `/healthz`; `crowded`: whether so many watch that nobody else may."""

    async def answered(request: web.Request) -> web.StreamResponse:
        if not is_of_this_machine(request):
            raise web.HTTPForbidden(text="for the console of this machine only")
        if crowded():
            raise web.HTTPServiceUnavailable(text="too many watch already")
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        try:
            async with aclosing(events(request)) as coming:
                await answer.prepare(request)
                await _send(answer, coming)
        except ConnectionError:  # the page is closed, or the console gone
            pass
        return answer

    return web.get(path, answered)


def is_of_this_machine(request: web.Request) -> bool:
    """Whether who asks sits here, such as the console.

    Where the service listens on another address, the console comes from that very one.
    """
    here = request.transport.get_extra_info("sockname") if request.transport else None
    if request.remote is None or here is None:
        return False
    return request.remote == here[0] or ipaddress.ip_address(request.remote).is_loopback


async def vouches(request: web.Request, header: str, secret: Callable[[], str]) -> bool:
    """Whether who asks shows a secret of the line's home folder; reading it blocks."""
    shown = request.headers.get(header, "")
    known = await asyncio.to_thread(secret)
    return hmac.compare_digest(shown.encode(), known.encode())


async def admit(request: web.Request, header: str, secret: Callable[[], str]) -> None:
    """Raise HTTPForbidden unless a program of this machine shows that secret."""
    if not is_of_this_machine(request) or not await vouches(request, header, secret):
        raise web.HTTPForbidden(text="for the programs of this line only")


def refused(status: int, why: str, **more: str) -> web.Response:
    """Why it is not done, for whoever wanted it."""
    return web.json_response({"detail": why, **more}, status=status)


async def _send(answer: web.StreamResponse, events: Events) -> None:
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=BEAT_SECONDS)
            if not done:
                await answer.write(b": beat\n\n")
            elif (each := coming.result()) is None:
                return
            else:
                await answer.write(each.encode())
                coming = asyncio.ensure_future(anext(events, None))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
