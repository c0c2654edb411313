"""Ports that nobody else of these tests has, nor the kernel gives to who connects meanwhile."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

FIRST, LAST = 20_001, 32_767
"""Above what Asterisk takes for sound, below what Linux gives to connections by itself."""
_claims: list[socket.socket] = []
"""Open as long as this process lives: all that run at the same time see them."""


def free_port() -> int:
    """One on which nobody listens, by TCP and UDP; its number is never given a second time."""
    while True:
        port = random.randint(FIRST, LAST)
        with suppress(OSError):
            claim = socket.socket(socket.AF_UNIX)
            claim.bind(f"\0port of tests {port}")
            _claims.append(claim)
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as probe:
                    probe.bind(("", port))
            return port
