"""Commands that only Asterisk's console takes, by its own socket."""

from __future__ import annotations

import asyncio
import re

from ivr.asterisk.configure import folder
from ivr.config import Settings

_SECONDS = 3.0
_CHANNEL = re.compile(r"[\w/@.+-]+")


async def refresh_session(settings: Settings, channel: str) -> None:
    """A re-INVITE to who calls by this channel (its name): Asterisk learns anew where he is heard.

    ARI could set the same function, but then Asterisk distrusts the channel's dialplan, and
    the call's own record (context `carried`) is not written. OSError, TimeoutError: nobody listens.
    """
    if not _CHANNEL.fullmatch(channel):
        raise ValueError("not the name of a channel")
    command = f"dialplan set chanvar {channel} PJSIP_SEND_SESSION_REFRESH() invite"
    async with asyncio.timeout(_SECONDS):
        socket = folder(settings) / "run" / "asterisk.ctl"
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            await reader.readline()  # who it is
            writer.write(b"cli quit after " + command.encode() + b"\0")
            await reader.read()
        finally:
            writer.close()
