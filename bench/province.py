"""`python -m bench.province`: cells of many lines by the hundred calls, on one real PostgreSQL.

No Asterisk: each line has its keys and its database, as each centre has; each cell is a node as the
service makes it (limits, calls of one number, the agents' floor, its beat), and its callers do at a
day's busiest rate what callers do. All cells are in one process, which must get its processor:
where it does not, cells go on without the database, and that is told. Told too: how long callers
waited for what is decided together, whether a budget was exceeded or a phone rung twice, the cost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import text

from ivr.agents.desks import Desks
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.agents.together import SharedFloor, among_nodes
from ivr.config import Agent, AgentsSettings, LimitsSettings, Settings
from ivr.config.settings import StateSettings
from ivr.limits import agreed
from ivr.limits.limits import Admitted, Asker, Limits
from ivr.limits.locks import LockFile
from ivr.people.keys import Keys
from ivr.state.calls_up import CallsUp
from ivr.state.identity import identity
from ivr.state.joining import join
from ivr.state.membership import Membership
from ivr.state.node import Node
from ivr.state.shared import Shared
from tests.analytics.postgres import made_database, postgres
from tests.state.conftest import stopped

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


@dataclass
class Tally:
    """What happened, over all cells."""

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds that a caller waited for each kind of decision."""
    happened: Counter[str] = field(default_factory=Counter)
    people: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """About whom each number was told."""
    ringing: dict[str, str] = field(default_factory=dict)
    """For whom each phone rings or talks, by what really happens."""
    faults: list[str] = field(default_factory=list)
    losses: Callable[[], int] = lambda: 0
    """How often a cell went on without the database by now."""

    def rang_twice(self, phone: str, *calls: str) -> None:
        """A phone that another node has: by design only while nodes ring their own shares."""
        if self.losses():
            self.happened["phones that were busy for another node, without the database"] += 1
        else:
            self.faults.append(f"{phone} rings for {' and '.join(calls)}")

    async def timed(self, kind: str, work: Awaitable[T]) -> T:
        """Its answer, and how long it took."""
        began = time.perf_counter()
        try:
            return await work
        finally:
            self.waits[kind].append(time.perf_counter() - began)


@dataclass
class Cell:
    """One node, and what its calls do."""

    name: str
    node: Node
    shared: Shared
    limits: agreed.Agreed
    calls: CallsUp
    switchboard: Switchboard
    floor: SharedFloor
    tally: Tally
    chance: random.Random

    async def takes_calls(self, most: int, until: float) -> None:
        """So many at once, as they come on a busy day."""
        clock = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as up:
            for n in range(most):
                up.create_task(self._call(f"{self.name}-up-{n}", until, (until - clock()) / 2))
            n = 0
            while clock() < until:
                await asyncio.sleep(self.chance.expovariate(most / CALL_SECONDS))
                up.create_task(self._call(f"{self.name}-{n}", until))
                n += 1

    async def _call(self, session: str, until: float, within: float = 0.0) -> None:
        clock, chance, tally = asyncio.get_running_loop().time, self.chance, self.tally
        await asyncio.sleep(chance.uniform(0, within))
        end = min(until, clock() + chance.expovariate(1 / CALL_SECONDS))
        caller = self._number()
        entering = self.calls.may_enter(session, caller, LIMITS.calls_per_caller)
        if not await tally.timed("enter", entering):
            tally.happened["refused: too many of one number"] += 1
            return
        tally.happened["calls"] += 1
        try:
            if chance.random() < ASKS:
                await asyncio.sleep(chance.uniform(0, max(0.0, end - clock()) / 2))
                await self._ask(session, caller)
            if chance.random() < ASKS_AGENT:
                await self._agent(session, end)
            await asyncio.sleep(max(0.0, end - clock()))
        finally:
            self.calls.left(session)

    def _number(self) -> str:
        if self.chance.random() < CURIOUS:
            return f"curious {self.chance.randrange(CURIOUS_NUMBERS)}"
        return f"number {self.chance.randrange(1_000_000)}"

    async def _ask(self, session: str, caller: str) -> None:
        person = f"person {self.chance.randrange(1_000_000)}"
        asking = self.limits.look_up(Asker(session, caller), person, time.time())
        if not isinstance(await self.tally.timed("look up", asking), Admitted):
            self.tally.happened["refused: a budget is spent"] += 1
            return
        self.tally.happened["told"] += 1
        self.tally.people[caller].add(person)
        await self.tally.timed("looked up", self.limits.looked_up(person, time.time()))

    async def _agent(self, session: str, end: float) -> None:
        """Wait until somebody is free, ring, talk."""
        clock, woken = asyncio.get_running_loop().time, asyncio.Event()
        place = Waiting(session, clock(), wake=woken.set)
        self.tally.happened["wanted an agent"] += 1
        with self.switchboard.waiting(place):
            while clock() < end:
                woken.clear()
                claimed = await self.tally.timed("claim", self.switchboard.claim(place))
                if claimed:
                    await self._served(claimed[0], place, end)
                    return
                try:
                    async with asyncio.timeout(max(0.0, end - clock())):
                        await woken.wait()
                except TimeoutError:
                    break
        self.tally.happened["left before an agent was free"] += 1

    async def _served(self, agent: Agent, place: Waiting, end: float) -> None:
        ringing = self.tally.ringing
        if (other := ringing.get(agent.extension)) is not None:
            self.tally.rang_twice(agent.extension, place.who, other)
        ringing[agent.extension] = place.who
        try:
            clock = asyncio.get_running_loop().time
            await asyncio.sleep(min(RING_SECONDS, end - clock()))
            self.tally.happened["spoke with an agent"] += 1
            with self.switchboard.serving(agent, place), self.switchboard.desks.talks(agent):
                talk = self.chance.expovariate(1 / TALK_SECONDS)
                await asyncio.sleep(max(0.0, min(talk, end - clock())))
        finally:
            ringing.pop(agent.extension, None)
            self.switchboard.desks.hung_up(agent)


# --- put together ------------------------------------------------------------------------------


@asynccontextmanager
async def a_cell(
    settings: Settings, tally: Tally, seed: int, patience: float
) -> AsyncIterator[Cell]:
    """As `ivr.service` makes it of these rooms."""
    shared = Shared(settings, caller_seconds=patience)
    locks = LockFile(settings.home / "locks.jsonl")
    try:
        await asyncio.to_thread(join, settings, shared)
        node = Node(settings, shared, Membership(settings, shared, identity(settings)))
        rules = Limits(settings.limits, locks.read(time.time()), locks.keep)
        gate = agreed.among_nodes(node, settings, rules.counts)  # type: ignore[arg-type]
        calls = node.counts_calls()
        desks = Desks(settings.agents, asyncio.get_running_loop().time)
        switchboard = Switchboard(desks)
        floor = among_nodes(node, switchboard)
        desks.told = floor.moved
        await switchboard.look(_all_of(settings.agents), 0.0)
        await node.membership.admitted()
        floor.begin(())
        node.begin(lambda: 0)
        chance = random.Random(seed)
        try:
            yield Cell(settings.node, node, shared, gate, calls, switchboard, floor, tally, chance)
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


def machines(folder: Path, url: str, cells: int, agents: int) -> list[Settings]:
    """Their homes, with the line's keys and sentences."""
    Keys.load(folder / "keys")
    phones = tuple(Agent(name=f"坐席 {n}", extension=str(60000 + n)) for n in range(agents))
    made = []
    for n in range(1, cells + 1):
        home = folder / f"node-{n}"
        (home / "audio").mkdir(parents=True)
        (home / "audio" / "manifest.json").write_text(json.dumps({"catalog": "c1"}))
        shutil.copytree(folder / "keys", home / "keys")
        state = StateSettings(url=url, address=f"127.0.0.{n}")  # type: ignore[arg-type]
        rules = AgentsSettings(phones=phones, strategy="longest_idle", after_call_seconds=0)
        made.append(
            Settings(
                home=home,
                audio=home / "audio",
                node=f"node-{n}",
                state=state,
                limits=LIMITS,
                agents=rules,
            )
        )
    return made


async def simulated(
    folder: Path, server: Path, wanted: argparse.Namespace
) -> tuple[list[Tally], dict[str, float]]:
    """All cells for so many seconds, a tally for each line; and what it cost."""
    tallies, loop = [Tally() for _ in range(wanted.lines)], asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        cells = []
        for n, tally in enumerate(tallies):
            url = f"postgresql+psycopg://ivr@/line{n}?host={server}"
            for settings in machines(folder / f"line-{n}", url, wanted.cells, wanted.agents):
                seed = wanted.seed + len(cells)
                made = a_cell(settings, tally, seed, wanted.patience)
                cells.append(await stack.enter_async_context(made))
        for tally in tallies:
            tally.losses = partial(_losses, [cell for cell in cells if cell.tally is tally])
        async with asyncio.timeout(120):
            while not all(cell.shared.up for cell in cells):  # noqa: ASYNC110  by their beats
                await asyncio.sleep(0.1)
        before, began = _costs(cells[0], server), time.perf_counter()
        until = loop.time() + wanted.seconds
        async with asyncio.TaskGroup() as all_cells:
            for cell in cells:
                all_cells.create_task(cell.takes_calls(wanted.calls, until))
            if wanted.stop:
                all_cells.create_task(_stopped(server, wanted))
        seconds = time.perf_counter() - began
        after = _costs(cells[0], server)
        for tally in tallies:
            losses = tally.losses()
            tally.happened["times that a cell went on without the database"] = losses
            tally.faults += _exceeded(tally, wanted.cells if losses else 1)
    costs = {name: (after[name] - before[name]) / seconds for name in before}
    return tallies, costs


def _losses(cells: list[Cell]) -> int:
    return sum(cell.shared.losses for cell in cells)


async def _stopped(server: Path, wanted: argparse.Namespace) -> None:
    """In the middle: every process of the server is held for a while."""
    await asyncio.sleep(wanted.seconds / 3)
    with stopped(server):
        await asyncio.sleep(wanted.stop)


def _exceeded(tally: Tally, shares: int) -> list[str]:
    """Budgets of one number that were exceeded: exact, but while a cell has its own share."""
    most = LIMITS.ids_per_caller * shares
    return [
        f"{caller} was told of {len(people)} people, {most} at most"
        for caller, people in tally.people.items()
        if len(people) > most
    ]


def _costs(cell: Cell, server: Path) -> dict[str, float]:
    query = text(
        "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname LIKE 'line%'"
    )
    with cell.shared.engine.connect() as rows:
        transactions = float(rows.execute(query).scalar_one())
    return {
        "transactions a second": transactions,
        "processors of the cells": time.process_time(),
        "processors of the database": _processor_seconds(server),
    }


def _processor_seconds(server: Path) -> float:
    """Of the server and all its processes, also of those that have ended."""
    postmaster = (server / "data" / "postmaster.pid").read_text().split()[0]
    spent = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if stat.parent.name == postmaster:
            spent += sum(map(int, fields[11:15]))
        elif fields[1] == postmaster:
            spent += sum(map(int, fields[11:13]))
    return spent / os.sysconf("SC_CLK_TCK")


def figures(tallies: list[Tally], costs: dict[str, float], wanted: argparse.Namespace) -> list[str]:
    """In words, for whoever sizes a province."""
    up = wanted.lines * wanted.cells * wanted.calls
    told = [
        f"{wanted.lines} lines x {wanted.cells} cells x {wanted.calls} calls = {up} at once,"
        f" {wanted.seconds:g} s"
    ]
    for kind in sorted({kind for tally in tallies for kind in tally.waits}):
        ms = sorted(1000 * wait for tally in tallies for wait in tally.waits[kind])
        p50, p99 = (ms[min(len(ms) - 1, math.ceil(len(ms) * part) - 1)] for part in (0.5, 0.99))
        told.append(
            f"{kind:9} {len(ms):6}  p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  most {ms[-1]:6.1f} ms"
        )
    happened = sum((tally.happened for tally in tallies), Counter[str]())
    told += [f"{what}: {count}" for what, count in sorted(happened.items())]
    told += [f"{what}: {cost:.2f}" for what, cost in costs.items()]
    return [*told, *(f"FAULT {fault}" for tally in tallies for fault in tally.faults)]


def run(wanted: argparse.Namespace) -> tuple[list[Tally], list[str]]:
    """On a server of its own; what happened on each line, and the figures."""
    connections = 20 + 6 * wanted.lines * wanted.cells
    with (
        postgres("-c", f"max_connections={connections}") as server,
        tempfile.TemporaryDirectory(prefix="ivr-province-") as folder,
    ):
        for n in range(wanted.lines):
            made_database(server, f"line{n}")
        tallies, costs = asyncio.run(simulated(Path(folder), server, wanted))
        return tallies, figures(tallies, costs, wanted)


def options() -> argparse.ArgumentParser:
    """Of the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.province", description=__doc__)
    parser.add_argument("--lines", type=int, default=20)
    parser.add_argument("--cells", type=int, default=1, help="of each line")
    parser.add_argument("--calls", type=int, default=100, help="at once, of each cell")
    parser.add_argument("--agents", type=int, default=6, help="of each line")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--patience", type=float, default=0.3, help="of a caller, in seconds")
    parser.add_argument("--stop", type=float, default=0.0, help="hold the server for so long")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main() -> int:
    """Print the figures; 1 where a budget was exceeded or a phone rung twice."""
    wanted = options().parse_args()
    tallies, told = run(wanted)
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", *told, sep="\n")
    return 1 if any(tally.faults for tally in tallies) else 0


if __name__ == "__main__":
    raise SystemExit(main())
