"""What the nodes of a line tell each other of their agents, as rows of the shared database."""

from __future__ import annotations

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
from ivr.agents.told import Change, News, Told
from ivr.state.nodes import LEASE_SECONDS, NODE
from ivr.state.trips import CLOCK, Matter, answered, answered_at_last, told_alone

ROW: Final = Table(
    "agent_row",
    MetaData(),
    *(Column(name, String, primary_key=True) for name in ("kind", "name")),
    *(Column(name, String) for name in ("node", "body")),
    Column("at", Float),
)


def carried_out(news: News, rows: Connection) -> Change:
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
