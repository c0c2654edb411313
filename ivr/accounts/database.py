"""Look-ups in any database that SQLAlchemy reaches, by the centre's own queries."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import literal_column, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ivr.accounts import rows
from ivr.accounts.causes import cause, missing_driver
from ivr.accounts.outcomes import (
    Found,
    Fund,
    Loan,
    NotFound,
    Result,
    RightPassword,
    Unavailable,
    Unsayable,
    WrongPassword,
)
from ivr.accounts.passwords import NoHash, matches
from ivr.accounts.sources import File, Server, Source, Told
from ivr.config import Settings, SettingsError
from ivr.config.queries import looked_up_in
from ivr.people.identity import IdNumber, parse
from ivr.people.sensitive import Sensitive

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOKED_AT = 20
"""Rows of a table that are looked through for numbers to ask for."""
SAMPLED = 5
"""People who are asked for, at most."""
_PASSWORD_COLUMNS = ("hash",)
_SQLITE = frozenset({"sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"})
"""How a file of SQLite's may be written; the last is what settings had to say before."""


class Nonsense(ValueError):
    """The database answered with something that is no account; names the column, not the value."""


class Odd(Exception):
    """What a driver or its dialect raised outside its own kinds of error; its cause is that."""


_KNOWN = (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError)
"""What drivers raise of their own kinds."""
FAILURES = (*_KNOWN, Nonsense, Odd)
"""What keeps a query from its rows."""


@dataclass(slots=True)
class Sampled:
    """What asking for real people came to; nobody's number is shown."""

    told: list[tuple[str, IdNumber, Fund | Loan]] = field(default_factory=list)
    """Accounts that were found, by the name of their query: fund or loan."""
    unseen: list[str] = field(default_factory=list)
    """Queries of which no real row could be had: only their columns are known."""
    faults: list[str] = field(default_factory=list)


Ask = Callable[[IdNumber], Awaitable[Result[Any]]]


def database_url(settings: Settings) -> URL:
    """The URL of the settings, or `accounts.sqlite` under the home folder."""
    if settings.accounts.url is None:
        return make_url(f"sqlite:///{settings.home.absolute() / 'accounts.sqlite'}")
    try:
        return make_url(settings.accounts.url.get_secret_value())
    except ArgumentError:
        raise SettingsError(
            "accounts.url is no SQLAlchemy URL (driver://user:…@host/name)"
        ) from None


def _file(url: URL) -> Path | None:
    """Where a database of SQLite's lies; None for others."""
    if url.drivername not in _SQLITE:
        return None
    if url.database in {None, "", ":memory:"}:
        raise SettingsError(
            "accounts.url 没有写出 SQLite 的文件：sqlite:////绝对路径/…"
            " · it names no file of SQLite's"
        )
    if url.query:
        raise SettingsError(
            f"accounts.url 里 SQLite 的文件名后面不能有 ?{next(iter(url.query))}=…：去掉"
            " · a file of SQLite's takes no options"
        )
    return Path(str(url.database))


def _source(url: URL, limit: float) -> Source:
    """Whom to ask; SettingsError where nothing installed can."""
    file = _file(url)
    if file is not None:
        return File(file, limit)
    try:
        return Server(url, limit)
    except (SQLAlchemyError, ImportError) as unusable:
        backend, driver = url.get_backend_name(), _driver(url)
        raise SettingsError(missing_driver(backend, driver)) from unusable


def _driver(url: URL) -> str:
    """What the URL asks for by name, or by leaving it out."""
    _, plus, named = url.drivername.partition("+")
    return named if plus else "未写 (none)"


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Database]:
    """The accounts of this line, until the context ends; the database need not be up yet."""
    source = _source(database_url(settings), settings.accounts.query_seconds)
    database = Database(source, settings)
    try:
        yield database
    finally:
        await database.close()


class Database:
    """The queries of the settings, and their rows as outcomes."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self._source = source
        self._closed = settings.accounts.closed
        self._fund = text(settings.accounts.fund_query)
        self._loan = text(settings.accounts.loan_query)
        self._password = text(settings.accounts.password_query)
        self._passwords_wanted = settings.accounts.password
        self._test_id = _test_id(settings)

    async def fund(self, number: IdNumber) -> Result[Fund]:
        """See Accounts."""
        return await self._ask(
            self._fund, number, rows.FUND_COLUMNS, rows.fund, closed=self._closed
        )

    async def loan(self, number: IdNumber) -> Result[Loan]:
        """See Accounts."""
        return await self._ask(self._loan, number, rows.LOAN_COLUMNS, rows.loan)

    async def password(
        self, number: IdNumber, entered: Sensitive[str]
    ) -> RightPassword | WrongPassword | Unavailable:
        """See Accounts."""
        try:
            holders = await self._rows(self._password, _names(number), _PASSWORD_COLUMNS)
            kept = str(holders[0]["hash"]).strip() if len(holders) == 1 else None
            right = await asyncio.to_thread(matches, kept, entered)
        except (*FAILURES, NoHash) as failed:
            return _unavailable(failed)
        return RightPassword() if right else WrongPassword()

    async def fault(self) -> str | None:
        """Whether both queries run; they are asked for a number that nobody has."""
        queries: dict[str, tuple[Any, Sequence[str]]] = {
            "fund": (self._fund, rows.FUND_COLUMNS),
            "loan": (self._loan, rows.LOAN_COLUMNS),
        }
        if self._passwords_wanted:
            queries["password"] = (self._password, _PASSWORD_COLUMNS)
        for name, (query, columns) in queries.items():
            if fault := await self._fault_of(query, columns):
                return f"{name}_query: {fault}"
        return None

    async def sample(self) -> Sampled:
        """What real rows come to: of `accounts.test_id`, or of somebody whom the table has."""
        sampled = Sampled()
        for name, ask in {"fund": self.fund, "loan": self.loan}.items():
            await self._sample(sampled, name, ask)
        return sampled

    async def _sample(self, sampled: Sampled, name: str, ask: Ask) -> None:
        """Ask for a few people until one has an account that can be told."""
        if self._test_id is not None:
            people: Sequence[IdNumber] = [self._test_id]
        else:
            people = await self._people(str(getattr(self, f"_{name}"))) or []
        results = [(number, await ask(number)) for number in people]
        for number, result in results:
            match result:
                case Unsayable(column):
                    sampled.faults.append(
                        f"{name}_query: 真实的一行里，列 {column} 的内容电话里播报不了"
                        f" · column {column} of a real row cannot be said"
                    )
                    return
                case Unavailable(reason):
                    sampled.faults.append(f"{name}_query: {reason}")
                    return
                case Found(account):
                    sampled.told.append((name, number, account))
        if self._test_id is None:
            if not any(told[0] == name for told in sampled.told):
                sampled.unseen.append(name)
        elif name == "fund" and isinstance(results[0][1], NotFound):
            sampled.faults.append("accounts.test_id 查不到公积金账户 · test_id has no fund account")

    async def _people(self, query: str) -> Sequence[IdNumber]:
        """Some whom the table of a query has; nobody where its text does not tell which it is."""
        place = looked_up_in(query)
        if place is None:
            return ()
        table, column = place
        some: Any = select(literal_column(column)).select_from(text(table)).limit(LOOKED_AT)
        try:
            found = await self._fetched(some, {})
        except FAILURES:
            return ()
        parsed = [parse(str(row[0]).strip(), verify=False) for row in found[1]]
        people = {each.id18.reveal(): each for each in parsed if isinstance(each, IdNumber)}
        return list(people.values())[:SAMPLED]

    async def _fault_of(self, query: Any, columns: Sequence[str]) -> str | None:
        nobody = {"id18": "-", "id15": "-"}
        try:
            found = await self._rows(query, nobody, columns)
        except FAILURES as failed:
            return _reason(failed)
        if found:
            return (
                "没有人的证件号也查到了账户：WHERE 里要用 :id18"
                " · rows for a number that nobody has: the WHERE must ask for :id18"
            )
        return None

    async def close(self) -> None:
        """Let go of the database."""
        await self._source.close()

    async def _ask(
        self,
        query: Any,
        number: IdNumber,
        columns: Sequence[str],
        account: Callable[[rows.Row], T],
        *,
        closed: Collection[str] = (),
    ) -> Result[T]:
        try:
            held = await self._rows(query, _names(number), columns)
            return rows.outcome(held, account, closed=closed)
        except FAILURES as failed:
            return _unavailable(failed)

    async def _rows(
        self, query: Any, asked: Mapping[str, str], columns: Sequence[str]
    ) -> Sequence[rows.Row]:
        names, found = await self._fetched(query, asked)
        if lacking := rows.lacking(
            names, columns
        ):  # also where nobody is found: a wrong query must not say so of everybody
            raise Nonsense(f"the query returns no column {', '.join(lacking)}")
        return [dict(zip(names, row, strict=True)) for row in found]

    async def _fetched(self, query: Any, asked: Mapping[str, str]) -> Told:
        """What the source tells; what drivers raise besides is Odd."""
        try:
            return await self._source.ask(query, asked)
        except _KNOWN:
            raise
        except Exception as odd:  # drivers and dialects of every kind; a call must not end of it
            raise Odd from odd


def _test_id(settings: Settings) -> IdNumber | None:
    """The number that `ivr doctor` asks for; SettingsError where it is none."""
    given = settings.accounts.test_id
    if given is None:
        return None
    number = parse(given.get_secret_value(), verify=False)
    if not isinstance(number, IdNumber):
        raise SettingsError("accounts.test_id 不是十五位或十八位的证件号 · is no ID number")
    return number


def _names(number: IdNumber) -> dict[str, str]:
    """Both forms of the number, as the queries call them."""
    long, short = number.id18.reveal(), number.id15.reveal()
    return {"id18": long, "id15": short or long}


def _unavailable(failed: Exception) -> Unavailable:
    reason = _reason(failed)
    log.warning("an account could not be asked for: %s", reason)
    return Unavailable(reason, answered=isinstance(failed, Nonsense | NoHash))


def _reason(failed: Exception) -> str:
    """What went wrong, without what was asked for."""
    if isinstance(failed, Nonsense | NoHash | FileNotFoundError):
        return str(failed)
    silent = isinstance(failed, TimeoutError) and not str(failed)
    return "没有回应 · no answer in time" if silent else cause(failed)
