"""Between a browser's page and the line: its SIP to Asterisk, and what is being said back to it.

Both go through the console, so that a page has one origin and one certificate, and Asterisk's
HTTP server and the service stay on loopback. Speech goes straight between browser and Asterisk.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
from aiohttp import web

from console.routes import SETTINGS
from ivr.asterisk.configure import RELAYED, SCREEN, relay_secret
from ivr.lifecycle import asking
from ivr.line.watching import MARK

log = logging.getLogger(__name__)

SUBPROTOCOL = "sip"
LARGEST_BYTES = 64 * 1024
"""Of one SIP message; a browser's offer has 3 kB."""
SPARE = 5
"""Pages beyond the calls that may ask, and hear from Asterisk that all are taken."""
FULL, NO_LINE = 4001, 4002
"""Why the relay hangs up, as `phone.js` knows it (RFC 6455, 7.4.2: codes for private use)."""
BEAT_SECONDS = 20.0
CLOSING_SECONDS = 2.0
"""For a page to say that it has heard of the end; one that has vanished never does."""
SILENCE_SECONDS = 60.0
"""The service sends a comment more often; after so long it hangs."""
_METHODS = "INVITE|ACK|BYE|CANCEL|UPDATE|OPTIONS|INFO|PRACK"
"""What a call is made of; nobody registers, subscribes or sends messages from a page."""
_REQUEST = re.compile(rf"((?:{_METHODS}) sips?:\S+ SIP/2\.0\r\n)(.*)\Z", re.DOTALL)
_RESPONSE = re.compile(r"SIP/2\.0 \d{3} ")

_CLIENT = web.AppKey("telephone", aiohttp.ClientSession)
_RELAYS: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("relays")


async def connected(app: web.Application) -> AsyncIterator[None]:
    """What the relay holds as long as the application runs."""
    app[_RELAYS] = set[web.WebSocketResponse]()
    app[_CLIENT] = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE_SECONDS)
    )
    app.on_shutdown.append(_hang_up)
    yield
    await app[_CLIENT].close()


async def _hang_up(app: web.Application) -> None:
    """The calls go on without us: their speech does not come this way."""
    relays = app[_RELAYS]
    for browser in tuple(relays):
        await browser.close(code=aiohttp.WSCloseCode.GOING_AWAY)


# --- SIP --------------------------------------------------------------------------------------


async def relay(request: web.Request) -> web.WebSocketResponse:
    """Carry SIP between a page and Asterisk until one of them closes (RFC 7118).

    Who may call, and from which origin, has been checked before.
    """
    settings, relays = request.app[SETTINGS], request.app[_RELAYS]
    browser = await opened(request)
    calls = settings.console.phone.calls
    if not calls or len(relays) >= calls + SPARE:
        await browser.close(code=FULL)
        return browser
    relays.add(browser)
    try:
        await carried(request, browser, Vouching(relay_secret(settings)))
    finally:
        relays.discard(browser)
    return browser


async def opened(request: web.Request) -> web.WebSocketResponse:
    """The page's end of it."""
    browser = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,),
        max_msg_size=LARGEST_BYTES,
        heartbeat=BEAT_SECONDS,
        timeout=CLOSING_SECONDS,
    )
    await browser.prepare(request)
    return browser


class Way(Protocol):
    """What goes through between a page and Asterisk, and as what."""

    def out(self, message: str) -> str | None:
        """A page's message as Asterisk is to have it; None: it is passed over."""

    def back(self, message: str) -> None:
        """Asterisk says this to the page."""


@dataclass(frozen=True, slots=True)
class Vouching:
    """Of somebody who calls the line: each request brings what only the relay knows."""

    secret: str = field(repr=False)

    def out(self, message: str) -> str | None:
        """Only what a call is made of."""
        if request := _REQUEST.match(message):
            return f"{request[1]}{RELAYED}: {self.secret}\r\n{request[2]}"
        return message if is_response(message) else None

    def back(self, message: str) -> None:
        """Nothing is to be known of it."""


def is_response(message: str) -> bool:
    """Whether it answers a request."""
    return _RESPONSE.match(message) is not None


async def carried(request: web.Request, browser: web.WebSocketResponse, way: Way) -> None:
    """Until one of the two closes; the page is told by a code where Asterisk is not there."""
    url = f"{request.app[SETTINGS].ari_base.removesuffix('/ari')}/ws"
    try:
        async with request.app[_CLIENT].ws_connect(
            url, protocols=(SUBPROTOCOL,), max_msg_size=LARGEST_BYTES
        ) as asterisk:
            await _until_one_closes(_out(browser, asterisk, way), _back(asterisk, browser, way))
    except aiohttp.ClientError as refused:
        log.warning("Asterisk takes no browser's call at %s: %s", url, type(refused).__name__)
        await browser.close(code=NO_LINE)
        return
    await browser.close()


async def _until_one_closes(*ways: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _out(
    browser: web.WebSocketResponse, asterisk: aiohttp.ClientWebSocketResponse, way: Way
) -> None:
    async for message in browser:
        text = message.data if message.type is aiohttp.WSMsgType.TEXT else ""
        if (passed := way.out(text)) is not None:
            await asterisk.send_str(passed)


async def _back(
    asterisk: aiohttp.ClientWebSocketResponse, browser: web.WebSocketResponse, way: Way
) -> None:
    async for message in asterisk:
        if message.type is aiohttp.WSMsgType.TEXT:
            text = message.data
        elif message.type is aiohttp.WSMsgType.BINARY:  # Asterisk may send its text so
            text = message.data.decode(errors="replace")
        else:
            continue
        way.back(text)
        await browser.send_str(text)


# --- what is being said -----------------------------------------------------------------------


async def said(request: web.Request) -> web.StreamResponse:
    """The service's stream for the token that the page made, passed on as it comes."""
    url = asking.page(request.app[SETTINGS], "said")
    asked = {name: request.headers[name] for name in (SCREEN, MARK) if name in request.headers}
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    try:
        async with request.app[_CLIENT].get(url, headers=asked) as service:
            answer.set_status(service.status)
            await answer.prepare(request)
            async for some in service.content.iter_any():
                await answer.write(some)
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as gone:
        if not answer.prepared:
            raise web.HTTPBadGateway(text="热线的服务没有运行") from gone
    return answer
