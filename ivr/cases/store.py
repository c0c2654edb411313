"""Cases in a database: events are added, nothing is changed; who comes second is told.

SQLAlchemy Core on SQLite, or on PostgreSQL by its URL, with the same statements. All of it blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    insert,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ivr.cases.case import Case, Event, Filed, after, event_of, told
from ivr.cases.moves import Deed, Move, Office, Refused, State
from ivr.cases.opening import CannotReach
from ivr.database import SchemaNewer, brought_up_to_date, patience_with, whole_transactions

SCHEMA = Path(__file__).resolve().parent / "schema"
BUSY_SECONDS = 5.0
CONNECT_SECONDS = 2
"""A server that does not answer keeps a thread of the service no longer: calls need threads too."""
_SERVER = "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000"
"""So long one process waits for another that is writing."""
META = MetaData()
CASE = Table(
    "case_file",
    META,
    Column("number", String, primary_key=True),
    *(Column(name, String) for name in ("kind", "session", "person", "filed_at", "path")),
    Column("ms", Integer),
    Column("sha256", String),
    Column("version", Integer),
    Column("state", String),
    Column("handler", String),
    Column("caller", String),
    Column("held", Integer),
    Column("to_call", Integer),
    Column("spared", Integer),
    Column("origin", String),
)
_EVENT = Table(
    "case_event",
    META,
    Column("number", String, primary_key=True),
    Column("n", Integer, primary_key=True),
    *(Column(name, String) for name in ("at", "move", "made_by", "office", "text", "handler")),
    Column("days", Integer),
    Column("into_number", String),
    Column("content", String),
    Column("told", Integer),
)
MARK = Table(
    "case_mark",
    META,
    Column("id", String, primary_key=True),
    Column("number", String),
    Column("at_ms", Integer),
    *(Column(name, String) for name in ("note", "made_by", "at")),
)
ENCLOSURE = Table(
    "case_enclosure",
    META,
    Column("id", String, primary_key=True),
    *(Column(name, String) for name in ("number", "name")),
    Column("bytes", Integer),
    *(Column(name, String) for name in ("sha256", "made_by", "at", "sealed")),
)
NOTICE = Table(
    "case_notice",
    META,
    Column("number", String, primary_key=True),
    Column("what", String, primary_key=True),
    Column("at", String),
    Column("sent", Integer),
)
TRANSCRIPT = Table(
    "case_transcript",
    META,
    Column("number", String, primary_key=True),
    *(Column(name, String) for name in ("engine", "at", "sealed")),
    Column("tries", Integer),
)
OF_A_CASE = (_EVENT, MARK, ENCLOSURE, NOTICE, TRANSCRIPT)
"""What goes with its case."""


class Outrun(Exception):
    """Somebody else has done something with the case meanwhile; says who and what."""


class NoCase(LookupError):
    """There is no such case."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which cases a list has; None: any."""

    states: frozenset[State] | None = None
    kind: str | None = None
    handler: str | None = None
    begins: str | None = None
    """How its number begins."""
    since: datetime | None = None
    until: datetime | None = None
    left_by: tuple[str, ...] = ()
    """Tokens of the person or the telephone number; none: of anybody."""


class Cases:
    """The cases of a centre."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_away: Callable[[], bool] = lambda: False,
    ):
        """`is_away`: somebody knows that it does not answer, so that nobody waits to learn it."""
        self._engine = _engine(url)
        self._is_away = is_away
        self._clock = clock
        self._ready = False

    def open(
        self, filed: Filed, *, by: str = Office.LINE, office: Office = Office.LINE, text: str = ""
    ) -> bool:
        """A case; whether it is new. Opening it twice, by number or by origin, is harmless."""
        event = Event(1, filed.at, Move.OPEN, by, office, text)
        try:
            with self.writing() as rows:
                rows.execute(insert(CASE).values(**_row(filed), **_derived(told(filed, [event]))))
                rows.execute(insert(_EVENT).values(**_line(filed.number, event)))
        except IntegrityError:
            return False
        return True

    def case(self, number: str) -> Case:
        """One, with all its events; raises NoCase."""
        with self.reading() as rows:
            return _one(rows, number)

    def made_of(self, origin: str) -> str | None:
        """The number of the case that was made of it; None: none was."""
        with self.reading() as rows:
            return rows.execute(select(CASE.c.number).where(CASE.c.origin == origin)).scalar()

    def act(
        self, number: str, deed: Deed, *, seen: int | None = None, at: datetime | None = None
    ) -> Case:
        """Do it, where nobody has done anything since the doer saw `seen` events of the case.

        `at`: when it was done, where that was not just now.
        Raises NoCase, Refused (by the table) or Outrun; then nothing has changed.
        """
        with self.writing() as rows:
            case = _one(rows, number)
            if seen is not None and seen != case.version:
                raise Outrun(_who_was_first(case))
            if deed.move is Move.MERGE:
                _check_target(rows, case, deed.number)
            return _added(rows, case, event_of(case, deed, at or self._clock()))

    def search(self, sought: Sought, *, most: int = 500) -> tuple[Case, ...]:
        """Those that fit, the newest first, at most so many."""
        with self.reading() as rows:
            query = select(CASE).order_by(CASE.c.filed_at.desc(), CASE.c.number).limit(most)
            for condition in _conditions(sought):
                query = query.where(condition)
            found = [row._mapping for row in rows.execute(query)]
            events = _events_of(rows, [row["number"] for row in found])
        return tuple(told(_filed(row), events.get(row["number"], ())) for row in found)

    def to_call(self, series: str) -> tuple[Case, ...]:
        """Those whose callers the line is to call, the longest waiting first.

        `series`: how their numbers begin; another node keeps the telephone numbers of its own.
        """
        if not self.is_made():
            return ()
        with self.reading() as rows:
            wanted = CASE.c.number.startswith(series, autoescape=True)
            query = select(CASE.c.number).where(CASE.c.to_call == 1, wanted)
            cases = [_one(rows, number) for (number,) in rows.execute(query).all()]
        return tuple(sorted(cases, key=_called_for))

    def spared_by(self, filed: Filed) -> str | None:
        """The case in which this caller wished not to be called any more; None: there is none."""
        tokens = [each for each in (filed.caller, filed.person) if each is not None]
        theirs = or_(CASE.c.caller.in_(tokens), CASE.c.person.in_(tokens))
        with self.reading() as rows:
            query = select(CASE.c.number).where(CASE.c.spared == 1, theirs).limit(1)
            return rows.execute(query).scalar()

    def handlers(self) -> tuple[str, ...]:
        """Everybody who has ever had a case."""
        with self.reading() as rows:
            names = rows.execute(select(CASE.c.handler).distinct().order_by(CASE.c.handler))
            return tuple(name for (name,) in names if name)

    def untold(self, *, most: int = 200) -> tuple[tuple[Case, Event], ...]:
        """Events that the records do not know yet, each with the case as it was after it."""
        with self.reading() as rows:
            query = select(_EVENT.c.number, _EVENT.c.n).where(_EVENT.c.told == 0).limit(most)
            waiting = [(number, n) for number, n in rows.execute(query)]
            cases = {number: _one(rows, number) for number in {each for each, _ in waiting}}
        return tuple(
            (told(cases[number].filed, cases[number].events[:n]), cases[number].events[n - 1])
            for number, n in sorted(waiting)
        )

    def mark_told(self, events: Sequence[tuple[Case, Event]]) -> None:
        """The records know them."""
        with self.writing() as rows:
            for case, each in events:
                rows.execute(
                    update(_EVENT)
                    .where(_EVENT.c.number == case.number, _EVENT.c.n == each.n)
                    .values(told=1)
                )

    def forget_before(self, moment: datetime, *, only_count: bool = False) -> int:
        """Remove the cases of recordings older than that, but those in legal hold, with all that
        was written and enclosed; how many there are."""
        if not self.is_made():
            return 0
        past = (CASE.c.filed_at < stamp(moment), CASE.c.held == 0)
        old = select(CASE.c.number).where(*past)
        with self.writing() as rows:
            numbers = [number for (number,) in rows.execute(old)]
            if not only_count:
                for table in OF_A_CASE:
                    rows.execute(delete(table).where(table.c.number.in_(old)))
                rows.execute(delete(CASE).where(*past))
        return len(numbers)

    def held(self) -> tuple[Filed, ...]:
        """What legal hold keeps: nothing of these may go."""
        if not self.is_made():
            return ()
        with self.reading() as rows:
            found = rows.execute(select(CASE).where(CASE.c.held == 1).order_by(CASE.c.number))
            return tuple(_filed(row._mapping) for row in found)

    def named(self, since: datetime) -> frozenset[str]:
        """Tokens of everybody whom a case names that stays: who spoke, and the number that they
        are called back at. `since`: the oldest moment that is kept; what is held stays too."""
        if not self.is_made():
            return frozenset()
        stays = or_(CASE.c.filed_at >= stamp(since), CASE.c.held == 1)
        with self.reading() as rows:
            found = rows.execute(select(CASE.c.person, CASE.c.caller).where(stays))
            return frozenset(token for row in found for token in row if token is not None)

    def is_made(self) -> bool:
        """Whether there is a database: asking what there is to remove makes none."""
        file = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        return file is None or Path(file).exists()

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One look at the database; raises CannotReach."""
        with self._refusals():
            self._make_ready()
            with self._engine.connect() as rows:
                yield rows

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, whole or not at all; raises CannotReach."""
        with self._refusals():
            self._make_ready()
            with self._engine.begin() as rows:
                yield rows

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """What a driver says may hold what was written: its kind is told, and no more."""
        if self._is_away():
            raise CannotReach("工单所在的共享数据库不通 · the database of cases is away")
        try:
            yield
        except IntegrityError:
            raise
        except SchemaNewer as newer:
            raise CannotReach(f"工单数据库：{newer}") from None
        except (SQLAlchemyError, OSError) as fault:
            kind = type(getattr(fault, "orig", None) or fault).__name__
            raise CannotReach(
                f"工单数据库现在用不了：{kind}；检查 cases.database 和磁盘 · the database of cases"
                " does not answer"
            ) from None

    def _make_ready(self) -> None:
        if not self._ready:
            migrate(self._engine)
            self._ready = True


def migrate(engine: Engine) -> int:
    """Bring the schema up to date, one process at a time; its version."""
    return brought_up_to_date(engine, SCHEMA, "schema_version")


def columns(engine: Engine) -> dict[str, set[str]]:
    """What a migrated database has, by table."""
    seen = inspect(engine)
    return {
        name: {each["name"] for each in seen.get_columns(name)} for name in seen.get_table_names()
    }


def _engine(url: str) -> Engine:
    """A connection for each use: moves are rare, and none outlives a database that goes away."""
    given = patience_with(url, connect_seconds=CONNECT_SECONDS, options=_SERVER)
    engine = create_engine(url, poolclass=NullPool, connect_args=given)
    whole_transactions(engine, busy_seconds=BUSY_SECONDS)
    return engine


def _one(rows: Connection, number: str) -> Case:
    found = rows.execute(select(CASE).where(CASE.c.number == number)).first()
    if found is None:
        raise NoCase(f"没有编号 {number} 的工单 · no case {number}")
    return told(_filed(found._mapping), _events_of(rows, [number])[number])


def _events_of(rows: Connection, numbers: Sequence[str]) -> dict[str, list[Event]]:
    query = select(_EVENT).where(_EVENT.c.number.in_(numbers)).order_by(_EVENT.c.n)
    events: dict[str, list[Event]] = {}
    for row in rows.execute(query):
        events.setdefault(row.number, []).append(_event(row._mapping))
    return events


def _added(rows: Connection, case: Case, event: Event) -> Case:
    """Write an event behind those that were seen, or behind none: two cannot be the next."""
    grown = after(case, event)
    written = rows.execute(
        update(CASE)
        .where(CASE.c.number == case.number, CASE.c.version == case.version)
        .values(**_derived(grown))
    )
    if written.rowcount == 0:
        raise Outrun(_who_was_first(_one(rows, case.number)))
    rows.execute(insert(_EVENT).values(**_line(case.number, event)))
    return grown


def _called_for(case: Case) -> tuple[datetime, str]:
    return case.call_wanted or case.filed.at, case.number


def _check_target(rows: Connection, case: Case, number: str) -> None:
    """What others were merged into stays where it is found: chains lead to a case that is open."""
    try:
        target = _one(rows, number)
    except NoCase as none:
        raise Refused(str(none)) from none
    if target.state in (State.MERGED, State.REJECTED):
        raise Refused(f"{number} 是{target.state.words}，不能并入 · cannot be merged into")


def _who_was_first(case: Case) -> str:
    last = case.events[-1]
    return (
        f"{last.by}刚刚做了{last.move.words}，{case.number} 现在是{case.state.words}；请看过再办 ·"
        " somebody else was first"
    )


def _conditions(sought: Sought) -> Iterator[Any]:
    if sought.states is not None:
        yield CASE.c.state.in_(sorted(sought.states))
    if sought.kind:
        yield CASE.c.kind == sought.kind
    if sought.handler:
        yield CASE.c.handler == sought.handler
    if sought.begins:
        yield CASE.c.number.startswith(sought.begins, autoescape=True)
    if sought.left_by:
        yield CASE.c.person.in_(sought.left_by) | CASE.c.caller.in_(sought.left_by)
    if sought.since is not None:
        yield CASE.c.filed_at >= stamp(sought.since)
    if sought.until is not None:
        yield CASE.c.filed_at < stamp(sought.until)


def stamp(moment: datetime) -> str:
    """UTC, of one length, so that text is in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _row(filed: Filed) -> dict[str, Any]:
    return {
        "number": filed.number,
        "kind": filed.kind,
        "session": filed.session,
        "person": filed.person,
        "filed_at": stamp(filed.at),
        "path": filed.path,
        "ms": filed.ms,
        "sha256": filed.sha256,
        "caller": filed.caller,
        "origin": filed.origin,
    }


def _derived(case: Case) -> dict[str, Any]:
    return {
        "version": case.version,
        "state": case.state,
        "handler": case.handler,
        "held": int(case.held),
        "to_call": int(case.call_wanted is not None),
        "spared": int(case.spared),
    }


def _line(number: str, event: Event) -> dict[str, Any]:
    return {
        "number": number,
        "n": event.n,
        "at": stamp(event.at),
        "move": event.move,
        "made_by": event.by,
        "office": event.office,
        "text": event.text,
        "handler": event.handler,
        "days": event.days,
        "into_number": event.number,
        "content": event.content,
        "told": 0,
    }


def _filed(row: Any) -> Filed:
    return Filed(
        row["number"], row["kind"], row["session"], row["person"],
        datetime.fromisoformat(row["filed_at"]), row["path"], row["ms"], row["sha256"],
        row["caller"], row["origin"],
    )  # fmt: skip


def _event(row: Any) -> Event:
    return Event(
        row["n"], datetime.fromisoformat(row["at"]), Move(row["move"]), row["made_by"],
        Office(row["office"]), row["text"], row["handler"], row["days"], row["into_number"],
        row["content"],
    )  # fmt: skip
