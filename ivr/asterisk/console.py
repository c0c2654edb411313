"""Commands that only Asterisk's console takes, by its own socket."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from ivr.asterisk.configure import folder
from ivr.config import Settings

_SECONDS = 3.0
_CHANNEL = re.compile(r"[\w/@.+-]+")


class NotTaken(Exception):
    """Asterisk's console does not take the command; says why."""


async def refresh_session(settings: Settings, channel: str) -> None:
    """A re-INVITE to who calls by this channel (its name): Asterisk learns anew where he is heard.

    ARI could set the same function, but then Asterisk distrusts the channel's dialplan, and
    the call's own record (context `carried`) is not written. OSError, TimeoutError: nobody listens.
    """
    await _told(settings, channel, "dialplan set chanvar {} PJSIP_SEND_SESSION_REFRESH() invite")


async def start_recording(settings: Settings, channel: str, heard: Path, said: Path) -> None:
    """Write what comes from the channel (`heard`) and what goes to it (`said`), side by side.

    MixMonitor keeps the two in step, also where one side sends nothing (asterisk 20 and newer).
    Raises NotTaken; OSError, TimeoutError: nobody listens.
    """
    command = f"mixmonitor start {{}} ,r({heard})t({said})"
    if answer := await _told(settings, channel, command):
        raise NotTaken(answer)


async def stop_recording(settings: Settings, channel: str) -> None:
    """Both files are whole on return; who records nothing, or has gone, has nothing to stop."""
    await _told(settings, channel, "mixmonitor stop {}")


async def _told(settings: Settings, channel: str, command: str) -> str:
    """What the console answers; ValueError for what is no channel's name."""
    if not _CHANNEL.fullmatch(channel):
        raise ValueError("not the name of a channel")
    async with asyncio.timeout(_SECONDS):
        socket = folder(settings) / "run" / "asterisk.ctl"
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            await reader.readline()  # who it is
            writer.write(f"cli quit after {command.format(channel)}".encode() + b"\0")
            return (await reader.read()).replace(b"\0", b"").decode(errors="replace").strip()
        finally:
            writer.close()
