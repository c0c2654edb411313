"""The vault's rows in the database that all nodes share: sealed here as on a machine's own disk.

Everything here is one transaction on a connection that is passed in, and harmless to repeat.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Float,
    MetaData,
    String,
    Table,
    delete,
    exists,
    insert,
    literal,
    select,
    update,
)

from ivr.people.vault_file import Row
from ivr.state.trips import Matter, alone, durable, now

_META: Final = MetaData()
_PERSON: Final = Table(
    "person",
    _META,
    Column("token", String, primary_key=True),
    Column("sealed", String),
    Column("kept", Float),
)
_OF: Final = Table(
    "person_of",
    _META,
    *(Column(name, String, primary_key=True) for name in ("token", "node")),
)
_FORGOTTEN: Final = Table(
    "forgotten", _META, Column("name", String, primary_key=True), Column("at", Float)
)
MOST_AT_ONCE: Final = 500
_OVERLAP_SECONDS: Final = 60.0
"""What is forgotten in a transaction may be seen so long after its time."""


def deliver(rows: Connection, node: str, marked: Mapping[Row, str]) -> list[Row]:
    """A node has these, each with the mark of its number; those that were forgotten since."""
    changing(rows)
    gone = _forgotten(rows, marked)
    bury(rows, {row.token: at for row, at in gone.items()})
    living = [row for row in marked if row not in gone]
    _keep(rows, living)
    _need(rows, node, {row.token for row in living})
    return list(gone)


def _forgotten(rows: Connection, marked: Mapping[Row, str]) -> dict[Row, float]:
    """Which of them were since, and when."""
    at = forgotten(rows, {row.token for row in marked} | set(marked.values()))
    last = {
        row: max(at.get(row.token, float("-inf")), at.get(mark, float("-inf")))
        for row, mark in marked.items()
    }
    return {row: moment for row, moment in last.items() if moment >= row.kept}


def forgotten(rows: Connection, names: Collection[str]) -> dict[str, float]:
    """Which of these (tokens, marks) somebody has forgotten, and when by the database's clock."""
    return _moments(rows, _FORGOTTEN.c.name, _FORGOTTEN.c.at, names)


def bury(rows: Connection, moments: Mapping[str, float]) -> None:
    """No node brings back what these names were kept with until then."""
    before = forgotten(rows, moments)
    later = {name: at for name, at in moments.items() if at > before.get(name, float("-inf"))}
    rows.execute(delete(_FORGOTTEN).where(_FORGOTTEN.c.name.in_(later)))
    _insert(rows, _FORGOTTEN, [{"name": name, "at": at} for name, at in later.items()])


def _keep(rows: Connection, told: Sequence[Row]) -> None:
    """Where one is known already, what was keyed in last holds."""
    known = _moments(rows, _PERSON.c.token, _PERSON.c.kept, {row.token for row in told})
    later = [row for row in told if row.token not in known or row.kept > known[row.token]]
    rows.execute(delete(_PERSON).where(_PERSON.c.token.in_([row.token for row in later])))
    _insert(rows, _PERSON, [_as_told(row) for row in later])


def _need(rows: Connection, node: str, tokens: Collection[str]) -> None:
    """The node's records may name these."""
    known = select(_OF.c.token).where(_OF.c.node == node, _OF.c.token.in_(tokens))
    new = set(tokens) - set(rows.execute(known).scalars())
    _insert(rows, _OF, [{"token": token, "node": node} for token in new])


def find(rows: Connection, token: str) -> Row | None:
    """What is kept under a token, on whichever node."""
    row = rows.execute(select(_PERSON).where(_PERSON.c.token == token)).one_or_none()
    return None if row is None else _read(row)


def is_forgotten(rows: Connection, row: Row, mark: str) -> bool:
    """Whether somebody has forgotten them since."""
    return bool(_forgotten(rows, {row: mark}))


def some(rows: Connection, after: str) -> list[Row]:
    """The next rows by their tokens, so many at most; none is the end."""
    asked = select(_PERSON).where(_PERSON.c.token > after).order_by(_PERSON.c.token)
    return [_read(row) for row in rows.execute(asked.limit(MOST_AT_ONCE))]


def kept_before(rows: Connection, node: str, when: float) -> frozenset[str]:
    """Tokens of those last kept before then whom this node's records may name."""
    ours = exists().where(_OF.c.token == _PERSON.c.token, _OF.c.node == node)
    asked = select(_PERSON.c.token).where(_PERSON.c.kept < when, ours)
    return frozenset(rows.execute(asked).scalars())


def forget(rows: Connection, tokens: Collection[str], mark: str) -> int:
    """Nobody has them any more, and no node brings back what it kept before now; how many."""
    changing(rows)
    bury(rows, dict.fromkeys({*tokens, mark} - {""}, now(rows)))
    return _remove(rows, tokens)


def let_go(rows: Connection, node: str, token: str) -> bool:
    """This node's records name them no more: they go when no node's do; whether they were here."""
    changing(rows)
    gone = rows.execute(delete(_OF).where(_OF.c.token == token, _OF.c.node == node))
    others = select(_OF.c.token).where(_OF.c.token == token)
    if rows.execute(others).first() is None:
        _remove(rows, [token])
    return gone.rowcount > 0


def hand_over(rows: Connection, gone: str, to: str) -> None:
    """A node was taken out: from now on another judges whether its people are still needed.

    A new machine of the same name has them already.
    """
    if gone == to:
        return
    changing(rows)
    ours = select(_OF.c.token).where(_OF.c.node == to)
    new = select(_OF.c.token, literal(to)).where(_OF.c.node == gone, _OF.c.token.not_in(ours))
    rows.execute(insert(_OF).from_select(["token", "node"], new))
    rows.execute(delete(_OF).where(_OF.c.node == gone))


def seal(rows: Connection, anew: Mapping[Row, bytes]) -> None:
    """The same numbers under another key; those that have changed meanwhile stay."""
    changing(rows)
    for row, sealed in anew.items():
        same = (_PERSON.c.token == row.token, _PERSON.c.sealed == row.sealed.hex())
        rows.execute(update(_PERSON).where(*same).values(sealed=sealed.hex()))


def forgotten_since(rows: Connection, when: float) -> Mapping[str, float]:
    """Who was forgotten from shortly before then on, and when, by the database's clock."""
    asked = select(_FORGOTTEN).where(_FORGOTTEN.c.at >= when - _OVERLAP_SECONDS)
    return {row.name: row.at for row in rows.execute(asked)}


def changing(rows: Connection) -> None:
    """One at a time: who is forgotten while a node tells of them stays forgotten."""
    durable(rows)
    alone(rows, Matter.PEOPLE)


def _remove(rows: Connection, tokens: Collection[str]) -> int:
    rows.execute(delete(_OF).where(_OF.c.token.in_(tokens)))
    return rows.execute(delete(_PERSON).where(_PERSON.c.token.in_(tokens))).rowcount


def _moments(
    rows: Connection, name: Column[str], at: Column[float], names: Collection[str]
) -> dict[str, float]:
    found = rows.execute(select(name, at).where(name.in_(names)))
    return {row[0]: row[1] for row in found}


def _insert(rows: Connection, table: Table, told: Sequence[Mapping[str, Any]]) -> None:
    if told:
        rows.execute(insert(table), told)


def _as_told(row: Row) -> dict[str, Any]:
    return {"token": row.token, "sealed": row.sealed.hex(), "kept": row.kept}


def _read(row: Any) -> Row:
    return Row(row.token, bytes.fromhex(row.sealed), row.kept)
