"""The websocket that brings events: kept up for ever, and a dead one is noticed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import aiohttp

from ivr import fast
from ivr.ari.client import COMMAND_SECONDS, Ari
from ivr.ari.errors import AriError, NotAuthorised, Unreachable
from ivr.ari.events import Event, LinkDown, LinkUp, event_of
from ivr.ari.wire import ANSWER, Wire

Socket = aiohttp.ClientWebSocketResponse[Literal[False]]

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
            await ari.applications.filter(app, (*wanted, ANSWER))
            await ari.applications.subscribe(
                app, "bridge:"
            )  # who leaves one is told to nobody else
            yield LinkUp(await ari.asterisk.startup())
        except AriError as failed:
            yield LinkDown(type(failed).__name__)
            return
        async with _wired(ari, socket) as wire:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                event = _event(message.data, wire)
                if event is not None:
                    yield event
        yield LinkDown(_why(socket))


@asynccontextmanager
async def _wired(ari: Ari, socket: Socket) -> AsyncIterator[Wire]:
    """Commands go over this connection as soon as it has answered one."""
    wire = Wire(socket, COMMAND_SECONDS)

    def opened() -> None:
        ari.wire = wire

    try:
        with suppress(Unreachable):
            await wire.open(opened)
        yield wire
    finally:
        ari.wire = None
        wire.close()


async def _connect(ari: Ari, app: str) -> Socket:
    try:
        return await ari.session.ws_connect(
            f"{ari.base}/events",
            params={"app": app},
            heartbeat=HEARTBEAT_SECONDS,
            max_msg_size=0,
            decode_text=False,
        )
    except aiohttp.WSServerHandshakeError as refused:
        if refused.status == 401:
            raise NotAuthorised(f"{ari.base} refuses user or password") from refused
        raise Unreachable(f"the events' handshake was answered {refused.status}") from refused


def _event(text: bytes | str, wire: Wire) -> Event | None:
    """What has happened; an answer to a command goes to whoever waits for it."""
    try:
        told = fast.loads(text)
    except ValueError:
        log.warning("an event that is no JSON was passed over")
        return None
    if isinstance(told, dict) and told.get("type") == ANSWER:
        wire.take(told)
        return None
    return event_of(told)


def _why(socket: Socket) -> str:
    failure = socket.exception()
    return type(failure).__name__ if failure else f"closed with {socket.close_code}"


def _pause(failures: int) -> float:
    """Back-off with jitter, in seconds."""
    longest: float = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**failures)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
