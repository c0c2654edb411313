"""Work that lasts as long as its program: a failure of any kind is told, and ends nothing.

A program whose main work fails ends, and its supervisor starts it again; calls stay in Asterisk.
What goes on beside the main work has nobody who would notice: it goes through here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NoReturn

log = logging.getLogger(__name__)


async def tended(what: str, work: Callable[[], Awaitable[object]], seconds: float) -> NoReturn:
    """Do it again and again until cancelled, with so many seconds between; `what` is for the log.

    What is always wrong is told each time, so that it does not look as if it had passed.
    """
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s failed, and is tried again in %g s", what, seconds)
        await asyncio.sleep(seconds)


class Tending:
    """`tended` work that somebody begins and stops; both are harmless when that has been done."""

    def __init__(self, what: str, work: Callable[[], Awaitable[object]], seconds: float) -> None:
        self._tended = partial(tended, what, work, seconds)
        self._task: asyncio.Task[NoReturn] | None = None

    def begin(self) -> None:
        """From now on, until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self._tended())

    async def stop(self) -> None:
        """No more of it: what it had in hand has been cancelled on return."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
