"""Where accounts are asked for: a server, by a driver that waits for it, or a file of SQLite's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL, Result
from sqlalchemy.ext.asyncio import create_async_engine

from ivr.accounts.kept import keep_while_same
from ivr.accounts.rows import MOST_ROWS

POOL = 10
"""So many questions at once; the next ones wait."""
Told = tuple[list[str], Sequence[Sequence[Any]]]
"""Names of the columns in lower case, and the first MOST_ROWS rows."""


class Source(Protocol):
    """What is asked; raises whatever a driver does."""

    async def ask(self, query: Any, asked: Mapping[str, str]) -> Told:
        """What a query of SQLAlchemy's finds."""

    async def close(self) -> None:
        """Let go of it."""


class Server:
    """Any that SQLAlchemy reaches without blocking; it need not be up yet."""

    def __init__(self, url: URL) -> None:
        self._engine = create_async_engine(
            url, hide_parameters=True, pool_size=POOL, pool_pre_ping=True
        )

    async def ask(self, query: Any, asked: Mapping[str, str]) -> Told:
        """See Source."""
        async with self._engine.connect() as connection:
            return _told(await connection.execute(query, asked))

    async def close(self) -> None:
        """See Source."""
        await self._engine.dispose()


class File:
    """SQLite's, asked in threads of ours, each question in one step.

    A driver that goes to a thread and back for every step of it (aiosqlite) takes several times as
    long (docs/decisions/speed.md). A question that nobody waits for any more is broken off.
    `patience`: seconds to wait for whoever writes the file.
    """

    def __init__(self, url: URL, file: Path, patience: float) -> None:
        self.engine = create_engine(
            url.set(drivername="sqlite"),
            hide_parameters=True,
            pool_size=POOL,
            connect_args={"timeout": patience, "check_same_thread": False},
        )
        self._file = file
        self._threads = ThreadPoolExecutor(POOL, thread_name_prefix="accounts")
        keep_while_same(self.engine, file)

    async def ask(self, query: Any, asked: Mapping[str, str]) -> Told:
        """See Source."""
        loop, going_on = asyncio.get_running_loop(), _GoingOn()
        try:
            return await loop.run_in_executor(self._threads, self._ask, query, asked, going_on)
        except asyncio.CancelledError:
            going_on.break_off()
            raise

    async def close(self) -> None:
        """See Source."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()

    def _ask(self, query: Any, asked: Mapping[str, str], going_on: _GoingOn) -> Told:
        if not self._file.exists():  # SQLite would make an empty one
            raise FileNotFoundError(f"{self._file} does not exist")
        with self.engine.connect() as connection, going_on.on(connection):
            return _told(connection.execute(query, asked))


class _GoingOn:
    """One question to a file while it is answered in its thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection: Any = None
        """The driver's own, for as long as it is this question's."""

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """It is asked on this connection."""
        with self._lock:
            self._connection = connection.connection.dbapi_connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None

    def break_off(self) -> None:
        """SQLite stops at its next step, where it has begun."""
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()


def _told(found: Result[Any]) -> Told:
    names = [name.lower() for name in found.keys()]  # noqa: SIM118  rows have no names
    return names, found.fetchmany(MOST_ROWS)
