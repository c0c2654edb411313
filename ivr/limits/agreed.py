"""Limits that several nodes keep together: decided in the database, by the same rules.

Every decision is one transaction, and nobody else decides meanwhile. While the database is away
each node decides by its own share of the budgets and by the locks that it knows; what it counts
then is kept, and counted in the database once when it is back. So is what was being decided when it
went away, of which nobody knows whether it was counted: everything counted has an id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid4

from sqlalchemy import (
    Column,
    Connection,
    Float,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from ivr.config import LimitsSettings, Settings
from ivr.limits.gate import Gate
from ivr.limits.limits import DAY, Counts, Kind, Limits, Lock, Memory, Noted
from ivr.state.membership import PATIENCE_SECONDS
from ivr.state.node import Node
from ivr.state.nodes import FOLDER
from ivr.state.outbox import Outbox
from ivr.state.shared import Away, Shared, alone, now

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
_DECIDING: Final = 2
"""What `alone` calls it."""
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


class Rows:
    """Counts of all nodes, in one transaction; what is changed has the ids `ask.0`, `ask.1`, …"""

    def __init__(self, rows: Connection, ask: str) -> None:
        self._rows = rows
        self._ask = ask
        self._words = WORDS[rows.dialect.name]
        self.changes: list[Change] = []

    def values(self, kind: Kind, name: str, since: float) -> frozenset[str]:
        """See Counts."""
        found = self._rows.execute(_VALUES, _after(kind, name, since))
        return frozenset(found.scalars())

    def count(self, kind: Kind, name: str, since: float) -> int:
        """See Counts."""
        return int(self._rows.execute(_COUNT, _after(kind, name, since)).scalar_one())

    def note(self, noted: Noted) -> None:
        """See Counts."""
        self._add(noted, noted.kind, noted.name, noted.value, noted.at)

    def anew(self, kind: Kind, name: str, at: float) -> None:
        """See Counts."""
        self._add(Anew(kind, name, at), f"{kind}{_ANEW}", name, "", at)

    def is_locked(self, key: str, now: float) -> bool:
        """See Counts."""
        return self._rows.execute(_LOCKED, {"key": key, "now": now}).first() is not None

    def lock(self, lock: Lock) -> None:
        """See Counts."""
        self.changes.append(lock)
        told = {"name": lock.key, "until_at": lock.until, "set_at": now(self._rows)}
        self._rows.execute(self._words.lock, told)

    def _add(self, change: Change, kind: str, name: str, value: str, at: float) -> None:
        key = f"{self._ask}.{len(self.changes)}"
        self.changes.append(change)
        told = {"id": key, "kind": kind, "name": name, "value": value, "at": at}
        self._rows.execute(self._words.count, told)


@dataclass(frozen=True, slots=True)
class Words:
    """What the standard has no word for: to write what may be there already."""

    count: Any
    """Once, by its id."""
    lock: Any
    """Where it lasts longer than the one that is there."""

    @classmethod
    def of(cls, dialect: Any) -> Words:
        """As this dialect has them."""
        lock = dialect.insert(LOCK)
        longer = lock.on_conflict_do_update(
            index_elements=[LOCK.c.name],
            set_={"until_at": lock.excluded.until_at, "set_at": lock.excluded.set_at},
            where=lock.excluded.until_at > LOCK.c.until_at,
        )
        return cls(dialect.insert(COUNTED).on_conflict_do_nothing(), longer)


WORDS: Final = {"postgresql": Words.of(postgresql), "sqlite": Words.of(sqlite)}
_RESET: Final = COUNTED.alias("reset")
_LONG_AGO: Final = -1.0
"""Before everything, for a database."""
_COUNTS: Final = (
    COUNTED.c.kind == bindparam("kind"),
    COUNTED.c.name == bindparam("name"),
    COUNTED.c.at > bindparam("since"),
    COUNTED.c.at
    > select(func.coalesce(func.max(_RESET.c.at), _LONG_AGO))
    .where(_RESET.c.kind == bindparam("reset"), _RESET.c.name == bindparam("name"))
    .scalar_subquery(),
)
_VALUES: Final = select(COUNTED.c.value).where(*_COUNTS).distinct()
_COUNT: Final = select(func.count()).select_from(COUNTED).where(*_COUNTS)
_LOCKED: Final = select(LOCK.c.name).where(
    LOCK.c.name == bindparam("key"), LOCK.c.until_at > bindparam("now")
)


def _after(kind: Kind, name: str, since: float) -> dict[str, Any]:
    reset = f"{kind}{_ANEW}"
    return {"kind": kind, "name": name, "since": max(since, _LONG_AGO), "reset": reset}


@dataclass(slots=True)
class Remembered:
    """The counts of this node, and what is changed in them by one decision."""

    memory: Memory
    changes: list[Change] = field(default_factory=list)

    def values(self, kind: Kind, name: str, since: float) -> frozenset[str]:
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
    """One decision, while nobody else decides."""
    alone(rows, _DECIDING)
    counts = Rows(rows, ask)
    return decide(Limits(settings, counts=counts)), counts.changes


def _merged(settings: LimitsSettings, items: Sequence[Any], rows: Connection) -> None:
    """Count what was counted elsewhere, each once, and lock whom that brings to too many."""
    alone(rows, _DECIDING)
    noted: dict[tuple[str, str], Noted] = {}
    for ask, changes in items:
        counts = Rows(rows, str(ask))
        for told in changes:
            change = _change(told)
            apply(counts, [change])
            if isinstance(change, Noted):
                noted[change.kind, change.name] = change
    reviewing = Limits(settings, counts=Rows(rows, uuid4().hex))
    for each in noted.values():
        reviewing.review(each, each.at)


def _locks_since(moment: float, rows: Connection) -> tuple[list[Lock], float, float]:
    """Those set since then, the newest moment at which one was set, and the clock."""
    clock = now(rows)
    found = rows.execute(select(LOCK).where(LOCK.c.set_at > moment, LOCK.c.until_at > clock)).all()
    newest = max((row.set_at for row in found), default=moment + _OVERLAP_SECONDS)
    return [Lock(row.name, row.until_at) for row in found], newest, clock


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
