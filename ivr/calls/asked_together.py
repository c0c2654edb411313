"""Who was asked today how content they are, or has voted, on any node: nobody twice.

What nodes know is put together at each beat, and telling it again changes nothing: what a node
learned while the database was away, or before its service began anew, is there once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Column, Connection, Float, MetaData, String, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ivr.calls.asked import Asked
from ivr.hours import BEIJING
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.shared import Shared
from ivr.state.trips import CLOCK, answered_at_last

ASKED: Final = Table(
    "asked_today",
    MetaData(),
    *(Column(name, String, primary_key=True) for name in ("day", "token")),
    Column("at", Float),
)
_OVERLAP_SECONDS: Final = 10.0
"""A row may be written after one that is younger: it is read again for so long."""


def _today() -> date:
    return datetime.now(BEIJING).date()


class AskedTogether:
    """What this node knows, among what others know; a part of what it catches up with (Part)."""

    def __init__(self, asked: Asked, shared: Shared, today: Callable[[], date] = _today) -> None:
        self._asked = asked
        self._shared = shared
        self._today = today
        self._day = date.min
        self._told: frozenset[str] = frozenset()
        """What the database has, of today."""
        self._read_until = 0.0
        self._losses = shared.losses

    async def catch_up(self) -> None:
        """Tell what it does not have, and learn what others have told since.

        A database that was away may have been put back from before: it is told all of today again.
        """
        today = self._today()
        if today != self._day or self._losses != self._shared.losses:
            self._losses = self._shared.losses
            self._day, self._told, self._read_until = today, frozenset(), 0.0
        new = self._asked.all(today) - self._told
        since = self._read_until - _OVERLAP_SECONDS
        exchange = partial(_put_together, today, sorted(new), since)
        heard, newest = await self._shared.attempt(exchange, PATIENCE_SECONDS)
        self._told |= new | heard
        self._read_until = max(self._read_until, newest)
        self._asked.add(today, heard)

    def is_even(self) -> bool:
        """Whether the database has all of it."""
        return self._asked.all(self._today()) <= self._told


def among_nodes(node: Node, asked: Asked) -> AskedTogether:
    """Share it with the other nodes, until the node ends."""
    together = AskedTogether(asked, node.shared)
    node.shares(together)
    return together


def _put_together(
    today: date, new: list[str], since: float, rows: Connection
) -> tuple[frozenset[str], float]:
    """What was told since then, and the newest moment of it by the database's clock."""
    dialect = rows.dialect.name
    telling = [(_TELL[dialect], {"day": f"{today}", "token": token}) for token in new]
    forgetting = [(_FORGET, {"oldest": f"{today - timedelta(days=1)}"})] if new else []
    reading = (_SINCE, {"today": f"{today}", "moment": since})
    found = answered_at_last(rows, *telling, *forgetting, reading)[-1]
    return frozenset(token for token, _ in found), max((at for _, at in found), default=0.0)


def _telling(dialect: Any, name: str) -> Any:
    row = dialect.insert(ASKED).values(
        day=bindparam("day"), token=bindparam("token"), at=CLOCK[name]
    )
    return row.on_conflict_do_nothing()


_TELL: Final = {
    "postgresql": _telling(postgresql, "postgresql"),
    "sqlite": _telling(sqlite, "sqlite"),
}
_FORGET: Final = delete(ASKED).where(ASKED.c.day < bindparam("oldest"))
_SINCE: Final = select(ASKED.c.token, ASKED.c.at).where(
    ASKED.c.day == bindparam("today"), ASKED.c.at > bindparam("moment")
)
