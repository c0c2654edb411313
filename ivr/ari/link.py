"""The websocket that brings events: kept up for ever, and a dead one is noticed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from urllib.parse import urlencode

from ivr import fast
from ivr.ari.client import COMMAND_SECONDS, Ari
from ivr.ari.errors import AriError, Unreachable
from ivr.ari.events import Event, LinkDown, LinkUp, event_of
from ivr.ari.socket import Socket, connect
from ivr.ari.wire import ANSWER, Wire

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
"""A half-open link is noticed within one and a half of these."""
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 1.0
"""Asterisk's return must be noticed within a second."""


async def follow(
    ari: Ari, app: str, wanted: Iterable[str], tell: Callable[[Event], None]
) -> AsyncGenerator[LinkUp | LinkDown, None]:
    """LinkUp and LinkDown for ever; each event of `app` between them goes to `tell` as it comes.

    Ends only by being closed, by what `tell` raises, or with NotAuthorised: a wrong password does
    not mend itself.
    """
    wanted = tuple(wanted)
    failures = 0
    while True:
        async for change in _connection(ari, app, wanted, tell):
            failures = 0
            yield change
        await asyncio.sleep(_pause(failures))
        failures += 1


async def _connection(
    ari: Ari, app: str, wanted: Iterable[str], tell: Callable[[Event], None]
) -> AsyncIterator[LinkUp | LinkDown]:
    """One connection; ends with LinkDown if it ever stood."""
    try:
        socket = await connect(
            f"{ari.base}/events?{urlencode({'app': app})}",
            ari.authorization,
            heartbeat=HEARTBEAT_SECONDS,
            within=COMMAND_SECONDS,
        )
    except Unreachable as failed:
        log.info("Asterisk does not answer at %s (%s)", ari.base, failed)
        return
    with closing(socket):
        try:
            await ari.applications.filter(app, (*wanted, ANSWER))
            await ari.applications.subscribe(
                app, "bridge:"
            )  # who leaves one is told to nobody else
            startup = await ari.asterisk.startup()
        except AriError as failed:
            yield LinkDown(type(failed).__name__)
            return
        yield LinkUp(startup)
        with _wired(ari, socket) as wire:
            socket.read(partial(_take, wire, tell))
            why = await socket.over()
        yield LinkDown(why)


@contextmanager
def _wired(ari: Ari, socket: Socket) -> Iterator[Wire]:
    """Commands go over this connection as soon as it has answered one."""
    wire = Wire(socket, COMMAND_SECONDS)

    def opened() -> None:
        ari.wire = wire

    try:
        wire.open(opened)
        yield wire
    finally:
        ari.wire = None
        wire.close()


def _take(wire: Wire, tell: Callable[[Event], None], text: bytes) -> None:
    """What has happened; an answer to a command goes to whoever waits for it."""
    try:
        told = fast.loads(text)
    except ValueError:
        log.warning("an event that is no JSON was passed over")
        return
    if isinstance(told, dict) and told.get("type") == ANSWER:
        wire.take(told)
    elif (event := event_of(told)) is not None:
        tell(event)


def _pause(failures: int) -> float:
    """Back-off with jitter, in seconds."""
    longest: float = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**failures)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
