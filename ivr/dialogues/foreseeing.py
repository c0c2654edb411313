"""An account is asked for while the last digit of its number is still to come.

Of eighteen digits the last follows from the others (GB 11643), and callers take half a second for
it: most of what a centre's database needs. Nobody hears what was found for a number that was not
entered, and nothing of it is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeAlias, TypeVar

from ivr.accounts import Accounts, Result
from ivr.calls.call import Call
from ivr.people.identity import IdNumber

Account = TypeVar("Account")
Timed: TypeAlias = tuple[Result[Account], int]
"""What the accounts said, and how many ms they took for it."""


class Asking(Generic[Account]):
    """How one caller's account is asked for."""

    def __init__(
        self, call: Call, ask: Callable[[Accounts, IdNumber], Awaitable[Result[Account]]]
    ) -> None:
        self._call = call
        self._ask = ask
        self._foreseen: IdNumber | None = None
        self._answer: asyncio.Task[Timed[Account]] | None = None

    def foresee(self, number: IdNumber) -> None:
        """Ask for this account already, if the caller may be told of it as far as is known now.

        Not where a password comes first: until then nobody knows whether it is the caller's own.
        Seventeen digits in vain are a failure of the entry: nobody can ask like this more often
        than with whole numbers.
        """
        means = self._call.means
        if means.settings.accounts.password:
            return
        person, now = means.tokens.person(number), means.clock().timestamp()
        if means.limits.would_admit(self._call.asker, person, now):
            self._foreseen, self._answer = number, asyncio.create_task(self._timed(number))

    async def result(self, number: IdNumber, delay: float) -> Timed[Account]:
        """What the accounts say, not before `delay` seconds.

        Neither the delay nor the sentence that fills the wait is time of the source.
        """
        answer, self._answer = self._answer, None
        if delay:
            await asyncio.sleep(delay)
        if answer is None or number != self._foreseen:
            return await self._timed(number)
        return await answer

    async def _timed(self, number: IdNumber) -> Timed[Account]:
        clock = asyncio.get_running_loop().time
        began = clock()
        result = await self._ask(self._call.means.accounts, number)
        return result, round((clock() - began) * 1000)
