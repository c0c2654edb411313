"""Accounts behind circuit breakers: callers do not wait for a database that is down."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ivr.accounts.breaker import Breaker, State
from ivr.accounts.outcomes import (
    Accounts,
    Fund,
    Loan,
    Result,
    RightPassword,
    Unavailable,
    WrongPassword,
)
from ivr.config import AccountsSettings
from ivr.people.identity import IdNumber
from ivr.people.sensitive import Sensitive

log = logging.getLogger(__name__)

T = TypeVar("T")

EXAMINATION_SECONDS = 1.0
"""The health page waits no longer: who asks for it takes a slow answer for a hung service."""


class Guarded:
    """The same accounts; while a query's breaker is open its answer is Unavailable, at once."""

    def __init__(self, accounts: Accounts, settings: AccountsSettings) -> None:
        self._accounts = accounts
        self._breakers = {
            name: Breaker(failures=settings.failures, rest_seconds=settings.rest_seconds)
            for name in ("fund", "loan", "password")
        }
        self._running: set[asyncio.Task[Any]] = set()
        self._examination: asyncio.Task[str | None] | None = None

    async def fund(self, number: IdNumber) -> Result[Fund]:
        """See Accounts."""
        return await self._ask("fund", lambda: self._accounts.fund(number))

    async def loan(self, number: IdNumber) -> Result[Loan]:
        """See Accounts."""
        return await self._ask("loan", lambda: self._accounts.loan(number))

    async def password(
        self, number: IdNumber, entered: Sensitive[str]
    ) -> RightPassword | WrongPassword | Unavailable:
        """See Accounts."""
        return await self._ask("password", lambda: self._accounts.password(number, entered))

    def resting(self) -> int:
        """How many of the queries are left alone, or have not answered again yet."""
        return sum(breaker.state is not State.CLOSED for breaker in self._breakers.values())

    async def fault(self) -> str | None:
        """What is wrong with the database, or with the way it has been answering callers."""
        if self._examination is None or self._examination.done():
            self._examination = self._started(_examined(self._accounts))
        await asyncio.wait({self._examination}, timeout=EXAMINATION_SECONDS)
        if not self._examination.done():
            return "no answer yet"
        return self._examination.result() or self._complaint()

    def _complaint(self) -> str | None:
        for name, breaker in self._breakers.items():
            if breaker.rests(_now()):
                return f"the {name} query is left alone for a while: {breaker.complaint}"
            if breaker.state is State.HALF_OPEN:
                return f"the {name} query is being tried again after: {breaker.complaint}"
        return None

    async def _ask(self, query: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T | Unavailable:
        """Ask if the breaker lets us; it learns how that went even when the caller hangs up."""
        breaker = self._breakers[query]
        if not breaker.admits(_now()):
            return Unavailable(breaker.complaint)
        return await asyncio.shield(self._started(_learning(breaker, ask)))

    def _started(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


async def _learning(breaker: Breaker, ask: Callable[[], Coroutine[Any, Any, T]]) -> T | Unavailable:
    """The breaker learns of every outcome, whatever a driver may raise.

    Nonsense about one person is an answer too: other people's accounts may be well.
    """
    try:
        outcome: T | Unavailable = await ask()
    except asyncio.CancelledError:
        if _is_cancelled():
            breaker.failed(_now(), "nobody waited for the answer")
            raise
        outcome = _unlisted(asyncio.CancelledError())
    except Exception as unlisted:  # noqa: BLE001  drivers raise what they like
        outcome = _unlisted(unlisted)
    if isinstance(outcome, Unavailable) and not outcome.answered:
        breaker.failed(_now(), outcome.reason)
    else:
        breaker.succeeded()
    return outcome


async def _examined(accounts: Accounts) -> str | None:
    try:
        return await accounts.fault()
    except asyncio.CancelledError:
        if _is_cancelled():
            raise
        return "the driver gave up"
    except Exception as unlisted:  # noqa: BLE001  as in _learning
        return _unlisted(unlisted).reason


def _is_cancelled() -> bool:
    """Whether it is this task that is cancelled, or something that a driver had begun."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _unlisted(raised: BaseException) -> Unavailable:
    """Where it came from, for the operator; its words may hold what was asked for."""
    name = type(raised).__name__
    where = "".join(traceback.format_tb(raised.__traceback__)).rstrip()
    log.error("an account could not be asked for: the driver raised %s\n%s", name, where)
    return Unavailable(f"the driver raised {name}")


def _now() -> float:
    return asyncio.get_running_loop().time()
