"""Limits that several nodes keep together: decided in the database, by the same rules.

Every decision is one transaction, and nobody else decides meanwhile. While the database is away
each node decides by its own share of the budgets and by the locks that it knows; what it counts
then is kept, and counted in the database once when it is back. So is what was being decided when it
went away, of which nobody knows whether it was counted: everything counted has an id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Final, Literal, TypeVar
from uuid import uuid4

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Executable,
    Float,
    MetaData,
    Select,
    String,
    Table,
    bindparam,
    cast,
    delete,
    false,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite

from ivr.config import LimitsSettings, Settings
from ivr.limits.gate import Gate
from ivr.limits.limits import DAY, Counts, Kind, Limits, Lock, Memory, Noted
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.nodes import FOLDER
from ivr.state.outbox import Outbox
from ivr.state.shared import Away, Shared
from ivr.state.trips import (
    CLOCK,
    TIME,
    Matter,
    Statement,
    alone,
    answered,
    answered_at_last,
    told_alone,
)

T = TypeVar("T")

_META: Final = MetaData()
COUNTED: Final = Table(
    "counted",
    _META,
    Column("id", String, primary_key=True),
    *(Column(name, String) for name in ("kind", "name", "value")),
    Column("at", Float),
)
LOCK: Final = Table(
    "lock_set",
    _META,
    Column("name", String, primary_key=True),
    Column("until_at", Float),
    Column("set_at", Float),
)
_ANEW: Final = "-anew"
"""Added to a kind: what was counted of it until then counts no more."""
_OVERLAP_SECONDS: Final = 10.0
"""A lock is read again for so long: it may have been set before another and written after it."""
_TIDY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Anew:
    """What was counted under that name until then counts no more."""

    kind: Kind
    name: str
    at: float


Change = Noted | Anew | Lock


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about what was counted, or locked, which a database can answer with others."""

    what: Literal["values", "count", "locked"]
    kind: Kind | None
    name: str
    since: float
    """Of a lock: the moment at which it has to hold."""


class Rehearsal:
    """Nothing was counted yet: what a decision asks, and whether it changes anything."""

    def __init__(self) -> None:
        self.asked: dict[Asked, None] = {}
        self.changes = False

    def values(self, kind: Kind, name: str, since: float) -> frozenset[str]:
        """See Counts."""
        self.asked[Asked("values", kind, name, since)] = None
        return frozenset()

    def count(self, kind: Kind, name: str, since: float) -> int:
        """See Counts."""
        self.asked[Asked("count", kind, name, since)] = None
        return 0

    def note(self, _: Noted) -> None:
        """See Counts."""
        self.changes = True

    def anew(self, *_: Any) -> None:
        """See Counts."""
        self.changes = True

    def is_locked(self, key: str, now: float) -> bool:
        """See Counts."""
        self.asked[Asked("locked", None, key, now)] = None
        return False

    def lock(self, _: Lock) -> None:
        """See Counts."""
        self.changes = True


class Rows:
    """Counts of all nodes, in one transaction; what is changed has the ids `ask.0`, `ask.1`, …

    What is known by `learn` is not asked again, but for what has changed since; changes are written
    when something is asked of which they may be part, and by `write`.
    """

    def __init__(self, rows: Connection, ask: str) -> None:
        self._rows = rows
        self._ask = ask
        self._words = WORDS[rows.dialect.name]
        self._known: dict[Asked, frozenset[str]] = {}
        self._counted: list[dict[str, Any]] = []
        self.changes: list[Change] = []

    def learn(self, asked: Sequence[Asked], *, alone: bool) -> None:
        """All of this with one question; `alone`: while nobody else decides."""
        query, told = _question(asked)
        answers: dict[int, set[str]] = {}
        for row in self._found(query, told, alone=alone):
            answers.setdefault(row[0], set()).add(row[1])
        for which, each in enumerate(asked):
            self._known[each] = frozenset(answers.get(which, ()))

    def _found(self, query: Executable, told: dict[str, Any], *, alone: bool) -> Sequence[Any]:
        if alone:
            return told_alone(self._rows, Matter.LIMITS, query, told)
        return self._rows.execute(query, told).all()

    def values(self, kind: Kind, name: str, since: float) -> frozenset[str]:
        """See Counts."""
        return self._answer(Asked("values", kind, name, since))

    def count(self, kind: Kind, name: str, since: float) -> int:
        """See Counts."""
        (count,) = self._answer(Asked("count", kind, name, since))
        return int(count)

    def note(self, noted: Noted) -> None:
        """See Counts."""
        self._add(noted, noted.kind, noted.name, noted.value, noted.at)
        for each, known in self._known.items():
            if (each.kind, each.name) == (noted.kind, noted.name) and noted.at > each.since:
                self._known[each] = _with(each, known, noted)

    def anew(self, kind: Kind, name: str, at: float) -> None:
        """See Counts."""
        self._add(Anew(kind, name, at), f"{kind}{_ANEW}", name, "", at)
        self._forget(lambda each: (each.kind, each.name) == (kind, name))

    def is_locked(self, key: str, now: float) -> bool:
        """See Counts."""
        return bool(self._answer(Asked("locked", None, key, now)))

    def lock(self, lock: Lock) -> None:
        """See Counts."""
        self.changes.append(lock)
        self._rows.execute(self._words.lock, {"name": lock.key, "until_at": lock.until})
        self._forget(lambda each: each.what == "locked" and each.name == lock.key)

    def write(self) -> None:
        """What is not written yet."""
        if self._counted:
            answered(self._rows, *self._unwritten())

    def write_at_last(self) -> None:
        """The same, and the transaction ends with it."""
        answered_at_last(self._rows, *self._unwritten())

    def _unwritten(self) -> list[Statement]:
        counted, self._counted = self._counted, []
        return [(self._words.count, each) for each in counted]

    def _answer(self, asked: Asked) -> frozenset[str]:
        if asked not in self._known:
            self.write()
            self.learn([asked], alone=False)
        return self._known[asked]

    def _forget(self, is_concerned: Callable[[Asked], bool]) -> None:
        self._known = {each: told for each, told in self._known.items() if not is_concerned(each)}

    def _add(self, change: Change, kind: str, name: str, value: str, at: float) -> None:
        key = f"{self._ask}.{len(self.changes)}"
        self.changes.append(change)
        told = {"id": key, "kind": kind, "name": name, "value": value, "at": at}
        self._counted.append(told)


def _with(asked: Asked, known: frozenset[str], noted: Noted) -> frozenset[str]:
    """The same answer once that is counted too."""
    if asked.what == "values":
        return known | {noted.value}
    (count,) = known
    return frozenset({str(int(count) + 1)})


@dataclass(frozen=True, slots=True)
class Words:
    """What the standard has no word for: to write what may be there already."""

    count: Any
    """Once, by its id."""
    lock: Any
    """Where it lasts longer than the one that is there."""

    @classmethod
    def of(cls, dialect: Any, clock: ColumnElement[float]) -> Words:
        """As this dialect has them."""
        lock = dialect.insert(LOCK).values(
            name=bindparam("name"), until_at=bindparam("until_at"), set_at=clock
        )
        longer = lock.on_conflict_do_update(
            index_elements=[LOCK.c.name],
            set_={"until_at": lock.excluded.until_at, "set_at": lock.excluded.set_at},
            where=lock.excluded.until_at > LOCK.c.until_at,
        )
        return cls(dialect.insert(COUNTED).on_conflict_do_nothing(), longer)


WORDS: Final = {
    "postgresql": Words.of(postgresql, CLOCK["postgresql"]),
    "sqlite": Words.of(sqlite, CLOCK["sqlite"]),
}
_RESET: Final = COUNTED.alias("reset")
_LONG_AGO: Final = -1.0
"""Before everything, for a database."""


def _question(asked: Sequence[Asked]) -> tuple[Executable, dict[str, Any]]:
    """One query for all of them, whose rows are `(which, value)`, and what it is asked with."""
    told: dict[str, Any] = {}
    for n, each in enumerate(asked):
        told |= {f"name{n}": each.name, f"since{n}": max(each.since, _LONG_AGO)}
        if each.kind is not None:
            told |= {f"kind{n}": each.kind, f"anew{n}": f"{each.kind}{_ANEW}"}
    return _query(tuple(each.what for each in asked)), told


@cache
def _query(what: tuple[str, ...]) -> Executable:
    """Made once for each way in which decisions ask."""
    if not what:
        return select(literal(0), literal("")).where(false())
    return union_all(*(_PARTS[each](n) for n, each in enumerate(what)))


def _part(n: int, value: ColumnElement[Any]) -> Select[Any]:
    return select(literal_column(str(n)), value)


def _counting(n: int) -> tuple[ColumnElement[bool], ...]:
    """What counts under that name: later than its moment, and than the last time it began anew."""
    last = (
        select(func.coalesce(func.max(_RESET.c.at), _LONG_AGO))
        .where(_RESET.c.kind == bindparam(f"anew{n}"), _RESET.c.name == bindparam(f"name{n}"))
        .scalar_subquery()
    )
    return (
        COUNTED.c.kind == bindparam(f"kind{n}"),
        COUNTED.c.name == bindparam(f"name{n}"),
        COUNTED.c.at > bindparam(f"since{n}"),
        COUNTED.c.at > last,
    )


_PARTS: Final[Mapping[str, Callable[[int], Select[Any]]]] = {
    "values": lambda n: _part(n, COUNTED.c.value).where(*_counting(n)).distinct(),
    "count": lambda n: _part(n, cast(func.count(), String)).where(*_counting(n)),
    "locked": lambda n: _part(n, LOCK.c.name).where(
        LOCK.c.name == bindparam(f"name{n}"), LOCK.c.until_at > bindparam(f"since{n}")
    ),
}
"""The part of a query that answers one question."""


@dataclass(slots=True)
class Remembered:
    """The counts of this node, and what is changed in them by one decision."""

    memory: Memory
    changes: list[Change] = field(default_factory=list)

    def values(self, kind: Kind, name: str, since: float) -> Set[str]:
        """See Counts."""
        return self.memory.values(kind, name, since)

    def count(self, kind: Kind, name: str, since: float) -> int:
        """See Counts."""
        return self.memory.count(kind, name, since)

    def note(self, noted: Noted) -> None:
        """See Counts."""
        self._change(noted)

    def anew(self, kind: Kind, name: str, at: float) -> None:
        """See Counts."""
        self._change(Anew(kind, name, at))

    def is_locked(self, key: str, now: float) -> bool:
        """See Counts."""
        return self.memory.is_locked(key, now)

    def lock(self, lock: Lock) -> None:
        """See Counts."""
        self._change(lock)

    def _change(self, change: Change) -> None:
        self.changes.append(change)
        apply(self.memory, [change])


class Agreed(Gate):
    """The limits of one node among others; also a part of what it catches up with (Part)."""

    def __init__(
        self,
        settings: LimitsSettings,
        memory: Memory,
        shared: Shared,
        outbox: Outbox,
        nodes: Callable[[], int],
    ) -> None:
        super().__init__(Limits(settings, counts=memory))
        self._settings = settings
        self._memory = memory
        self._shared = shared
        self._outbox = outbox
        self._nodes = nodes
        self._read_until = 0.0
        self._tidied = 0.0
        if locks := memory.locks():  # of the time before this machine was a node, or of an outage
            outbox.keep(_item(uuid4().hex, locks))

    def adopt(self, settings: LimitsSettings) -> None:
        """As Limits.adopt."""
        super().adopt(settings)
        self._settings = settings
        self._memory.adopt(settings)

    async def catch_up(self) -> None:
        """Deliver what was counted alone, and learn the locks that others have set."""
        while items := self._outbox.first():
            await self._shared.attempt(partial(_merged, self._settings, items), PATIENCE_SECONDS)
            self._outbox.delivered(len(items))
        locks, self._read_until, clock = await self._shared.attempt(
            partial(_locks_since, self._read_until - _OVERLAP_SECONDS), PATIENCE_SECONDS
        )
        apply(self._memory, locks)
        if clock >= self._tidied + _TIDY_SECONDS:
            oldest = clock - max(2 * DAY, 2 * self._settings.window_seconds)
            await self._shared.attempt(partial(_tidied, oldest, clock), PATIENCE_SECONDS)
            self._tidied = clock

    def is_even(self) -> bool:
        """Whether the database has everything that was counted here."""
        return not len(self._outbox)

    async def _decided(self, decide: Callable[[Limits], T]) -> T:
        ask = uuid4().hex
        answer = await self._shared.ask(partial(_together, self._settings, decide, ask))
        if isinstance(answer, Away):
            return self._by_itself(decide, ask)
        result, changes = answer
        apply(self._memory, changes)
        return result

    def _by_itself(self, decide: Callable[[Limits], T], ask: str) -> T:
        counts = Remembered(self._memory)
        result = decide(Limits(share(self._settings, self._nodes()), counts=counts))
        if counts.changes:
            self._outbox.keep(_item(ask, counts.changes))
        return result


def among_nodes(node: Node, settings: Settings, memory: Memory) -> Agreed:
    """The limits of this machine as one of its line, until the node ends."""
    outbox = Outbox(settings.home / FOLDER / "limits")
    gate = Agreed(settings.limits, memory, node.shared, outbox, lambda: node.known.nodes)
    node.shares(gate, outbox.close)
    return gate


def share(settings: LimitsSettings, nodes: int) -> LimitsSettings:
    """What one node of so many may spend by itself.

    At least one of each, and two wrong guesses: who mistypes once must not be locked for the day.
    """
    whole = {
        name: max(1, getattr(settings, name) // nodes)
        for name in (
            "ids_per_caller", "ids_of_unknown_callers", "lookups_per_person", "lookups_per_minute",
        )
    }  # fmt: skip
    guesses = {
        name: min(getattr(settings, name), max(2, getattr(settings, name) // nodes))
        for name in ("wrong_passwords", "wrong_tails")
    }
    return settings.model_copy(update={**whole, **guesses})


def apply(counts: Counts, changes: Iterable[Change]) -> None:
    """What was changed elsewhere is changed here too."""
    for change in changes:
        match change:
            case Noted():
                counts.note(change)
            case Anew(kind, name, at):
                counts.anew(kind, name, at)
            case Lock():
                counts.lock(change)


def _together(
    settings: LimitsSettings, decide: Callable[[Limits], T], ask: str, rows: Connection
) -> tuple[T, list[Change]]:
    """One decision, while nobody else decides.

    What it will ask is found out by deciding as if nothing was counted yet, and asked with one
    question; whatever it asks beyond that is asked when it comes to it. What changes nothing needs
    nobody to wait.
    """
    rehearsed = Rehearsal()
    decide(Limits(settings, counts=rehearsed))
    counts = Rows(rows, ask)
    counts.learn(tuple(rehearsed.asked), alone=rehearsed.changes)
    answer = decide(Limits(settings, counts=counts))
    counts.write_at_last()
    return answer, counts.changes


def _merged(settings: LimitsSettings, items: Sequence[Any], rows: Connection) -> None:
    """Count what was counted elsewhere, each once, and lock whom that brings to too many."""
    alone(rows, Matter.LIMITS)
    noted: dict[tuple[str, str], Noted] = {}
    for ask, changes in items:
        counts = Rows(rows, str(ask))
        for told in changes:
            change = _change(told)
            apply(counts, [change])
            if isinstance(change, Noted):
                noted[change.kind, change.name] = change
        counts.write()
    reviewed = Rows(rows, uuid4().hex)
    reviewing = Limits(settings, counts=reviewed)
    for each in noted.values():
        reviewing.review(each, each.at)
    reviewed.write()


def _locks_since(moment: float, rows: Connection) -> tuple[list[Lock], float, float]:
    """Those set since then, the newest moment at which one was set, and the clock."""
    dialect = rows.dialect.name
    ((clock,),), found = answered_at_last(
        rows, (TIME[dialect], {}), (_LOCKS[dialect], {"moment": moment})
    )
    newest = max((set_at for _, _, set_at in found), default=moment + _OVERLAP_SECONDS)
    return [Lock(name, until) for name, until, _ in found], newest, float(clock)


_LOCKS: Final = {
    dialect: select(LOCK).where(LOCK.c.set_at > bindparam("moment"), LOCK.c.until_at > clock)
    for dialect, clock in CLOCK.items()
}


def _tidied(oldest: float, clock: float, rows: Connection) -> None:
    """What counts no more for anybody is taken out."""
    rows.execute(delete(COUNTED).where(COUNTED.c.at < oldest))
    rows.execute(delete(LOCK).where(LOCK.c.until_at < clock - DAY))


def _item(ask: str, changes: Iterable[Change]) -> list[Any]:
    return [ask, [_told(change) for change in changes]]


def _told(change: Change) -> list[Any]:
    match change:
        case Noted(kind, name, value, at):
            return ["noted", kind, name, value, at]
        case Anew(kind, name, at):
            return ["anew", kind, name, at]
        case Lock(key, until):
            return ["lock", key, until]


def _change(told: Sequence[Any]) -> Change:
    what, *rest = told
    return {"noted": Noted, "anew": Anew, "lock": Lock}[what](*rest)  # type: ignore[no-any-return]
