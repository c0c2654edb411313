"""Where accounts are asked for: a server, by a driver that waits for it, or a file of SQLite's.

Both answer within a time, in seconds, and raise TimeoutError after it; or whatever a driver raises.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import ClauseElement
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from ivr.accounts.rows import MOST_ROWS

POOL = 10
"""So many questions at once; the next ones wait."""
STEPS = 10_000
"""Of SQLite's, some tenths of a millisecond: so often a question looks whether it is still wanted;
a look-up by an index takes a hundred.
"""
Told = tuple[list[str], Sequence[Sequence[Any]]]
"""Names of the columns in lower case, and the first MOST_ROWS rows."""


class Source(Protocol):
    """What is asked."""

    async def ask(self, query: ClauseElement, asked: Mapping[str, str]) -> Told:
        """What a query finds, in time."""

    async def close(self) -> None:
        """Let go of it."""


class Server:
    """Any that SQLAlchemy reaches without blocking; it need not be up yet."""

    def __init__(self, url: URL, limit: float) -> None:
        self._limit = limit
        self._engine = create_async_engine(
            url, hide_parameters=True, pool_size=POOL, pool_pre_ping=True
        )
        self._given_up: set[asyncio.Task[Told]] = set()

    async def ask(self, query: Any, asked: Mapping[str, str]) -> Told:
        """See Source. In time though the driver has not given up by then.

        On a frozen server psycopg takes ten seconds more to cancel a query.
        """
        task = asyncio.create_task(self._ask(query, asked))
        try:
            await asyncio.wait({task}, timeout=self._limit)
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            self._give_up(task)

    async def _ask(self, query: Any, asked: Mapping[str, str]) -> Told:
        async with self._engine.connect() as connection:
            found = await connection.execute(query, asked)
            names = [name.lower() for name in found.keys()]  # noqa: SIM118  rows have no names
            return names, found.fetchmany(MOST_ROWS)

    def _give_up(self, task: asyncio.Task[Told]) -> None:
        if not task.done():
            task.cancel()
            self._given_up.add(task)
            task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[Told]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more

    async def close(self) -> None:
        """See Source; what was given up may first end in order."""
        if self._given_up:
            await asyncio.wait(self._given_up, timeout=self._limit)
        await self._engine.dispose()


@dataclass(slots=True)
class _Question:
    """What a thread is to find out, for as long as somebody waits for it."""

    query: ClauseElement
    asked: Mapping[str, str]
    is_wanted: bool = True

    def is_over(self) -> bool:
        """SQLite goes no further then."""
        return not self.is_wanted


@dataclass(frozen=True, slots=True)
class _Opened:
    """A connection to a file, and by which that file is told from another one of its name."""

    connection: sqlite3.Connection
    identity: tuple[int, int]


class File:
    """SQLite's, asked in threads of ours, each question in one step.

    A driver that goes to a thread and back for every step of it (aiosqlite), and an engine around
    it, take several times as long (docs/decisions/speed.md). A question that nobody waits for any
    more is broken off, so that its thread is free.

    Connections are kept, the last one used is the next: opening one costs some milliseconds under
    load. But a kept one must not stand in the way of an import: to leave WAL at its end that needs
    the file for itself (store.py), and who has read in WAL holds on to it until closed.
    """

    def __init__(self, file: Path, limit: float) -> None:
        self._file = file
        self._wal = file.with_name(f"{file.name}-wal")
        self._limit = limit
        self._threads = ThreadPoolExecutor(POOL, thread_name_prefix="accounts")
        self._kept: list[_Opened] = []

    async def ask(self, query: ClauseElement, asked: Mapping[str, str]) -> Told:
        """See Source."""
        question = _Question(query, asked)
        try:
            async with asyncio.timeout(self._limit):
                return await asyncio.wrap_future(self._threads.submit(self._ask, question))
        finally:
            question.is_wanted = False

    async def close(self) -> None:
        """See Source."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while self._kept:
            self._kept.pop().connection.close()

    def _ask(self, question: _Question) -> Told:
        words, values = _written(question.query)
        with self._taken() as connection:
            connection.set_progress_handler(question.is_over, STEPS)
            with closing(connection.execute(words, {**values, **question.asked})) as found:
                names = [column[0].lower() for column in found.description or ()]
                return names, found.fetchmany(MOST_ROWS)

    @contextmanager
    def _taken(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file that is there now."""
        identity = self._identity()
        opened = self._last(identity) or self._opened(identity)
        try:
            yield opened.connection
        except BaseException:
            opened.connection.close()
            raise
        if self._wal.exists():
            opened.connection.close()
        else:
            self._kept.append(opened)

    def _last(self, identity: tuple[int, int]) -> _Opened | None:
        """The connection that was used last; none of a file that is no more."""
        with suppress(IndexError):
            while (kept := self._kept.pop()).identity != identity:
                kept.connection.close()
            return kept
        return None

    def _opened(self, identity: tuple[int, int]) -> _Opened:
        connection = sqlite3.connect(self._file, timeout=self._limit, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        return _Opened(connection, identity)

    def _identity(self) -> tuple[int, int]:
        try:
            seen = self._file.stat()
        except FileNotFoundError:  # SQLite would make an empty one
            raise FileNotFoundError(f"{self._file} does not exist") from None
        return seen.st_dev, seen.st_ino


@lru_cache
def _written(query: ClauseElement) -> tuple[str, Mapping[str, Any]]:
    """A query in SQLite's own words, and the values that it names itself."""
    compiled: Any = query.compile(dialect=sqlite.dialect(paramstyle="named"))
    values = {name: each.value for name, each in compiled.binds.items() if not each.required}
    return str(compiled), values
