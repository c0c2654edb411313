"""Wishes to be called back, of all nodes: each number once, whichever node it was told.

A wish is the node's that was told it: it has the number, and calls. The others know that there is
one, by its token: they keep no second one, give the caller who rings again the place of it, and say
when they have served the caller. What they say while the database is away is kept until it is back,
and two wishes of one number that were left meanwhile become the earlier one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from ivr.agents.wishes import Move, Wish, Wishes, as_line, from_line, told_of
from ivr.config import Settings
from ivr.people.sensitive import Sensitive
from ivr.records.facts import CallbackOver, Standing
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.nodes import FOLDER, LEASE_SECONDS, NODE
from ivr.state.outbox import Outbox
from ivr.state.shared import Shared
from ivr.state.trips import CLOCK, Answer, Matter, Statement, answered, answered_at_last, told_alone

ROW: Final = Table(
    "callback_row",
    MetaData(),
    *(Column(name, String, primary_key=True) for name in ("person", "node")),
    Column("body", String),
    Column("over", Integer),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A wish that some node has to fulfil."""

    wish: Wish
    node: str
    is_over: bool
    lives: bool

    @property
    def rank(self) -> tuple[datetime, str]:
        """Of two wishes of one number the one with the smaller rank is fulfilled."""
        return self.wish.since, self.node


@dataclass(frozen=True, slots=True)
class Here:
    """What a node has to tell."""

    node: str
    wishes: Mapping[str, Wish]
    """The last one of each number, whatever has become of it."""
    served: Mapping[str, datetime]
    """Who has talked with an agent here, and when, whosever the wish is."""

    @property
    def living(self) -> Mapping[str, Wish]:
        """Those to be fulfilled."""
        return {person: wish for person, wish in self.wishes.items() if wish.lives}


class WishesTogether:
    """The wishes that this node knows (WishBook); a part of what it catches up with (Part)."""

    def __init__(
        self,
        node: str,
        shared: Shared,
        own: Wishes,
        outbox: Outbox,
        note: Callable[[CallbackOver], None],
    ) -> None:
        self._node = node
        self._shared = shared
        self._own = own
        self._outbox = outbox
        self._note = note
        self._others: Mapping[str, Wish] = {}

    async def leave(
        self,
        number: Sensitive[str],
        *,
        session: str,
        since: datetime,
        standing: Standing,
        now: datetime,
    ) -> bool:
        """See WishBook."""
        if self._own.person(number) in self._others:
            return False
        return await self._own.leave(
            number, session=session, since=since, standing=standing, now=now
        )

    def living(self, person: str) -> Wish | None:
        """See WishBook."""
        return self._own.living(person) or self._others.get(person)

    def move(self, wish: Wish, to: Move, *, now: datetime) -> Wish | None:
        """See WishBook; what another node has to do is told it, and None."""
        if wish.person in self._others and not to.lives:
            self._outbox.keep([wish.person, now.isoformat()])
        return self._own.move(wish, to, now=now)

    async def catch_up(self) -> None:
        """Tell what is here, and learn what others have and have done."""
        items = self._outbox.first()
        wishes = {wish.person: wish for wish in await asyncio.to_thread(self._own.all)}
        served = {person: datetime.fromisoformat(at) for person, at in items}
        here = Here(self._node, wishes, served)
        rows = await self._shared.attempt(partial(_put_together, here), PATIENCE_SECONDS)
        self._outbox.delivered(len(items))
        self._others = {
            row.wish.person: row.wish for row in rows if row.node != self._node and row.lives
        }
        for person in needless(here, rows):
            await asyncio.to_thread(self._withdraw, person)

    def is_even(self) -> bool:
        """Whether everybody knows whom this node has served."""
        return not len(self._outbox)

    def _withdraw(self, person: str) -> None:
        """Unless it is being called just now: what comes of that is seen at the next look."""
        wish = self._own.living(person)
        if wish is None or wish.state != "open":
            return
        over = self._own.move(wish, Move("withdrawn"), now=datetime.now(UTC))
        if over is not None:
            self._note(told_of(over))


def among_nodes(
    node: Node, settings: Settings, own: Wishes, note: Callable[[CallbackOver], None]
) -> WishesTogether:
    """The wishes of this machine among those of its line, until the node ends."""
    outbox = Outbox(settings.home / FOLDER / "callbacks")
    together = WishesTogether(node.name, node.shared, own, outbox, note)
    node.shares(together, outbox.close)
    return together


# --- what becomes of them; pure -------------------------------------------------------------------


def needless(here: Here, rows: Collection[Row]) -> frozenset[str]:
    """Whom this node need not call any more: served elsewhere, or another node has to."""
    mine = {row.wish.person: row for row in rows if row.node == here.node}
    served = {person for person, row in mine.items() if row.is_over}
    twice = {
        row.wish.person
        for row in rows
        if row.node != here.node and row.lives and _comes_before(row, mine.get(row.wish.person))
    }
    return frozenset((served | twice) & here.living.keys())


def _comes_before(theirs: Row, mine: Row | None) -> bool:
    return mine is not None and not theirs.is_over and theirs.rank < mine.rank


def fulfilled(here: Here, row: Row) -> bool:
    """Whether another node's wish is over by what happened here since it was left."""
    person, since = row.wish.person, row.wish.since
    ours = here.wishes.get(person)
    if ours is not None and ours.state == "reached" and ours.at >= since:
        return True
    return person in here.served and here.served[person] >= since


# --- in the database ------------------------------------------------------------------------------


def _put_together(here: Here, rows: Connection) -> Sequence[Row]:
    """All as they are once this node has told its own; done again, it changes nothing more.

    What changes nothing needs nobody to be out.
    """
    dialect = rows.dialect.name
    (found,) = answered(rows, (_ALL[dialect], {}))
    changes, together = _changed(here, _rows_of(found), dialect)
    if not changes:
        return together
    found = told_alone(rows, Matter.WISHES, _ALL[dialect], {})
    changes, together = _changed(here, _rows_of(found), dialect)
    answered_at_last(rows, *changes)
    return together


def _rows_of(found: Answer) -> list[Row]:
    return [
        Row(wish, row[0], bool(row[2]), bool(row[3]))
        for row in found
        if (wish := from_line(row[1].encode())) is not None
    ]


def _changed(
    here: Here, found: Sequence[Row], dialect: str
) -> tuple[list[Statement], Sequence[Row]]:
    """What has to be written, and all as they are then."""
    before = {row.wish.person: row for row in found if row.node == here.node}
    theirs = [row for row in found if row.node != here.node]
    mine = {
        person: Row(wish, here.node, _is_over_already(wish, before.get(person)), lives=True)
        for person, wish in here.living.items()
    }
    over = [row for row in theirs if not row.is_over and fulfilled(here, row)]
    news = [row for person, row in mine.items() if row.wish != _wish_of(before.get(person))]
    changes: list[Statement] = [
        *((_OVER, _named(row.wish.person, row.node)) for row in over),
        *((_REMOVE, _named(each, here.node)) for each in before.keys() - mine.keys()),
        *((_WRITE[dialect], _values(row)) for row in news),
    ]
    return changes, [
        *(row for row in theirs if row not in over and not row.is_over),
        *mine.values(),
    ]


def _is_over_already(wish: Wish, before: Row | None) -> bool:
    """Another one that was left since is not what the caller was served for."""
    return before is not None and before.is_over and before.wish.since == wish.since


def _wish_of(row: Row | None) -> Wish | None:
    return None if row is None else row.wish


def _named(person: str, node: str) -> dict[str, str]:
    return {"of": person, "by": node}


def _values(row: Row) -> dict[str, Any]:
    body = as_line(row.wish).decode()
    return {"person": row.wish.person, "node": row.node, "body": body, "over": int(row.is_over)}


def _all(dialect: str) -> Executable:
    lives = func.coalesce(NODE.c.seen_at > CLOCK[dialect] - LEASE_SECONDS, False)
    beside = ROW.outerjoin(NODE, NODE.c.name == ROW.c.node)
    return select(ROW.c.node, ROW.c.body, ROW.c.over, lives).select_from(beside)


def _writing(dialect: Any) -> Executable:
    row = dialect.insert(ROW)
    anew: Executable = row.on_conflict_do_update(
        index_elements=[ROW.c.person, ROW.c.node],
        set_={name: row.excluded[name] for name in ("body", "over")},
    )
    return anew


_ALL: Final = {dialect: _all(dialect) for dialect in ("postgresql", "sqlite")}
_WRITE: Final = {"postgresql": _writing(postgresql), "sqlite": _writing(sqlite)}
_THIS: Final = and_(ROW.c.person == bindparam("of"), ROW.c.node == bindparam("by"))
_OVER: Final = update(ROW).where(_THIS).values(over=1)
_REMOVE: Final = delete(ROW).where(_THIS)
