"""The agents of several nodes: each phone rings for one call of the line, whoever is next.

What a node knows of the others (who waits, whose phones they have, how agents are) stands in its
own queue and desks, so that one switchboard decides by one set of rules. It is as old as the last
exchange; a claim is an exchange itself, and is refused where something came before that the node
did not know. Whoever wants a phone hears music meanwhile, so a claim that is not answered is none:
a slow database is waited for, and only one that has been away for a lease makes each node ring its
own share of the agents.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from ivr.agents import told
from ivr.agents.desks import Moved, Remembered
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.agents.told import Change, News, Told, Wanted
from ivr.agents.told_rows import carried_out
from ivr.config import Agent
from ivr.lifecycle.tending import tended
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.nodes import LEASE_SECONDS
from ivr.state.shared import CannotReach, Shared

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
        self._states: dict[str, Told] = {}
        """As the database had them last: one that was put back from before is told them again."""
        self._seen: dict[str, tuple[Told, Waiting]] = {}
        """Places of other nodes."""
        self._holders: dict[str, str] = {}
        """Whose phone which node had, when the database was last reached."""
        self._reaches = False
        """Whether the last exchange was answered."""
        self._reached = self._began
        """When one was."""
        self._is_alone = False
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
            self._began = self._reached = self._switchboard.desks.clock()
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
        """See Floor; none without an answer, until this node has to go by its share."""
        wanted = Wanted(
            tuple(agent.extension for agent in agents),
            None if place is None else told.rank(place, self._offset),
            frozenset(self._seen),
        )
        answer = await self._exchange(wanted) if self._reaches else None
        ours = answer.granted if isinstance(answer, Change) else self._share_alone()
        return tuple(agent for agent in agents if agent.extension in ours)

    async def catch_up(self) -> None:
        """See Part; a service that has not begun has nothing to say of its agents."""
        if self._task is not None and isinstance(answer := await self._exchange(None), CannotReach):
            raise answer

    def is_even(self) -> bool:
        """No claim goes by whether callers ask again."""
        return True

    def _tell_state(self, state: Remembered, at: float) -> None:
        self._untold[state.extension] = told.state(state, self._node, at)
        self._at[state.extension] = at
        self.tell()

    async def _look(self) -> None:
        """At once for what changes here, soon while somebody waits; beats do the rest.

        A database that does not answer is tried again, so that who waits is not left for a beat.
        """
        if not self._reaches:
            if isinstance(await self._exchange(None), CannotReach):
                await asyncio.sleep(IDLE_SECONDS)
            return
        waits = bool(self._switchboard.waits())
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS if waits else IDLE_SECONDS):
                await self._news.wait()
        is_due = waits or self._news.is_set()
        self._news.clear()
        if is_due:
            await self._exchange(None)
        await asyncio.sleep(_SETTLE_SECONDS)

    async def _exchange(self, wanted: Wanted | None) -> Change | CannotReach:
        """Whoever waits for it may go: what was told and seen is noted all the same."""
        task = asyncio.create_task(self._exchange_alone(wanted))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _exchange_alone(self, wanted: Wanted | None) -> Change | CannotReach:
        async with self._exchanges:
            untold = dict(self._untold)
            work = partial(carried_out, self._all_news(wanted))
            try:
                change = await self._shared.attempt(work, PATIENCE_SECONDS)
            except CannotReach as gone:
                self._lose()
                return gone
            for extension, row in untold.items():
                if self._untold.get(extension) is row:
                    del self._untold[extension]
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
            self._is_alone, was_cut_off, self._reaches = False, not self._reaches, True
            self._reached = self._switchboard.desks.clock()
            living = [row for row in told.of_kind("claim", change.rows) if row.lives]
            self._holders = {row.name: row.node for row in living}
            theirs = [row for row in change.rows if row.node != self._node and row.lives]
            news = [
                self._see_claims(theirs),
                self._see_places(theirs),
                self._see_states(change.rows),
                was_cut_off,
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
        there = {row.name: row for row in told.of_kind("state", rows)}
        lost = {
            name: known
            for name, known in self._states.items()
            if name not in there or there[name].at < known.at
        }
        self._untold = lost | self._untold
        self._states = there | lost
        news = [row for row in there.values() if row.at > self._at.get(row.name, float("-inf"))]
        for row in news:
            self._at[row.name] = row.at
            self._untold.pop(row.name, None)
            self._switchboard.desks.learn(told.remembered(row), ours=row.node == self._node)
        return bool(news)

    # --- alone ------------------------------------------------------------------------------------

    def _lose(self) -> None:
        """No answer. The others count on this node for a lease: so long it rings nothing new."""
        self._reaches = False
        if self._switchboard.desks.clock() >= self._reached + LEASE_SECONDS:
            self._be_alone()

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

    def _share_alone(self) -> frozenset[str]:
        return self._share() if self._is_alone else frozenset()

    def _share(self) -> frozenset[str]:
        """Each phone is one node's: whose it was last, else in turns over the nodes that lived.

        All of them saw the same, so every one knows whose.
        """
        names = self._names() or (self._node,)
        phones = sorted(agent.extension for agent in self._switchboard.settings.phones)
        turns = {each: names[n % len(names)] for n, each in enumerate(phones)}
        whose = turns | self._holders
        return frozenset(each for each in phones if whose[each] == self._node)


def among_nodes(node: Node, switchboard: Switchboard) -> SharedFloor:
    """The floor of this machine as one of its line, which the switchboard asks from now on."""
    floor = SharedFloor(node.name, node.shared, switchboard, lambda: node.known.names)
    switchboard.floor = floor
    node.shares(floor)
    return floor
