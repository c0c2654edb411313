"""Two nodes of one line in one process, each with its own memory, home and way to the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ivr.config import LimitsSettings, Settings
from ivr.limits.agreed import Agreed, among_nodes
from ivr.limits.limits import Limits
from ivr.limits.locks import LockFile
from ivr.state.identity import identity
from ivr.state.joining import join
from ivr.state.membership import Membership
from ivr.state.node import Node
from ivr.state.shared import Shared


@dataclass
class OneOf:
    """A node whose beats the test makes."""

    settings: Settings
    node: Node
    limits: Agreed

    async def beat(self) -> None:
        await self.node.membership.beat()

    async def finds_it_again(self) -> None:
        """By beats, as many as it takes a full machine."""
        async with asyncio.timeout(60):
            while not self.node.shared.up:
                await self.beat()


@asynccontextmanager
async def served(settings: Settings, limits: LimitsSettings | None = None) -> AsyncIterator[OneOf]:
    settings = settings.model_copy(update={"limits": limits or LimitsSettings()})
    shared, locks = Shared(settings, rest_seconds=0.0), LockFile(settings.home / "locks.jsonl")
    try:
        await asyncio.to_thread(join, settings, shared)
        membership = Membership(settings, shared, identity(settings))
        node = Node(shared, membership)
        rules = Limits(settings.limits, locks.read(0.0), locks.keep)
        gate = among_nodes(node, settings, rules.counts)  # type: ignore[arg-type]
        await membership.admitted()
        try:
            yield OneOf(settings, node, gate)
        finally:
            await node.end()
    finally:
        await asyncio.to_thread(shared.close)
        locks.close()


def told(
    story: Callable[[OneOf, OneOf], Awaitable[None]],
    settings: tuple[Settings, Settings],
    limits: LimitsSettings | None = None,
) -> None:
    """A story of two nodes that have both found the database."""

    async def course() -> None:
        async with served(settings[0], limits) as one, served(settings[1], limits) as other:
            for _ in range(2):
                for each in (one, other):
                    await each.finds_it_again()
                    await each.beat()
            await story(one, other)

    asyncio.run(course())
