"""Memory that stays as it is while calls come and go (docs/decisions/reliability.md)."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

_M_MMAP_THRESHOLD = -3
"""mallopt(3)."""
_LARGE_BYTES = 128 * 1024
"""glibc's own beginning, which it raises by itself as large blocks are freed, up to 32 MB."""


def keep_steady() -> None:
    """Call once all is there that lives as long as the service.

    The event loop reads into fresh buffers of 256 KiB: beside small blocks they leave holes that
    nobody fills, so they get pages of their own. And the collector, which rests while the service
    starts, is left with what calls make.
    """
    with suppress(AttributeError):  # another C library keeps house in its own way
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    gc.freeze()
    gc.enable()
