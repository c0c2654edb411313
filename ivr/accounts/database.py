"""Look-ups in any database that SQLAlchemy reaches, by the centre's own queries."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ivr.accounts.causes import cause, missing_driver
from ivr.accounts.outcomes import (
    Empty,
    Found,
    Fund,
    Loan,
    NotFound,
    RightPassword,
    Several,
    Unavailable,
    WrongPassword,
)
from ivr.accounts.passwords import NoHash, matches
from ivr.config import Settings, SettingsError
from ivr.people.identity import IdNumber
from ivr.people.sensitive import Sensitive

log = logging.getLogger(__name__)

T = TypeVar("T")
Row = Mapping[str, Any]

POOL = 10
_CENT = Decimal("0.01")
_MOST = Decimal(10) ** 10
_FUND_COLUMNS = frozenset({"paid_to", "monthly_deposit", "balance"})
_LOAN_COLUMNS = frozenset({"term_years", "periods_repaid", "balance"})
_PASSWORD_COLUMNS = frozenset({"hash"})
_YEAR_MONTH = re.compile(r"(\d{4})-?(0[1-9]|1[0-2])\Z", re.ASCII)


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
    pool: dict[
        str, Any
    ] = (  # a file is opened for each query: an import meets no reader that stays
        {"connect_args": patience, "poolclass": NullPool}
        if sqlite
        else {"pool_size": POOL, "pool_pre_ping": True}
    )
    try:
        engine = create_async_engine(url, hide_parameters=True, **pool)
    except (SQLAlchemyError, ImportError) as unusable:
        backend, driver = url.get_backend_name(), _driver(url)
        raise SettingsError(missing_driver(backend, driver)) from unusable
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
        self._fund = text(settings.accounts.fund_query)
        self._loan = text(settings.accounts.loan_query)
        self._password = text(settings.accounts.password_query)
        self._passwords_wanted = settings.accounts.password
        self._file = _file(engine.url)
        self._given_up: set[asyncio.Task[Any]] = set()

    async def fund(
        self, number: IdNumber
    ) -> Found[Fund] | NotFound | Several | Empty | Unavailable:
        """See Accounts."""
        return await self._ask(self._fund, number, _FUND_COLUMNS, _fund)

    async def loan(
        self, number: IdNumber
    ) -> Found[Loan] | NotFound | Several | Empty | Unavailable:
        """See Accounts."""
        return await self._ask(self._loan, number, _LOAN_COLUMNS, _loan)

    async def password(
        self, number: IdNumber, entered: Sensitive[str]
    ) -> RightPassword | WrongPassword | Unavailable:
        """See Accounts."""
        try:
            found = self._rows(self._password, _names(number), _PASSWORD_COLUMNS)
            rows = await self._in_time(found)
            kept = str(rows[0]["hash"]) if len(rows) == 1 else None
            right = await asyncio.to_thread(matches, kept, entered)
        except (SQLAlchemyError, OSError, TimeoutError, Nonsense, NoHash) as failed:
            return _unavailable(failed)
        return RightPassword() if right else WrongPassword()

    async def fault(self) -> str | None:
        """Whether both queries run; they are asked for a number that nobody has."""
        queries = {"fund": (self._fund, _FUND_COLUMNS), "loan": (self._loan, _LOAN_COLUMNS)}
        if self._passwords_wanted:
            queries["password"] = (self._password, _PASSWORD_COLUMNS)
        for name, (query, columns) in queries.items():
            if fault := await self._fault_of(query, columns):
                return f"{name}_query: {fault}"
        return None

    async def _fault_of(self, query: Any, columns: frozenset[str]) -> str | None:
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
        columns: frozenset[str],
        account: Callable[[Row], T],
    ) -> Found[T] | NotFound | Several | Empty | Unavailable:
        rows = self._rows(query, _names(number), columns)
        try:
            return _outcome(await self._in_time(rows), account)
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
        self, query: Any, names: Mapping[str, str], columns: frozenset[str]
    ) -> Sequence[Row]:
        if self._file is not None and not self._file.exists():  # SQLite would make an empty one
            raise FileNotFoundError(f"{self._file} does not exist")
        async with self._engine.connect() as connection:
            result = await connection.execute(query, names)
            lacking = columns - set(result.keys())
            if lacking:  # also where nobody is found: a wrong query must not say so of everybody
                raise Nonsense(f"the query returns no column {', '.join(sorted(lacking))}")
            return [dict(row) for row in result.mappings().fetchmany(2)]


def _names(number: IdNumber) -> dict[str, str]:
    """Both forms of the number, as the queries call them."""
    long, short = number.id18.reveal(), number.id15.reveal()
    return {"id18": long, "id15": short or long}


def _unavailable(failed: Exception) -> Unavailable:
    reason = _reason(failed)
    log.warning("an account could not be asked for: %s", reason)
    return Unavailable(reason, answered=isinstance(failed, Nonsense | NoHash))


def _outcome(
    rows: Sequence[Row], account: Callable[[Row], T]
) -> Found[T] | NotFound | Several | Empty:
    if not rows:
        return NotFound()
    if len(rows) > 1:
        return Several()
    if rows[0]["balance"] is None:
        return Empty()
    return Found(account(rows[0]))


def _fund(row: Row) -> Fund:
    return Fund(_year_month(row, "paid_to"), _money(row, "monthly_deposit"), _money(row, "balance"))


def _loan(row: Row) -> Loan:
    return Loan(_whole(row, "term_years"), _whole(row, "periods_repaid"), _money(row, "balance"))


def _money(row: Row, name: str) -> Sensitive[Decimal]:
    """Yuan; stored as a number or a text. Money is never a float beyond this line."""
    try:
        value = Decimal(str(row[name]))
    except InvalidOperation:
        raise Nonsense(f"{name} is no amount") from None
    if not value.is_finite() or not 0 <= value < _MOST:
        raise Nonsense(f"{name} is no amount that can be")
    return Sensitive(value.quantize(_CENT))


def _whole(row: Row, name: str) -> int:
    written = str(row[name])
    if not (written.isascii() and written.isdigit() and len(written) <= 4):
        raise Nonsense(f"{name} is no count")
    return int(written)


def _year_month(row: Row, name: str) -> str:
    found = _YEAR_MONTH.match(str(row[name]))
    if found is None:
        raise Nonsense(f"{name} is not YYYY-MM")
    return f"{found[1]}-{found[2]}"


def _reason(failed: Exception) -> str:
    """What went wrong, without what was asked for."""
    if isinstance(failed, Nonsense | NoHash | FileNotFoundError):
        return str(failed)
    return cause(failed) if str(failed) else "没有回应 · no answer in time"
