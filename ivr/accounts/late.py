"""The accounts' database, opened a moment after the line is there: nobody asks for it sooner.

SQLAlchemy takes as long to import as the rest of the service. A caller keys eighteen digits first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module

from ivr.accounts.outcomes import (
    Accounts,
    Fund,
    Loan,
    Result,
    RightPassword,
    Unavailable,
    WrongPassword,
)
from ivr.config import Settings
from ivr.people.identity import IdNumber
from ivr.people.sensitive import Sensitive

HEAD_START_SECONDS = 0.5
"""For the calls that a service finds when it starts; who asks sooner is not kept waiting."""


class Late:
    """The same accounts; whoever asks before they are open waits until they are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._asked = asyncio.Event()
        self.opening = asyncio.create_task(self._open())
        """SettingsError where there is no such database: the service cannot go on then."""

    async def fund(self, number: IdNumber) -> Result[Fund]:
        """See Accounts."""
        return await (await self._there()).fund(number)

    async def loan(self, number: IdNumber) -> Result[Loan]:
        """See Accounts."""
        return await (await self._there()).loan(number)

    async def password(
        self, number: IdNumber, entered: Sensitive[str]
    ) -> RightPassword | WrongPassword | Unavailable:
        """See Accounts."""
        return await (await self._there()).password(number, entered)

    async def fault(self) -> str | None:
        """See Accounts."""
        return await (await self._there()).fault()

    async def close(self) -> None:
        """Let go of the database, or open it no more."""
        self.opening.cancel()
        await asyncio.gather(self.opening, return_exceptions=True)
        await self._stack.aclose()

    async def _there(self) -> Accounts:
        self._asked.set()
        return await asyncio.shield(self.opening)

    async def _open(self) -> Accounts:
        try:
            async with asyncio.timeout(HEAD_START_SECONDS):
                await self._asked.wait()
        except TimeoutError:
            pass
        database = await asyncio.to_thread(import_module, "ivr.accounts.database")
        opened: Accounts = await self._stack.enter_async_context(
            database.open_accounts(self._settings)
        )
        return opened


@asynccontextmanager
async def opened_late(settings: Settings) -> AsyncIterator[Late]:
    """The accounts of this line, until the context ends."""
    late = Late(settings)
    try:
        yield late
    finally:
        await late.close()
