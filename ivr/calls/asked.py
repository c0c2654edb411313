"""Who was asked today how content they are: nobody twice; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date


@dataclass(slots=True)
class Asked:
    """By the tokens of one day's people, telephones and calls."""

    _day: date = date.min
    _known: set[str] = field(default_factory=set)

    def add(self, today: date, tokens: Iterable[str | None]) -> None:
        """Whoever this is, they have been asked."""
        self._turn(today)
        self._known.update(token for token in tokens if token is not None)

    def knows(self, today: date, tokens: Iterable[str | None]) -> bool:
        """Whether they have, by any of these."""
        self._turn(today)
        return not self._known.isdisjoint(token for token in tokens if token is not None)

    def all(self, today: date) -> frozenset[str]:
        """The tokens of everybody who has."""
        self._turn(today)
        return frozenset(self._known)

    def _turn(self, today: date) -> None:
        if today != self._day:
            self._day, self._known = today, set()
