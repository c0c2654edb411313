"""What calls ask before they tell anybody anything: the limits, of one machine or of several."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ivr.config import LimitsSettings
from ivr.limits.limits import Admitted, Asker, Denied, Limits

T = TypeVar("T")


class Gate:
    """The limits of a machine by itself: each answer is there at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def adopt(self, settings: LimitsSettings) -> None:
        """As Limits.adopt."""
        self._limits.adopt(settings)

    async def look_up(self, asker: Asker, person: str, now: float) -> Admitted | Denied:
        """As Limits.look_up."""
        return await self._decided(lambda limits: limits.look_up(asker, person, now))

    def would_admit(self, asker: Asker, person: str, now: float) -> bool:
        """As Limits.would_admit, by what this process knows."""
        return self._limits.would_admit(asker, person, now)

    async def looked_up(self, person: str, now: float) -> None:
        """As Limits.looked_up."""
        await self._decided(lambda limits: limits.looked_up(person, now))

    async def wrong_password(self, person: str, now: float) -> None:
        """As Limits.wrong_password."""
        await self._decided(lambda limits: limits.wrong_password(person, now))

    async def right_password(self, person: str, now: float) -> None:
        """As Limits.right_password."""
        await self._decided(lambda limits: limits.right_password(person, now))

    async def password_locked(self, person: str, now: float) -> bool:
        """As Limits.password_locked."""
        return await self._decided(lambda limits: limits.password_locked(person, now))

    async def ask_case(self, asker: Asker, number: str, now: float) -> Denied | None:
        """As Limits.ask_case."""
        return await self._decided(lambda limits: limits.ask_case(asker, number, now))

    async def wrong_case(self, asker: Asker, number: str, now: float) -> None:
        """As Limits.wrong_case."""
        await self._decided(lambda limits: limits.wrong_case(asker, number, now))

    async def right_case(self, number: str, now: float) -> None:
        """As Limits.right_case."""
        await self._decided(lambda limits: limits.right_case(number, now))

    async def _decided(self, decide: Callable[[Limits], T]) -> T:
        return decide(self._limits)
