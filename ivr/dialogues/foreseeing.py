"""An account is asked for while the last digit of its number is still to come.

Of eighteen digits the last follows from the others (GB 11643), and callers take half a second for
it: most of what a centre's database needs. Nobody hears what was found for a number that was not
entered, and nothing of it is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ivr.calls.call import Call
from ivr.people.identity import IdNumber

Answer = TypeVar("Answer")


class Asking(Generic[Answer]):
    """How one caller's account is asked for."""

    def __init__(self, call: Call, ask: Callable[[IdNumber], Awaitable[Answer]]) -> None:
        self._call = call
        self._ask = ask
        self._foreseen: IdNumber | None = None
        self._begun: asyncio.Future[Answer] | None = None

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
            self._foreseen, self._begun = number, asyncio.ensure_future(self._ask(number))

    async def answer(self, number: IdNumber, delay: float) -> Answer:
        """The answer to what was keyed, not before `delay` seconds; each is used once."""
        begun, self._begun = self._begun, None
        if delay:
            await asyncio.sleep(delay)
        return await (self._ask(number) if begun is None or number != self._foreseen else begun)
