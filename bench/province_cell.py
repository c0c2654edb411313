"""One cell of the province of `bench.province`, in a process of its own as on a real machine.

It is a node as the service makes it (limits, calls of one number, the agents' floor, its beat), and
its callers do at a day's busiest rate what callers do. What it tells at the end is compared with
what the others tell: all clocks are the machine's, which counts from its start.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from ivr.agents.desks import Desks
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.agents.together import among_nodes
from ivr.config import Agent, AgentsSettings, LimitsSettings, Settings
from ivr.limits import agreed
from ivr.limits.limits import Admitted, Asker, Limits
from ivr.limits.locks import LockFile
from ivr.state.calls_up import CallsUp
from ivr.state.identity import identity
from ivr.state.joining import join
from ivr.state.membership import Membership
from ivr.state.node import Node
from ivr.state.nodes import Doing
from ivr.state.shared import Shared

T = TypeVar("T")

CALL_SECONDS = 120.0
"""Of a call, on the average."""
ASKS, ASKS_AGENT = 0.7, 0.1
"""Of all calls: those that ask for an account, and for an agent."""
TALK_SECONDS, RING_SECONDS = 45.0, 3.0
CURIOUS = 0.02
"""Of those who ask: from one of a few numbers that ask about people without end."""
CURIOUS_NUMBERS = 5
LIMITS = LimitsSettings(lookups_per_minute=5000, calls_per_caller=5)
"""For two thousand calls the whole line's budget must be larger than for one machine."""
_PULSE_SECONDS = 0.05


@dataclass(frozen=True)
class Wanted:
    """What a cell is to do."""

    calls: int
    """At once."""
    rate: float
    """As a multiple of a busy hour's: calls and talks are shorter by it."""
    patience: float
    """Of a caller, in seconds."""
    seed: int


@dataclass(frozen=True)
class Span:
    """From when to when something was so, by the machine's clock in seconds."""

    what: str
    who: str
    begin: float
    end: float


@dataclass(frozen=True)
class Stay:
    """Somebody's time in the queue."""

    who: str
    since: float
    over: float
    served: bool
    """Whether it ended with a phone that rang; else the caller had gone."""


@dataclass
class Told:
    """What happened on one cell."""

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds that a caller waited for each kind of decision."""
    happened: Counter[str] = field(default_factory=Counter)
    people: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """About whom each number was told."""
    phones: list[Span] = field(default_factory=list)
    """For whom each phone rang and talked."""
    ups: list[Span] = field(default_factory=list)
    """Calls of each number."""
    stays: list[Stay] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """By how many seconds a pulse of this process came too late: it had no processor."""
    losses: int = 0
    """How often it went on without the database."""
    processor: float = 0.0
    """Seconds of it."""
    without: float = 0.0
    """Seconds that its threads stood ready and no processor was free."""

    async def timed(self, kind: str, work: Awaitable[T]) -> T:
        """Its answer, and how long it took."""
        began = time.monotonic()
        try:
            return await work
        finally:
            self.waits[kind].append(time.monotonic() - began)


@dataclass
class Cell:
    """One node, and what its calls do."""

    name: str
    shared: Shared
    limits: agreed.Agreed
    calls: CallsUp
    switchboard: Switchboard
    wanted: Wanted
    chance: random.Random
    told: Told = field(default_factory=Told)

    def has_up(self) -> list[tuple[str, str]]:
        """Calls that are up when the measuring begins: session and number, each another one."""
        made = [(f"{self.name}-up-{n}", f"{self.name} up {n}") for n in range(self.wanted.calls)]
        for session, caller in made:
            self.calls.found(session, caller)
        return made

    async def takes_calls(self, up: list[tuple[str, str]], until: float) -> None:
        """As many come as end, so that so many are up; all end then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()), asyncio.TaskGroup() as all_calls:
                for session, caller in up:
                    all_calls.create_task(self._goes_on(session, caller, share=0.5))
                await self._come(all_calls)

    async def _come(self, all_calls: asyncio.TaskGroup) -> None:
        between = CALL_SECONDS / (self.wanted.rate * max(1, self.wanted.calls))
        for n in count():
            await asyncio.sleep(self.chance.expovariate(1 / between))
            if self.wanted.calls:
                all_calls.create_task(self._comes(f"{self.name}-{n}"))

    async def pulse(self, until: float) -> None:
        """How late this process is, whatever it does."""
        while time.monotonic() < until:
            due = time.monotonic() + _PULSE_SECONDS
            await asyncio.sleep(_PULSE_SECONDS)
            self.told.late.append(time.monotonic() - due)

    def _number(self) -> str:
        if self.chance.random() < CURIOUS:
            return f"curious {self.chance.randrange(CURIOUS_NUMBERS)}"
        return f"number {self.chance.randrange(1_000_000)}"

    async def _comes(self, session: str) -> None:
        caller = self._number()
        entering = self.calls.may_enter(session, caller, LIMITS.calls_per_caller)
        if not await self.told.timed("enter", entering):
            self.told.happened["refused: too many of one number"] += 1
            return
        self.told.happened["calls"] += 1
        await self._goes_on(session, caller)

    async def _goes_on(self, session: str, caller: str, share: float = 1.0) -> None:
        """`share`: of what a whole call asks, for one that was up before."""
        chance, began = self.chance, time.monotonic()
        end = began + chance.expovariate(self.wanted.rate / CALL_SECONDS)
        try:
            if chance.random() < ASKS * share:
                await asyncio.sleep(chance.uniform(0, end - began) / 2)
                await self._ask(session, caller)
            if chance.random() < ASKS_AGENT * share:
                await asyncio.sleep(chance.uniform(0, max(0.0, end - time.monotonic())) / 2)
                await self._agent(session, end)
            await asyncio.sleep(max(0.0, end - time.monotonic()))
        finally:
            self.told.ups.append(Span(caller, session, began, time.monotonic()))
            self.calls.left(session)

    async def _ask(self, session: str, caller: str) -> None:
        person = f"person {self.chance.randrange(1_000_000)}"
        asking = self.limits.look_up(Asker(session, caller), person, time.time())
        if not isinstance(await self.told.timed("look up", asking), Admitted):
            self.told.happened["refused: a budget is spent"] += 1
            return
        self.told.happened["told"] += 1
        self.told.people[caller].add(person)
        await self.told.timed("looked up", self.limits.looked_up(person, time.time()))

    async def _agent(self, session: str, end: float) -> None:
        """Wait until somebody is free, ring, talk."""
        woken, since, agent = asyncio.Event(), time.monotonic(), None
        place = Waiting(session, since, wake=woken.set)
        self.told.happened["wanted an agent"] += 1
        with self.switchboard.waiting(place):
            try:
                agent = await self._waited(place, woken, end)
            finally:
                self.told.stays.append(Stay(session, since, time.monotonic(), agent is not None))
            if agent is not None:
                await self._served(agent, place)

    async def _waited(self, place: Waiting, woken: asyncio.Event, end: float) -> Agent | None:
        while time.monotonic() < end:
            woken.clear()
            if claimed := await self.told.timed("claim", self.switchboard.claim(place)):
                return claimed[0]
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, end - time.monotonic())):
                    await woken.wait()
        return None

    async def _served(self, agent: Agent, place: Waiting) -> None:
        began = time.monotonic()
        try:
            await asyncio.sleep(RING_SECONDS)
            self.told.happened["spoke with an agent"] += 1
            with self.switchboard.serving(agent, place), self.switchboard.desks.talks(agent):
                await asyncio.sleep(self.chance.expovariate(self.wanted.rate / TALK_SECONDS))
        finally:
            self.told.phones.append(Span(agent.extension, place.who, began, time.monotonic()))
            self.switchboard.desks.hung_up(agent)


def serve(settings: Settings, wanted: Wanted, pipe: Connection) -> None:
    """The process: says that it is ready, is told from when until when, and tells at the end."""
    pipe.send(asyncio.run(_served(settings, wanted, pipe)))


async def _served(settings: Settings, wanted: Wanted, pipe: Connection) -> Told:
    async with _a_cell(settings, wanted) as cell:
        up = cell.has_up()
        async with asyncio.timeout(300):
            while not (cell.shared.up and cell.calls.is_even()):  # noqa: ASYNC110  by its beats
                await asyncio.sleep(0.1)
        pipe.send("ready")
        begin, until = await asyncio.to_thread(pipe.recv)
        await asyncio.sleep(max(0.0, begin - time.monotonic()))
        used, stood, losses = time.process_time(), without_processor("self"), cell.shared.losses
        async with asyncio.TaskGroup() as work:
            work.create_task(cell.takes_calls(up, until))
            work.create_task(cell.pulse(until))
        cell.told.processor = time.process_time() - used
        cell.told.without = without_processor("self") - stood
        cell.told.losses = cell.shared.losses - losses
        return cell.told


def without_processor(process: int | str) -> float:
    """Seconds that its threads have stood ready and no processor was free, as Linux counts them."""
    stood = 0
    with suppress(OSError):  # it, or one of them, has ended since
        for each in Path(f"/proc/{process}/task").glob("*/schedstat"):
            stood += int(each.read_text().split()[1])
    return stood / 1e9


@asynccontextmanager
async def _a_cell(settings: Settings, wanted: Wanted) -> AsyncIterator[Cell]:
    """As `ivr.service` makes it of these rooms."""
    shared = Shared(settings, caller_seconds=wanted.patience)
    locks = LockFile(settings.home / "locks.jsonl")
    try:
        await asyncio.to_thread(join, settings, shared)
        node = Node(settings, shared, Membership(settings, shared, identity(settings)))
        rules = Limits(settings.limits, locks.read(time.time()), locks.keep)
        gate = agreed.among_nodes(node, settings, rules.counts)  # type: ignore[arg-type]
        calls = node.counts_calls()
        desks = Desks(settings.agents, time.monotonic)
        switchboard = Switchboard(desks)
        floor = among_nodes(node, switchboard)
        desks.told = floor.moved
        await switchboard.look(_all_of(settings.agents), 0.0)
        await node.membership.admitted()
        floor.begin(())
        node.begin(lambda: Doing(wanted.calls))
        chance = random.Random(wanted.seed)
        try:
            yield Cell(settings.node, shared, gate, calls, switchboard, wanted, chance)
        finally:
            await floor.stop()
            await node.end()
    finally:
        await asyncio.to_thread(shared.close)
        locks.close()


def _all_of(agents: AgentsSettings) -> Callable[[], Awaitable[frozenset[str]]]:
    async def online() -> frozenset[str]:
        return frozenset(agent.extension for agent in agents.phones)

    return online
