"""Look-ups in any database that SQLAlchemy reaches, by the centre's own queries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ivr.accounts import rows
from ivr.accounts.causes import cause, missing_driver
from ivr.accounts.kept import keep_while_same
from ivr.accounts.outcomes import (
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
from ivr.config import Settings, SettingsError
from ivr.people.identity import IdNumber, parse
from ivr.people.sensitive import Sensitive

log = logging.getLogger(__name__)

T = TypeVar("T")

POOL = 10
_PASSWORD_COLUMNS = ("hash",)


class Nonsense(ValueError):
    """The database answered with something that is no account; names the column, not the value."""


def database_url(settings: Settings) -> URL:
    """The URL of the settings, or `accounts.sqlite` under the home folder."""
    if settings.accounts.url is None:
        return make_url(f"sqlite+aiosqlite:///{settings.home.absolute() / 'accounts.sqlite'}")
    try:
        return make_url(settings.accounts.url.get_secret_value())
    except ArgumentError:
        raise SettingsError(
            "accounts.url is no SQLAlchemy URL (driver://user:…@host/name)"
        ) from None


def _file(url: URL) -> Path | None:
    """Where a database of SQLite's lies; None for others, and for one in memory."""
    named = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    return Path(str(url.database)) if named else None


def _driver(url: URL) -> str:
    """What the URL asks for by name, or by leaving it out."""
    _, plus, named = url.drivername.partition("+")
    return named if plus else "未写 (none)"


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Database]:
    """The accounts of this line, until the context ends; the database need not be up yet."""
    url = database_url(settings)
    sqlite = url.get_backend_name() == "sqlite"
    patience = {"timeout": settings.accounts.query_seconds}
    doors = {"connect_args": patience} if sqlite else {"pool_pre_ping": True}
    try:
        engine = create_async_engine(url, hide_parameters=True, pool_size=POOL, **doors)
    except (SQLAlchemyError, ImportError) as unusable:
        backend, driver = url.get_backend_name(), _driver(url)
        raise SettingsError(missing_driver(backend, driver)) from unusable
    if file := _file(url):
        keep_while_same(engine, file)
    database = Database(engine, settings)
    try:
        yield database
    finally:
        await database.close()


class Database:
    """The two queries of the settings, with a time limit, and their rows as outcomes."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._limit = settings.accounts.query_seconds
        self._closed = settings.accounts.closed
        self._fund = text(settings.accounts.fund_query)
        self._loan = text(settings.accounts.loan_query)
        self._password = text(settings.accounts.password_query)
        self._passwords_wanted = settings.accounts.password
        self._file = _file(engine.url)
        self._test_id = _test_id(settings)
        self._given_up: set[asyncio.Task[Any]] = set()

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
            found = self._rows(self._password, _names(number), _PASSWORD_COLUMNS)
            holders = await self._in_time(found)
            kept = str(holders[0]["hash"]).strip() if len(holders) == 1 else None
            right = await asyncio.to_thread(matches, kept, entered)
        except (SQLAlchemyError, OSError, TimeoutError, Nonsense, NoHash) as failed:
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

    async def sample_fault(self) -> str | None:
        """Whether a real row can be told: of `accounts.test_id`, or of anybody in our own file."""
        for name, ask in {"fund": self.fund, "loan": self.loan}.items():
            number = self._test_id or await self._anybody(name)
            if number is None:
                continue
            match await ask(number):
                case Unsayable(column):
                    return (
                        f"{name}_query: 真实的一行里，列 {column} 的内容电话里播报不了"
                        f" · column {column} of a real row cannot be said"
                    )
                case Unavailable(reason):
                    return f"{name}_query: {reason}"
                case NotFound() if name == "fund":
                    return "accounts.test_id 查不到公积金账户 · test_id has no fund account"
        return None

    async def _anybody(self, kind: str) -> IdNumber | None:
        """Somebody of the line's own file who is told a balance; None where there is none."""
        if self._file is None:
            return None
        query = text(
            f"SELECT id_number FROM {kind}_account GROUP BY id_number"  # noqa: S608  ours
            " HAVING count(*) = 1 AND max(balance) IS NOT NULL LIMIT 1"
        )
        try:
            found = await self._in_time(self._rows(query, {}, ("id_number",)))
        except (SQLAlchemyError, OSError, TimeoutError):
            return None  # another file than ours, asked by other queries
        number = parse(str(found[0]["id_number"]), verify=False) if found else None
        return number if isinstance(number, IdNumber) else None

    async def _fault_of(self, query: Any, columns: Sequence[str]) -> str | None:
        nobody = {"id18": "-", "id15": "-"}
        try:
            found = await self._in_time(self._rows(query, nobody, columns))
        except (SQLAlchemyError, OSError, TimeoutError, Nonsense) as failed:
            return _reason(failed)
        if found:
            return (
                "没有人的证件号也查到了账户：WHERE 里要用 :id18"
                " · rows for a number that nobody has: the WHERE must ask for :id18"
            )
        return None

    async def close(self) -> None:
        """Let go of the database; what was given up there may first end in order."""
        if self._given_up:
            await asyncio.wait(self._given_up, timeout=self._limit)
        await self._engine.dispose()

    async def _ask(
        self,
        query: Any,
        number: IdNumber,
        columns: Sequence[str],
        account: Callable[[rows.Row], T],
        *,
        closed: Collection[str] = (),
    ) -> Result[T]:
        asked = self._rows(query, _names(number), columns)
        try:
            return rows.outcome(await self._in_time(asked), account, closed=closed)
        except (SQLAlchemyError, OSError, TimeoutError, Nonsense) as failed:
            return _unavailable(failed)

    async def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` comes to; TimeoutError at the limit, not when the driver has given up.

        On a frozen server psycopg takes ten seconds more to cancel a query.
        """
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task}, timeout=self._limit)
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            self._give_up(task)

    def _give_up(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            task.cancel()
            self._given_up.add(task)
            task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more

    async def _rows(
        self, query: Any, asked: Mapping[str, str], columns: Sequence[str]
    ) -> Sequence[rows.Row]:
        if self._file is not None and not self._file.exists():  # SQLite would make an empty one
            raise FileNotFoundError(f"{self._file} does not exist")
        async with self._engine.connect() as connection:
            result = await connection.execute(query, asked)
            names = [name.lower() for name in result.keys()]  # noqa: SIM118  rows have no names
            if lacking := rows.lacking(
                names, columns
            ):  # also where nobody is found: a wrong query must not say so of everybody
                raise Nonsense(f"the query returns no column {', '.join(lacking)}")
            return [dict(zip(names, row, strict=True)) for row in result.fetchmany(rows.MOST_ROWS)]


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
    return cause(failed) if str(failed) else "没有回应 · no answer in time"
