"""Two nodes of one line in one process, each with its own memory, home and way to the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from ivr.config import LimitsSettings, Settings
from ivr.limits.agreed import Agreed, among_nodes
from ivr.limits.limits import Limits
from ivr.limits.locks import LockFile
from ivr.state.calls_up import CallsUp
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
    calls: CallsUp

    async def beat(self) -> None:
        await self.node.membership.beat()

    async def finds_it_again(self) -> None:
        """By beats, as many as it takes a full machine."""
        async with asyncio.timeout(60):
            while not self.node.shared.up:
                await self.beat()


@contextmanager
def away(*nodes: OneOf) -> Iterator[None]:
    """These do not reach the database, and know it."""
    for each in nodes:
        each.node.shared.lost("cut off by the test")
    yield


SLOW_MACHINE = 30.0
"""So long a caller of the test waits, where the database is there."""


@asynccontextmanager
async def served(
    settings: Settings, limits: LimitsSettings | None = None, caller_seconds: float = SLOW_MACHINE
) -> AsyncIterator[OneOf]:
    settings = settings.model_copy(update={"limits": limits or LimitsSettings()})
    shared = Shared(settings, caller_seconds=caller_seconds, rest_seconds=0.0)
    locks = LockFile(settings.home / "locks.jsonl")
    try:
        await asyncio.to_thread(join, settings, shared)
        membership = Membership(settings, shared, identity(settings))
        node = Node(settings, shared, membership)
        rules = Limits(settings.limits, locks.read(0.0), locks.keep)
        gate = among_nodes(node, settings, rules.counts)  # type: ignore[arg-type]
        calls = node.counts_calls()
        await membership.admitted()
        try:
            yield OneOf(settings, node, gate, calls)
        finally:
            await node.end()
    finally:
        await asyncio.to_thread(shared.close)
        locks.close()


def told(
    story: Callable[[OneOf, OneOf], Awaitable[None]],
    settings: tuple[Settings, Settings],
    limits: LimitsSettings | None = None,
    caller_seconds: float = SLOW_MACHINE,
) -> None:
    """A story of two nodes that have both found the database."""

    async def course() -> None:
        first, second = (served(each, limits, caller_seconds) for each in settings)
        async with first as one, second as other:
            for _ in range(2):
                for each in (one, other):
                    await each.finds_it_again()
                    await each.beat()
            await story(one, other)

    asyncio.run(course())
