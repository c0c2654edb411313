"""The nodes of a line: who they are, whether they live, and what must be the same on all of them.

Everything here is one transaction on a connection that is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from ivr.state.trips import CLOCK, TIME, Answer, Statement, answered, answered_at_last

FOLDER: Final = "state"
"""Under the home folder: what belongs to this machine, and what it last knew of the others."""
LEASE_SECONDS: Final = 10.0
"""A node that has not been heard of for so long is taken for dead."""
META: Final = MetaData()
NODE = Table(
    "node",
    META,
    Column("name", String, primary_key=True),
    Column("series", Integer),
    Column("machine", String),
    Column("address", String),
    Column("seen_at", Float),
    Column("draining", Integer),
    Column("calls", Integer),
    Column("version", String),
    Column("catalog", String),
    Column("clock_ahead", Float),
    Column("prompts", String),
    Column("cases_waiting", Integer),
    Column("notes_waiting", Integer),
)
AGREED = Table(
    "agreed",
    META,
    Column("name", String, primary_key=True),
    Column("value", String),
    Column("value_before", String),
    Column("at", Float),
)
CATALOG: Final = "catalog"
PROMPTS: Final = "prompts"
"""The hash of the release that callers hear on all nodes, where there is a depot."""
KEY: Final = "key "
"""Before the name of a key's file."""


class NoNode(LookupError):
    """There is no such node; says which there are."""


class StillServes(Exception):
    """A node that lives is not taken out; says what to do first."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a node says of itself."""

    name: str
    series: int
    machine: str
    """Made once on each machine: two of one name are told apart by it."""
    address: str
    """Where the edge sends its calls, host:port."""
    version: str
    catalog: str
    """Version of the published sentences; empty where none are published yet."""
    keys: Mapping[str, str]
    """The fingerprint of each, by its file's name."""
    prompts: str = ""
    """The hash of the release that callers hear here; empty: none, or there is no depot."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What a node has to do just now."""

    calls: int = 0
    """That are up."""
    cases_waiting: int = 0
    """On its disk, for their database."""
    notes_waiting: int = 0
    """The same of notes of calls."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the others see it."""

    name: str
    series: int
    machine: str
    address: str
    unheard: float
    """For how many seconds, by the database's clock."""
    draining: bool
    calls: int
    version: str
    catalog: str
    clock_ahead: float
    """Seconds, of its clock before the database's."""
    prompts: str = ""
    """As of its identity."""
    cases_waiting: int = 0
    """On its disk, for their database, when it was heard of last: away it can tell nobody."""
    notes_waiting: int = 0
    """The same of notes of calls."""

    @property
    def lives(self) -> bool:
        """Whether its service has been heard of lately."""
        return self.unheard < LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class Line:
    """All that a node must fit to, as the database has it."""

    clock: float
    """Seconds since 1970 by the database."""
    nodes: tuple[Node, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    """None before the first node has joined."""
    catalog: str = ""
    catalog_before: str = ""
    prompts: str = ""
    """The hash of the release that is in force; empty: nothing was given to a depot."""

    @property
    def is_new(self) -> bool:
        """Whether no node ever joined: a database that was made anew takes nobody out."""
        return not self.keys

    def node(self, name: str) -> Node | None:
        """The one of that name."""
        return next((each for each in self.nodes if each.name == name), None)


def read(rows: Connection) -> Line:
    """The line as it stands."""
    return _line(answered(rows, *_reading(rows.dialect.name)))


def _reading(dialect: str) -> tuple[Statement, ...]:
    return (TIME[dialect], {}), (_NODES, {}), (_AGREED, {})


def _line(answers: Sequence[Answer]) -> Line:
    """Of what `_reading` is answered."""
    ((time,),), found, told = answers
    clock = float(time)
    nodes = tuple(_node(dict(zip(NODE.c.keys(), row, strict=True)), clock) for row in found)
    agreed = {name: (value, before) for name, value, before in told}
    keys = {name[len(KEY) :]: each[0] for name, each in agreed.items() if name.startswith(KEY)}
    prompts, _ = agreed.get(PROMPTS, ("", ""))
    return Line(clock, nodes, keys, *agreed.get(CATALOG, ("", "")), prompts)


def _node(row: Mapping[str, Any], clock: float) -> Node:
    return Node(
        unheard=max(0.0, clock - row["seen_at"]),
        draining=bool(row["draining"]),
        **{name: row[name] for name in _AS_THEY_ARE},
    )


def join(rows: Connection, me: Identity) -> None:
    """Write the node down, or anew; the first one's keys and sentences are the line's."""
    line = read(rows)
    told = {**_told(me), "calls": 0, "clock_ahead": 0.0}
    if line.node(me.name) is None:
        rows.execute(insert(NODE).values(name=me.name, draining=0, seen_at=0.0, **told))
    else:
        rows.execute(update(NODE).where(NODE.c.name == me.name).values(**told))
    if not line.keys:
        for name, fingerprint in me.keys.items():
            agree(rows, f"{KEY}{name}", fingerprint, line.clock)
    if not line.catalog and me.catalog:
        agree(rows, CATALOG, me.catalog, line.clock)


def agree(rows: Connection, name: str, value: str, at: float) -> None:
    """From now on this holds for all nodes; what held before is remembered once."""
    before = rows.execute(select(AGREED.c.value).where(AGREED.c.name == name)).scalar()
    if before is None:
        rows.execute(insert(AGREED).values(name=name, value=value, value_before="", at=at))
    elif before != value:
        changed = update(AGREED).where(AGREED.c.name == name)
        rows.execute(changed.values(value=value, value_before=before, at=at))


def beat(rows: Connection, me: Identity, doing: Doing, *, ahead: float) -> tuple[Line, float]:
    """The node lives; how the line stands now, and when it was heard of before, by the database's
    clock. A node that was taken out is not put back.

    All of the transaction, in one round trip.
    """
    dialect = rows.dialect.name
    told = {f"its_{name}": each for name, each in _told(me).items()}
    seen = {**told, "its_name": me.name, "its_clock_ahead": ahead}
    seen |= {f"its_{name}": count for name, count in asdict(doing).items()}
    before, _, *answers = answered_at_last(
        rows, (_BEFORE, seen), (_SEEN[dialect], seen), *_reading(dialect)
    )
    return _line(answers), before[0][0] if before else 0.0


def drain(rows: Connection, name: str, *, draining: bool) -> Node:
    """Whether it may take new calls; those that it has go on. Raises NoNode."""
    node = _known(rows, name)
    rows.execute(update(NODE).where(NODE.c.name == name).values(draining=int(draining)))
    return node


def remove(rows: Connection, name: str) -> Node:
    """Take a node out for good; raises NoNode and StillServes."""
    node = _known(rows, name)
    if node.lives:
        raise StillServes(
            f"{name} 还在服务（{node.calls} 通电话）：先 `ivr node drain {name}`，"
            "等电话结束，停掉它的服务"
            " · it still serves: drain it and stop its service first"
        )
    rows.execute(delete(NODE).where(NODE.c.name == name))
    return node


def _known(rows: Connection, name: str) -> Node:
    line = read(rows)
    node = line.node(name)
    if node is None:
        names = "、".join(each.name for each in line.nodes) or "还没有 · none yet"
        raise NoNode(f"没有叫 {name} 的节点；有：{names} · there is no such node")
    return node


def _told(me: Identity) -> dict[str, str | int]:
    return {
        "series": me.series,
        "machine": me.machine,
        "address": me.address,
        "version": me.version,
        "catalog": me.catalog,
        "prompts": me.prompts,
    }


_NODES: Final = select(NODE).order_by(NODE.c.series)
_AGREED: Final = select(AGREED.c.name, AGREED.c.value, AGREED.c.value_before)
_AS_THEY_ARE: Final = (
    "name", "series", "machine", "address", "calls", "version", "catalog", "clock_ahead", "prompts",
    "cases_waiting", "notes_waiting",
)  # fmt: skip
"""Columns that mean the same in a Node."""
_SAID: Final = (
    "series", "machine", "address", "version", "catalog", "prompts", "calls", "clock_ahead",
    "cases_waiting", "notes_waiting",
)  # fmt: skip
_ITS: Final = (NODE.c.name == bindparam("its_name"), NODE.c.machine == bindparam("its_machine"))
_BEFORE: Final = select(NODE.c.seen_at).where(*_ITS)
_SEEN: Final = {
    dialect: update(NODE)
    .where(*_ITS)
    .values(seen_at=clock, **{name: bindparam(f"its_{name}") for name in _SAID})
    for dialect, clock in CLOCK.items()
}
"""What a node says of itself at each beat."""
