"""Calls at once from one number, whichever node has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Executable,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.nodes import LEASE_SECONDS, NODE
from ivr.state.shared import AWAY, Away, Shared
from ivr.state.trips import CLOCK, Matter, alone, answered_at_last, told_alone

CALL: Final = Table(
    "call_up",
    MetaData(),
    Column("session", String, primary_key=True),
    Column("node", String),
    Column("caller", String),
)


class CallsUp:
    """The calls of this node among those of the line; a part of what it catches up with (Part).

    The database has what is here: where it missed something, or was away and may have been put back
    from a backup, the next beat writes all of it anew.
    """

    def __init__(self, node: str, shared: Shared, nodes: Callable[[], int]) -> None:
        self._node = node
        self._shared = shared
        self._nodes = nodes
        self._here: dict[str, str] = {}
        """The caller's token of each session."""
        self._doubtful = True
        """The database may have others than we have."""
        self._losses = shared.losses
        self._running: set[asyncio.Task[None]] = set()

    async def may_enter(self, session: str, caller: str, most: int) -> bool:
        """Whether one more call of this caller may come in; it is counted then, until `left`.

        While the database is away each node has its share of so many at once.
        """
        claim = partial(_claimed, self._node, session, caller, most)
        answer = await self._shared.ask(claim)
        if isinstance(answer, Away):
            self._doubtful = True
            answer = self._of(caller) < max(1, most // self._nodes())
        if answer:
            self._here[session] = caller
        return answer

    def found(self, session: str, caller: str) -> None:
        """A call of the service before goes on."""
        self._here[session] = caller
        self._doubtful = True

    def left(self, session: str) -> None:
        """It is over; nobody waits until the others know."""
        if self._here.pop(session, None) is not None:
            self._begin(self._tell_left(session))

    async def catch_up(self) -> None:
        """Have in the database what is here."""
        if self._doubtful or self._losses != self._shared.losses:
            self._doubtful, self._losses = False, self._shared.losses
            try:
                await self._shared.attempt(
                    partial(_written, self._node, dict(self._here)), PATIENCE_SECONDS
                )
            except BaseException:
                self._doubtful = True
                raise

    def is_even(self) -> bool:
        """Whether the database has it."""
        return not self._doubtful

    def _of(self, caller: str) -> int:
        return sum(each == caller for each in self._here.values())

    async def _tell_left(self, session: str) -> None:
        if await self._shared.ask(partial(_forgotten, session)) is AWAY:
            self._doubtful = True

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _claimed(node: str, session: str, caller: str, most: int, rows: Connection) -> bool:
    """Asked again after an outcome that nobody knows, it counts once."""
    asked = {"caller": caller, "session": session}
    ((others,),) = told_alone(rows, Matter.CALLS, _others(rows.dialect.name), asked)
    if others >= most:
        return False
    answered_at_last(rows, (_COUNTED[rows.dialect.name], {**asked, "node": node}))
    return True


@cache
def _others(dialect: str) -> Executable:
    """How many calls of that caller are up besides this one, on nodes that live."""
    living = NODE.c.seen_at > CLOCK[dialect] - LEASE_SECONDS
    return (
        select(func.count())
        .select_from(CALL.join(NODE, NODE.c.name == CALL.c.node))
        .where(CALL.c.caller == bindparam("caller"), CALL.c.session != bindparam("session"), living)
    )


def _counting(dialect: Any) -> Executable:
    counted = dialect.insert(CALL)
    ours: Executable = counted.on_conflict_do_update(
        index_elements=[CALL.c.session],
        set_={"node": counted.excluded.node, "caller": counted.excluded.caller},
    )
    return ours


_COUNTED: Final = {"postgresql": _counting(postgresql), "sqlite": _counting(sqlite)}


_FORGET: Final = delete(CALL).where(CALL.c.session == bindparam("of"))


def _forgotten(session: str, rows: Connection) -> None:
    answered_at_last(rows, (_FORGET, {"of": session}))


def _written(node: str, here: dict[str, str], rows: Connection) -> None:
    """All of this node's, anew."""
    alone(rows, Matter.CALLS)
    rows.execute(delete(CALL).where(CALL.c.node == node))
    for session, caller in here.items():
        rows.execute(insert(CALL).values(session=session, node=node, caller=caller))
