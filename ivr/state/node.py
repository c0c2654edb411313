"""What the service knows of the other machines: the one object that it holds of this room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ivr.config import Settings
from ivr.state.membership import Membership, member
from ivr.state.shared import Shared


class Node:
    """This machine, admitted to its line."""

    def __init__(self, shared: Shared, membership: Membership) -> None:
        self.shared = shared
        self.membership = membership

    def begin(self, calls: Callable[[], int]) -> None:
        """Be heard of from now on; `calls`: how many are up here."""
        self.membership.calls = calls
        self.membership.begin()

    def drains(self) -> bool:
        """Whether new calls are for other nodes."""
        return self.membership.known.draining

    def away(self) -> float:
        """1 while the database does not answer."""
        return float(not self.shared.up)

    def told(self) -> list[str]:
        """What somebody must look at."""
        told = list(self.membership.warnings)
        if self.drains():
            told.append("排空，不接新来电 · drained: no new calls")
        if not self.shared.up:
            why = self.shared.complaint
            told.append(f"共享数据库不通，按本机所知 · shared state is away: {why}")
        return told


@asynccontextmanager
async def admitted(settings: Settings) -> AsyncIterator[Node]:
    """The node while the service lasts; raises SettingsError with everything that is wrong."""
    shared = Shared(settings)
    try:
        membership = await member(settings, shared)
        try:
            yield Node(shared, membership)
        finally:
            await membership.stop()
    finally:
        await asyncio.to_thread(shared.close)
