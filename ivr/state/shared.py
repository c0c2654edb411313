"""The database of shared state, asked beside the calls: nobody waits for it longer than 300 ms.

Each question is one transaction in a thread. One that is not answered in time is given up by
ending its connection, so that no thread is left behind; whether it was carried out is not known
then, and whoever asks must be able to ask again without doing it twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
)
from sqlalchemy.exc import (
    ArgumentError,
    NoSuchModuleError,
    ProgrammingError,
    SQLAlchemyError,
)

from ivr.config import Settings, SettingsError
from ivr.database import SchemaNewer, brought_up_to_date, patience_with, whole_transactions

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Connection], T]
"""What is to be done in one transaction; it may be done again after an outcome nobody knows."""

CALLER_SECONDS: Final = 0.3
"""A caller waits no longer, and once only: after that nobody asks until it is back."""
REST_SECONDS: Final = 5.0
"""So long after it was lost no caller tries it, though it answers: it may be failing in turns."""
CONNECTIONS: Final = 5
_CONNECT_SECONDS: Final = 2
"""The shortest that libpq can do."""
_SERVER: Final = (
    "-c statement_timeout=4000 -c idle_in_transaction_session_timeout=4000"
    " -c synchronous_commit=off"
)
"""Who is stopped in the middle of a transaction must not hold the others up. What a crash of the
server could lose, the last tenths of a second of counts, each node still has in its memory."""
_FULL: Final = ("too many clients", "too many connections", "remaining connection slots")
SCHEMA: Final = Path(__file__).resolve().parent / "schema"


class CannotReach(Exception):
    """The database does not answer, or not in time; says so without what was asked."""


class TooNew(CannotReach):
    """It answers, and a later program has changed its schema: this one must not use it."""


class Away:
    """No answer: whoever asked decides by what this node knows itself."""


AWAY: Final = Away()


class Shared:
    """One database, and whether it can be asked just now."""

    def __init__(
        self,
        settings: Settings,
        *,
        caller_seconds: float = CALLER_SECONDS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self.engine = _engine(settings)
        self.up = False
        """Whether callers' questions go there."""
        self.complaint = "还没有连上 · not reached yet"
        """Why it is away."""
        self.losses = 0
        self._patience = caller_seconds
        self._rest = rest_seconds
        self._lost_at = float("-inf")
        self._threads = ThreadPoolExecutor(2 * CONNECTIONS, thread_name_prefix="state")
        self._running: set[asyncio.Task[Any]] = set()
        self._ready = False
        self._jobs: set[_Job] = set()

    async def ask(self, work: Work[T]) -> T | Away:
        """The answer for a caller, within CALLER_SECONDS; AWAY at once while there is none."""
        if not self.up:
            return AWAY
        task = asyncio.create_task(self._for_caller(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def attempt(self, work: Work[T], seconds: float) -> T:
        """The answer within so long, whether it was away or not; raises CannotReach."""
        job = _Job()
        self._jobs.add(job)
        doing = asyncio.get_running_loop().run_in_executor(self._threads, self._do, job, work)
        doing.add_done_callback(lambda _: self._jobs.discard(job))
        try:
            await asyncio.wait({doing}, timeout=seconds)
        finally:
            if not doing.done():
                job.give_up()
                doing.add_done_callback(_seen)
        if not doing.done():
            raise CannotReach(_no_answer(seconds))
        return _result(doing)

    def within(self, work: Work[T], seconds: float) -> T:
        """`attempt` for a thread that may wait; raises CannotReach."""
        job = _Job()
        self._jobs.add(job)
        doing = self._threads.submit(self._do, job, work)
        doing.add_done_callback(lambda _: self._jobs.discard(job))
        wait([doing], seconds)
        if not doing.done():
            job.give_up()
            raise CannotReach(_no_answer(seconds))
        return _result(doing)

    def at_once(self, work: Work[T]) -> T:
        """For commands: the answer, however long it takes; raises CannotReach."""
        done: Future[T] = Future()
        try:
            done.set_result(self._do(_Job(), work))
        except Exception as failed:  # noqa: BLE001  told below, or raised as it was
            done.set_exception(failed)
        return _result(done)

    def lost(self, complaint: str) -> None:
        """It does not answer: from now on nobody waits for it."""
        if self.up:
            log.warning("shared state is away, calls go on by what this node knows: %s", complaint)
            self.losses += 1
        self.up = False
        self.complaint = complaint
        self._lost_at = time.monotonic()

    def may_be_found(self) -> bool:
        """Whether it has rested long enough."""
        return self.up or time.monotonic() >= self._lost_at + self._rest

    def found(self) -> None:
        """It answers, and knows all that was kept for it: callers ask it again."""
        if not self.up:
            log.info("shared state answers")
        self.up = True
        self.complaint = ""

    def close(self) -> None:
        """End what is still being asked, and let the database go."""
        for job in list(self._jobs):
            job.give_up()
        self._threads.shutdown()
        self.engine.dispose()

    async def _for_caller(self, work: Work[T]) -> T | Away:
        try:
            return await self.attempt(work, self._patience)
        except CannotReach as gone:
            self.lost(str(gone))
            return AWAY

    def _do(self, job: _Job, work: Work[T]) -> T:
        if not self._ready:
            brought_up_to_date(self.engine, SCHEMA, "state_version")
            self._ready = True
        with self.engine.connect() as rows:
            job.holds(rows)
            try:
                with rows.begin():
                    return work(rows)
            except ProgrammingError:  # perhaps a table that is not there: made anew meanwhile
                self._ready = False
                raise
            finally:
                job.let_go()


class _Job:
    """One transaction, and the connection that it uses, which others may end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._given_up = False

    def holds(self, rows: Connection) -> None:
        """Of a server: its socket, by a descriptor of our own, which nobody else can reuse."""
        fileno = getattr(rows.connection.dbapi_connection, "fileno", None)
        with self._lock:
            if self._given_up:
                raise TimeoutError
            if fileno is not None:
                self._socket = socket.socket(fileno=os.dup(fileno()))

    def let_go(self) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    def give_up(self) -> None:
        """Nobody waits for it any more: what waits for the server learns that it has gone."""
        with self._lock:
            self._given_up = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


def asked_once(settings: Settings, work: Work[T]) -> T:
    """`at_once`, for whoever asks seldom and keeps no connection; raises CannotReach."""
    with closing(Shared(settings)) as shared:
        return shared.at_once(work)


def _no_answer(seconds: float) -> str:
    return f"{seconds:g} 秒没有回答 · no answer within {seconds:g} s"


def _result(doing: asyncio.Future[T] | Future[T]) -> T:
    """Raises CannotReach for what a driver says: its words may hold what was written."""
    try:
        return doing.result()
    except SchemaNewer as newer:
        raise TooNew(str(newer)) from None
    except (SQLAlchemyError, OSError) as fault:
        raise CannotReach(_in_words(getattr(fault, "orig", None) or fault)) from None


def _in_words(fault: BaseException) -> str:
    """libpq has no code for who is refused a connection, only the server's words."""
    if any(words in str(fault) for words in _FULL):
        return (
            "PostgreSQL 的连接用完了：加大 max_connections，见 `ivr node list`"
            " · PostgreSQL has no connection left"
        )
    return f"数据库用不了：{type(fault).__name__} · the database of [state] fails"


def _seen(doing: asyncio.Future[Any]) -> None:
    """Its failure is no news."""
    if not doing.cancelled():
        doing.exception()


def _engine(settings: Settings) -> Engine:
    if settings.state.url is None:
        raise SettingsError("没有设置 state.url · [state] is not set")
    url = settings.state.url.get_secret_value()
    server = patience_with(url, connect_seconds=_CONNECT_SECONDS, options=_SERVER)
    given: dict[str, Any] = {"connect_args": server or {"check_same_thread": False}}
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=_CONNECT_SECONDS,
            **given,
        )
    except ArgumentError:
        raise SettingsError("state.url 不是 SQLAlchemy 的地址 · is no URL of SQLAlchemy") from None
    except (NoSuchModuleError, ImportError):
        raise SettingsError(
            "state.url 的驱动没有装：pip install 'ivr-12329[postgres]'"
            " · its driver is not installed"
        ) from None
    whole_transactions(engine, busy_seconds=CALLER_SECONDS)
    return engine
