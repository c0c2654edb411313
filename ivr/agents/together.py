"""The agents of several nodes: each phone rings for one call of the line, whoever is next.

What a node knows of the others (who waits, whose phones they have, how agents are) stands in its
own queue and desks, so that one switchboard decides by one set of rules. It is as old as the last
exchange; a claim is an exchange itself, and is refused where something came before that the node
did not know. While the database is away each node rings its own share of the agents.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Executable,
    Float,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from ivr.agents import told
from ivr.agents.desks import Moved, Remembered
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.agents.told import Change, News, Told, Wanted
from ivr.config import Agent
from ivr.lifecycle.tending import tended
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.nodes import LEASE_SECONDS, NODE
from ivr.state.shared import Away, Shared, Work
from ivr.state.trips import CLOCK, Matter, answered, answered_at_last, told_alone

ROW: Final = Table(
    "agent_row",
    MetaData(),
    *(Column(name, String, primary_key=True) for name in ("kind", "name")),
    *(Column(name, String) for name in ("node", "body")),
    Column("at", Float),
)
LOOK_SECONDS: Final = 0.25
"""So old at most is what is known of the others, while somebody waits here."""
IDLE_SECONDS: Final = 1.0
_SETTLE_SECONDS: Final = 0.05
"""What happens together is told together."""
_STEP_SECONDS: Final = 1.0
"""The calendar has been set by more than that: places are told by it anew."""


class SharedFloor:
    """The floor as one node among others sees it; a part of what it catches up with (Part)."""

    def __init__(
        self,
        node: str,
        shared: Shared,
        switchboard: Switchboard,
        names: Callable[[], Sequence[str]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._node = node
        self._shared = shared
        self._switchboard = switchboard
        self._names = names
        self._clock = clock
        self._offset = clock() - switchboard.desks.clock()
        self._began = switchboard.desks.clock()
        self._untold: dict[str, Told] = {}
        """States of agents that the others do not know yet, by extension."""
        self._told: set[told.Key] = set()
        """All that this service has ever told of, in its first moments."""
        self._at: dict[str, float] = {}
        """How old the state is that is known of each."""
        self._seen: dict[str, tuple[Told, Waiting]] = {}
        """Places of other nodes."""
        self._is_alone = False
        self._doubtful = True
        self._is_seeing = False
        self._news = asyncio.Event()
        self._exchanges = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()
        self._task: asyncio.Task[None] | None = None

    def begin(self, before: Iterable[Remembered]) -> None:
        """See Floor; where the others know something newer of an agent, that holds."""
        for each in before:
            self._tell_state(each, each.since.timestamp())
        if self._task is None:
            self._began = self._switchboard.desks.clock()
            self._task = asyncio.create_task(tended("what nodes tell of agents", self._look, 0.0))

    async def stop(self) -> None:
        """What was told stays: whoever comes after us on this node takes it over."""
        tasks = [*self._running] if self._task is None else [self._task, *self._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what is told ---------------------------------------------------------------------------

    def tell(self) -> None:
        """See Floor."""
        if not self._is_seeing:
            self._news.set()

    def moved(self, moved: Moved) -> None:
        """An agent is otherwise than before, by what happened on this node."""
        now = Remembered(moved.agent.extension, moved.now, moved.since, moved.talked)
        self._tell_state(now, self._clock())

    async def take(self, agents: Sequence[Agent], place: Waiting | None) -> tuple[Agent, ...]:
        """See Floor; while the database is away, those of this node's share."""
        wanted = Wanted(
            tuple(agent.extension for agent in agents),
            None if place is None else told.rank(place, self._offset),
            frozenset(self._seen),
        )
        change = await self._exchange(wanted, self._shared.ask)
        ours = self._share() if isinstance(change, Away) else change.granted
        return tuple(agent for agent in agents if agent.extension in ours)

    async def catch_up(self) -> None:
        """See Part; a service that has not begun has nothing to say of its agents."""
        if self._task is not None:
            await self._exchange(None, self._attempt)

    def is_even(self) -> bool:
        """Whether the others know all that there is to tell."""
        return self._task is None or not (self._untold or self._doubtful)

    def _tell_state(self, state: Remembered, at: float) -> None:
        self._untold[state.extension] = told.state(state, self._node, at)
        self._at[state.extension] = at
        self.tell()

    async def _look(self) -> None:
        """At once for what changes here, soon while somebody waits; beats do the rest."""
        waits = bool(self._switchboard.waits())
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS if waits else IDLE_SECONDS):
                await self._news.wait()
        is_due = waits or self._news.is_set()
        self._news.clear()
        if is_due if self._shared.up else not self._is_alone:
            await self._exchange(None, self._shared.ask)
        await asyncio.sleep(_SETTLE_SECONDS)

    async def _attempt(self, work: Work[Change]) -> Change:
        return await self._shared.attempt(work, PATIENCE_SECONDS)

    async def _exchange(self, wanted: Wanted | None, ask: _Ask) -> Change | Away:
        """Whoever waits for it may go: what was told and seen is noted all the same."""
        task = asyncio.create_task(self._exchange_alone(wanted, ask))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _exchange_alone(self, wanted: Wanted | None, ask: _Ask) -> Change | Away:
        async with self._exchanges:
            untold = dict(self._untold)
            self._doubtful = True
            change = await ask(partial(_carried_out, self._all_news(wanted)))
            if isinstance(change, Away):
                self._be_alone()
                return change
            for extension, row in untold.items():
                if self._untold.get(extension) is row:
                    del self._untold[extension]
            self._doubtful = False
            self._see(change)
            return change

    def _all_news(self, wanted: Wanted | None) -> News:
        desks = self._switchboard.desks
        offset = self._clock() - desks.clock()
        if abs(offset - self._offset) > _STEP_SECONDS:
            self._offset = offset
        claims = [told.claim(each, self._node) for each in desks.engaged()]
        places = [
            told.place(each, self._node, self._offset) for each in self._switchboard.queue.here()
        ]
        rows = {row.key: row for row in (*claims, *places, *self._untold.values())}
        is_young = desks.clock() < self._began + LEASE_SECONDS
        if is_young:
            self._told.update(rows)
        return News(self._node, rows, wanted, lambda key: is_young and key not in self._told)

    # --- what is seen -----------------------------------------------------------------------------

    def _see(self, change: Change) -> None:
        """Be as the rows say."""
        self._is_seeing = True
        try:
            self._is_alone, was_alone = False, self._is_alone
            theirs = [row for row in change.rows if row.node != self._node and row.lives]
            news = [
                self._see_claims(theirs),
                self._see_places(theirs),
                self._see_states(change.rows),
                was_alone,
            ]
            for extension in change.left_alone:
                self._switchboard.desks.is_left_alone(extension)
            if any(news):
                self._switchboard.look_again()
        finally:
            self._is_seeing = False

    def _see_claims(self, theirs: Iterable[Told]) -> bool:
        desks = self._switchboard.desks
        before = desks.taken_elsewhere
        desks.taken_elsewhere = frozenset(row.name for row in told.of_kind("claim", theirs))
        return desks.taken_elsewhere != before

    def _see_places(self, theirs: Iterable[Told]) -> bool:
        before = self._seen
        self._seen = {row.name: self._place(row) for row in told.of_kind("place", theirs)}
        self._switchboard.queue.see_elsewhere(place for _, place in self._seen.values())
        return self._seen != before

    def _place(self, row: Told) -> tuple[Told, Waiting]:
        known = self._seen.get(row.name)
        if known is not None and known[0] == row:
            return known
        return row, told.waiting(row, self._switchboard.settings, self._offset)

    def _see_states(self, rows: Iterable[Told]) -> bool:
        news = [
            row
            for row in told.of_kind("state", rows)
            if row.at > self._at.get(row.name, float("-inf"))
        ]
        for row in news:
            self._at[row.name] = row.at
            self._untold.pop(row.name, None)
            self._switchboard.desks.learn(told.remembered(row), ours=row.node == self._node)
        return bool(news)

    # --- alone ------------------------------------------------------------------------------------

    def _be_alone(self) -> None:
        """Nothing is known of the others: this node's callers, and its share of the agents."""
        desks = self._switchboard.desks
        ours = self._share()
        desks.taken_elsewhere = frozenset(
            agent.extension for agent in self._switchboard.settings.phones
        ) - frozenset(ours)
        if self._is_alone:
            return
        self._is_alone = True
        self._seen = {}
        self._switchboard.queue.see_elsewhere(())
        for extension in desks.told_elsewhere():
            self._at.pop(extension, None)
        desks.lose_sight()
        self._switchboard.look_again()

    def _share(self) -> frozenset[str]:
        """Each phone is one node's, by the nodes that lived last: every one knows whose."""
        names = self._names() or (self._node,)
        if self._node not in names:  # drained: its agents are the others'
            return frozenset()
        mine = names.index(self._node)
        phones = sorted(agent.extension for agent in self._switchboard.settings.phones)
        return frozenset(each for n, each in enumerate(phones) if n % len(names) == mine)


_Ask = Callable[[Work[Change]], Awaitable[Change | Away]]


def among_nodes(node: Node, switchboard: Switchboard) -> SharedFloor:
    """The floor of this machine as one of its line, which the switchboard asks from now on."""
    floor = SharedFloor(node.name, node.shared, switchboard, lambda: node.known.names)
    switchboard.floor = floor
    node.shares(floor)
    return floor


# --- in the database ------------------------------------------------------------------------------


def _carried_out(news: News, rows: Connection) -> Change:
    """One exchange; done again, it changes nothing more.

    What changes nothing needs nobody to be out; what does is thought over again when nobody else
    has one.
    """
    dialect, lease = rows.dialect.name, {"lease": LEASE_SECONDS}
    if news.wanted is None:
        (found,) = answered(rows, (_ALL[dialect], lease))
        seen = told.exchanged(news, [Told(*row) for row in found])
        if not (seen.write or seen.remove):
            return seen
    found = told_alone(rows, Matter.AGENTS, _ALL[dialect], lease)
    change = told.exchanged(news, [Told(*row) for row in found])
    removing = [(_REMOVE, {"of": kind, "named": name}) for kind, name in change.remove]
    writing = [(_WRITE[dialect], _values(row)) for row in change.write]
    answered_at_last(rows, *removing, *writing)
    return change


def _values(row: Told) -> dict[str, Any]:
    return {
        "kind": row.kind, "name": row.name, "node": row.node, "body": row.body, "at": row.at
    }  # fmt: skip


def _all(dialect: str) -> Executable:
    lives = NODE.c.seen_at > CLOCK[dialect] - bindparam("lease")
    return select(ROW, func.coalesce(lives, False)).select_from(
        ROW.outerjoin(NODE, NODE.c.name == ROW.c.node)
    )


def _writing(dialect: Any) -> Executable:
    row = dialect.insert(ROW)
    anew: Executable = row.on_conflict_do_update(
        index_elements=[ROW.c.kind, ROW.c.name],
        set_={name: row.excluded[name] for name in ("node", "body", "at")},
    )
    return anew


_ALL: Final = {dialect: _all(dialect) for dialect in ("postgresql", "sqlite")}
_WRITE: Final = {"postgresql": _writing(postgresql), "sqlite": _writing(sqlite)}
_REMOVE: Final = delete(ROW).where(
    and_(ROW.c.kind == bindparam("of"), ROW.c.name == bindparam("named"))
)
