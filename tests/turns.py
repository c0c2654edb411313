"""How many runs go on at once: so many always, more while the processors are left idle.

What sleeps through spoken sentences hardly needs a processor, and how much it needs is another
matter on each machine: so it is looked at, not reckoned.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SETTLED_SECONDS = 4.0
"""Whoever has begun is busy by then, so that the next one is not let in too early."""
LEFT = 0.65
"""This share of the processors must be idle, or with who is nice: calls need the rest at once."""

Ticks = tuple[int, int]
"""Of all processors since the machine began: all, and what was left."""


def ticks() -> Ticks:
    """By the kernel (`man 5 proc_stat`, the first line)."""
    _, *words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    user, nice, system, idle, waiting, *interrupts = map(int, words[:8])
    left = nice + idle + waiting
    return user + system + sum(interrupts) + left, left


class Turns:
    """`always` at once, and up to `most` where `LEFT` of the processors was left of late."""

    def __init__(self, always: int, most: int, *, look: Callable[[], Ticks] = ticks) -> None:
        self.most = most
        self._always = always
        self._look = look
        self._running = 0
        self._turn = threading.Condition()
        self._seen = look()
        self._seen_at = time.monotonic()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A turn, waited for."""
        with self._turn:
            while not self._may_begin():
                self._turn.wait(SETTLED_SECONDS)
            self._running += 1
        try:
            yield
        finally:
            with self._turn:
                self._running -= 1
                self._turn.notify()

    def _may_begin(self) -> bool:
        return self._running < self._always or (self._running < self.most and self._is_left())

    def _is_left(self) -> bool:
        """Whether enough was left since the last look; a look is good for one turn."""
        now = time.monotonic()
        if now < self._seen_at + SETTLED_SECONDS:
            return False
        (all_before, left_before), (everything, left) = self._seen, self._look()
        self._seen, self._seen_at = (everything, left), now
        return left - left_before >= LEFT * (everything - all_before)
