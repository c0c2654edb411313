"""What takes long to find out: found once for everybody who asks within a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Shared(Generic[T]):
    """One answer at a time, however many ask; `now` is not older than `fresh_seconds`."""

    find: Callable[[], Awaitable[T]]
    fresh_seconds: float
    _found: list[T] = field(default_factory=list)
    _at: float = float("-inf")
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def now(self) -> T:
        """What was found last, or is found now; what `find` raises is raised, and not kept."""
        async with self._one:
            if time.monotonic() - self._at > self.fresh_seconds:
                self._found = [await self.find()]
                self._at = time.monotonic()
            return self._found[0]
