"""Signs of life for systemd (sd_notify(3)): it starts a service anew that hangs."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BEAT_SECONDS = 1.0
"""The unit's WatchdogSec must be several of these."""


@contextmanager
def watched() -> Iterator[None]:
    """Say that we are ready, and then that we live, from the event loop; without systemd nothing.

    A datagram that systemd does not take is not missed: the next one follows.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if address is None:
        yield
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:
        notify.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        _tell(notify, b"READY=1")
        beating = asyncio.create_task(_beat(notify))
        try:
            yield
        finally:
            beating.cancel()
            _tell(notify, b"STOPPING=1")


async def _beat(notify: socket.socket) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        _tell(notify, b"WATCHDOG=1")


def _tell(notify: socket.socket, news: bytes) -> None:
    with suppress(OSError):
        notify.send(news)
