"""What the service knows of the other machines: the one object that it holds of this room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ivr.config import Settings
from ivr.state.announcing import SharedAnnouncements
from ivr.state.calls_up import CallsUp
from ivr.state.identity import Known
from ivr.state.membership import Membership, Part, member
from ivr.state.nodes import Doing
from ivr.state.setting import SharedSettings
from ivr.state.shared import CALLER_SECONDS, Shared
from ivr.state.switching import SharedSwitch


class Node:
    """This machine, admitted to its line."""

    caller_seconds = CALLER_SECONDS
    """A caller waits no longer for what lies in the shared database."""

    def __init__(self, settings: Settings, shared: Shared, membership: Membership) -> None:
        self.shared = shared
        self.membership = membership
        self.name = settings.node
        self.complaints: list[Callable[[], str]] = []
        """What else somebody must look at; empty while there is nothing."""
        self._at_last: list[Callable[[], None]] = []
        self.shares(SharedSwitch(settings.home, shared))
        self.shares(SharedAnnouncements(settings.home, shared))
        self.table = SharedSettings(settings.home, shared)
        self.shares(self.table)

    @property
    def known(self) -> Known:
        """The line as this node saw it last."""
        return self.membership.known

    def shares(self, part: Part, at_last: Callable[[], None] = lambda: None) -> None:
        """Catch up with `part` at every beat; `at_last` is called when there are no more."""
        self.membership.parts.append(part)
        self._at_last.append(at_last)

    async def end(self) -> None:
        """No beat any more, and everything that was kept is written down."""
        await self.membership.stop()
        for close in self._at_last:
            await asyncio.to_thread(close)

    def begin(self, doing: Callable[[], Doing]) -> None:
        """Be heard of from now on; `doing`: what there is to do here."""
        self.membership.doing = doing
        self.membership.begin()

    def counts_calls(self) -> CallsUp:
        """Of one number, on all nodes."""
        calls = CallsUp(self.name, self.shared, lambda: self.known.nodes)
        self.shares(calls)
        return calls

    def drains(self) -> bool:
        """Whether new calls are for other nodes."""
        return self.membership.draining

    def away(self) -> float:
        """1 while the database does not answer."""
        return float(not self.shared.up)

    def told(self) -> list[str]:
        """What somebody must look at."""
        told = list(self.membership.warnings)
        told += filter(None, (complaint() for complaint in self.complaints))
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
        node = Node(settings, shared, await member(settings, shared))
        try:
            yield node
        finally:
            await node.end()
    finally:
        await asyncio.to_thread(shared.close)
