"""A network of the test's own: every address of 127.0.0.0/8 and every port is free in it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import forks

_NEWNET = 0x40000000
"""CLONE_NEWNET, for unshare(2) and setns(2)."""
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
"""SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP: netdevice(7)."""
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def own_network() -> Iterator[None]:
    """This thread, and what it starts, in a network namespace with loopback and nothing else.

    Skipped, with the kernel's words, where none can be made.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _LIBC.unshare(_NEWNET):
            why = os.strerror(ctypes.get_errno())
            pytest.skip(f"no network namespace can be made here: {why} (it takes CAP_SYS_ADMIN)")
        try:
            _loopback_up()
            with forks.apart():
                yield
        finally:
            if _LIBC.setns(before, _NEWNET):
                raise OSError(ctypes.get_errno(), "back to the machine's own network")
    finally:
        os.close(before)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        asked = fcntl.ioctl(door, _GET_FLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack("16sH14x", asked)[1]
        fcntl.ioctl(door, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _UP))
