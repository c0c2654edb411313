"""Nobody is stranded: when no service comes back, callers get the apology and the agents.

And Asterisk's log, which grows with every call, does not fill the disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ivr.ari.client import Ari
from ivr.ari.errors import AriError, ChannelGone, Unreachable
from ivr.ari.events import Channel
from ivr.ari.exchange import caller_of
from ivr.ari.line import ChannelLine
from ivr.asterisk.configure import AWAY
from ivr.config import Settings
from ivr.lifecycle import asking, logs
from ivr.lifecycle.tending import tended
from ivr.lifecycle.watchdog import watched
from ivr.upkeep.supervisor import LARGEST_LOG_BYTES

log = logging.getLogger(__name__)

STRANDED_SECONDS = 17.0
"""So long a service may need to come back: within twenty seconds callers hear what to do."""
LOOK_SECONDS = 1.0
UNANSWERED_SECONDS = 4.0
"""Who has only just called, and hears it ringing, is not kept waiting so long."""


async def guard(settings: Settings) -> None:
    """Watch the service until cancelled; while it is silent too long, release its callers.

    A service that hangs keeps its link, so that new callers enter Stasis and nobody answers.
    """
    with watched():
        await _look_after_callers(settings)


async def _look_after_callers(settings: Settings) -> None:
    heard = time.monotonic()

    async def look() -> None:
        nonlocal heard
        if await asyncio.to_thread(asking.speaks, settings):
            heard = time.monotonic()
        elif (silence := time.monotonic() - heard) >= UNANSWERED_SECONDS:
            await _release(ari, settings.ari_app, everybody=silence >= STRANDED_SECONDS)
        await keep_short(ari, logs.folder(settings) / "asterisk.log")

    async with Ari(settings.ari_base, settings.ari_user, settings.ari_secret()) as ari:
        await tended("looking after callers", look, LOOK_SECONDS)


async def keep_short(ari: Ari, log_file: Path) -> None:
    """Put a full log aside, in place of the one before; Asterisk opens a new one."""
    older = log_file.with_name(f"{log_file.name}.1")
    if not _put_aside(log_file, older):
        return
    try:
        await ari.asterisk.rotate_log(log_file.name)
    except AriError:  # Asterisk goes on in the one that it has open, unless it starts just now
        _put_back(log_file, older)


def _put_aside(log_file: Path, older: Path) -> bool:
    """Whether it was full, and is out of the way; on a disk that is read-only it stays."""
    try:
        if log_file.stat().st_size <= LARGEST_LOG_BYTES:
            return False
        log_file.replace(older)
    except OSError:
        return False
    return True


def _put_back(log_file: Path, older: Path) -> None:
    with suppress(OSError):
        if not log_file.exists():
            older.replace(log_file)


async def _release(ari: Ari, app: str, *, everybody: bool) -> None:
    try:
        bridged = {name for bridge in await ari.bridges.list() for name in bridge.channels}
        for channel in stranded(await ari.channels.list(), bridged, app):
            if everybody or channel.state != "Up":
                await _let_go(ari, channel.id)
    except Unreachable:
        return
    except AriError:
        log.exception("callers may be stranded: Asterisk refuses to release them")


async def _let_go(ari: Ari, channel: str) -> None:
    if caller_of(channel) is not None:  # an agent who answered a caller that nobody connects
        await ari.channels.hangup(channel)
        return
    await ChannelLine(ari, channel).hush()  # the channel goes on only after its sound
    try:
        await ari.channels.continue_in_dialplan(channel, context=AWAY)
    except ChannelGone:
        return
    log.warning("the service is silent: a caller was sent to the agents")


def stranded(channels: Iterable[Channel], bridged: Iterable[str], app: str) -> list[Channel]:
    """Who waits for a service that is away; who talks to an agent does not miss it."""
    talking = set(bridged)
    return [each for each in channels if each.app == app and each.id not in talking]
