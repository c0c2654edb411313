"""One service at a time conducts the calls of a home folder; a successor waits for its turn."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr.records.holding import hold

REPLACED = 4
"""Exit code of a service whose calls another one has taken: it must not be started again, or the
two would take them from each other for ever. ivr-service.service and `ivr run` know it."""
LET_GO_SECONDS = 3.0
"""A service that hangs does not let go; its calls must not wait for it any longer."""
_LOOK_SECONDS = 0.02


class Baton:
    """A lock that the kernel takes from a service that dies, however it dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def taken(self) -> bool:
        """Wait until the service before has let go; False when it does not, and hangs."""
        try:
            async with asyncio.timeout(LET_GO_SECONDS):
                while not hold(self._descriptor):  # noqa: ASYNC110  another process sets it
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            return False
        return True


@contextmanager
def baton(path: Path) -> Iterator[Baton]:
    """The baton of a home folder; it is let go at the end, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        yield Baton(descriptor)
    finally:
        os.close(descriptor)
