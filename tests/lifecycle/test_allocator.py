"""The service's memory: what the collector and the allocator are told."""

from __future__ import annotations

import subprocess
import sys

WORK = """
import ctypes, gc
from ivr.lifecycle.allocator import keep_steady

class Mallinfo(ctypes.Structure):
    _fields_ = [(f"f{n}", ctypes.c_size_t) for n in range(10)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def mapped():  # blocks that have pages of their own
    block = libc.malloc(256 * 1024)
    blocks = libc.mallinfo2().f3
    libc.free(block)
    return blocks

keep_steady()
first, again = mapped(), mapped()
print(gc.get_freeze_count() > 0, first > 0, first == again)
"""


def test_large_blocks_keep_their_own_pages_and_the_collector_is_left_with_what_is_new() -> None:
    """Without it glibc takes the second such block from the heap, and so on for ever."""
    ran = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True", "True"]
    without = subprocess.run(
        [sys.executable, "-c", WORK.replace("keep_steady()\n", "gc.freeze()\n")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert without.stdout.split()[2] == "False"
