"""The websocket that brings events: kept up for ever, and a dead one is noticed."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

import aiohttp

from ivr.ari.client import Ari
from ivr.ari.errors import AriError, NotAuthorised, Unreachable
from ivr.ari.events import Event, LinkDown, LinkUp, event_of

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
"""A half-open link is noticed within one and a half of these (aiohttp waits half for the pong)."""
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 1.0
"""Asterisk's return must be noticed within a second."""


async def events(ari: Ari, app: str, wanted: Iterable[str]) -> AsyncGenerator[Event, None]:
    """All events of `app` for ever, with LinkUp and LinkDown between them.

    Ends only by being closed, or with NotAuthorised: a wrong password does not mend itself.
    """
    wanted = tuple(wanted)
    failures = 0
    while True:
        async for event in _connection(ari, app, wanted):
            failures = 0
            yield event
        await asyncio.sleep(_pause(failures))
        failures += 1


async def _connection(ari: Ari, app: str, wanted: Iterable[str]) -> AsyncIterator[Event]:
    """The events of one connection; ends with LinkDown if it ever stood."""
    try:
        socket = await _connect(ari, app)
    except NotAuthorised:
        raise
    except (aiohttp.ClientError, TimeoutError, AriError) as failed:
        log.info("Asterisk does not answer at %s (%s)", ari.base, type(failed).__name__)
        return
    async with socket:
        try:
            await ari.applications.filter(app, wanted)
            await ari.applications.subscribe(
                app, "bridge:"
            )  # who leaves one is told to nobody else
            yield LinkUp(await ari.asterisk.startup())
        except AriError as failed:
            yield LinkDown(type(failed).__name__)
            return
        async for message in socket:
            event = _event(message)
            if event is not None:
                yield event
        yield LinkDown(_why(socket))


async def _connect(ari: Ari, app: str) -> aiohttp.ClientWebSocketResponse:
    try:
        return await ari.session.ws_connect(
            f"{ari.base}/events", params={"app": app}, heartbeat=HEARTBEAT_SECONDS, max_msg_size=0
        )
    except aiohttp.WSServerHandshakeError as refused:
        if refused.status == 401:
            raise NotAuthorised(f"{ari.base} refuses user or password") from refused
        raise Unreachable(f"the events' handshake was answered {refused.status}") from refused


def _event(message: aiohttp.WSMessage) -> Event | None:
    if message.type is not aiohttp.WSMsgType.TEXT:
        return None
    try:
        return event_of(json.loads(message.data))
    except ValueError:
        log.warning("an event that is no JSON was passed over")
        return None


def _why(socket: aiohttp.ClientWebSocketResponse) -> str:
    failure = socket.exception()
    return type(failure).__name__ if failure else f"closed with {socket.close_code}"


def _pause(failures: int) -> float:
    """Back-off with jitter, in seconds."""
    longest: float = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**failures)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
