"""Signs of life (sd_notify(3)) for systemd or our own supervisor: who hangs is started anew."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

BEAT_SECONDS = 1.0
"""The unit's WatchdogSec must be several of these."""
ADDRESS = "NOTIFY_SOCKET"


@contextmanager
def watched() -> Iterator[None]:
    """Say that we are ready, and then that we live, from the event loop."""
    with _told() as tell:
        beating = asyncio.create_task(_beat(tell))
        try:
            yield
        finally:
            beating.cancel()


@contextmanager
def watched_work(patience: float) -> Iterator[Callable[[], None]]:
    """The same for work without an event loop, which calls what is yielded as it gets on.

    When it has not for `patience` seconds, it hangs, and no sign of life is given any more.
    """
    moved = [time.monotonic()]
    over = threading.Event()

    def beat(tell: Tell) -> None:
        while not over.wait(BEAT_SECONDS):
            if time.monotonic() - moved[0] < patience:
                tell(b"WATCHDOG=1")

    def move() -> None:
        moved[0] = time.monotonic()

    with _told() as tell:
        beating = threading.Thread(target=beat, args=(tell,), daemon=True)
        beating.start()
        try:
            yield move
        finally:
            over.set()
            beating.join()


Tell = Callable[[bytes], None]


@contextmanager
def _told() -> Iterator[Tell]:
    """Readiness at first and the end at last; without anybody who listens, nothing.

    A datagram that is not taken is not missed: the next one follows.
    """
    address = os.environ.get(ADDRESS)
    if address is None:
        yield lambda _: None
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:

        def tell(news: bytes) -> None:
            with suppress(OSError):
                notify.send(news)

        notify.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        tell(b"READY=1")
        try:
            yield tell
        finally:
            tell(b"STOPPING=1")


async def _beat(tell: Tell) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        tell(b"WATCHDOG=1")


class Pulse:
    """What a program says of itself, heard by whoever started it; needs no room on any disk."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind("")  # an abstract address that the kernel chooses (unix(7), autobind)

    @property
    def address(self) -> str:
        """For the program's NOTIFY_SOCKET."""
        name: bytes = self._socket.getsockname()
        return "@" + name.decode().removeprefix("\0")

    def heard(self) -> bool:
        """Whether it has said anything since the last time."""
        heard = False
        with suppress(BlockingIOError):
            while self._socket.recv(64):
                heard = True
        return heard

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
