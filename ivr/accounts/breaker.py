"""A circuit breaker: a back end that fails again and again is left alone for a while; pure."""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """Who is let through."""

    CLOSED = auto()
    """Everybody."""
    OPEN = auto()
    """Nobody, until it has rested."""
    HALF_OPEN = auto()
    """One, to see whether it answers again."""


class Breaker:
    """Counts failures in a row. Times are seconds of a clock that only goes forward.

    Everyone who was admitted reports back, by `succeeded` or by `failed`. One who tries after a
    rest and is not heard of for as long again is not waited for: the next one tries.
    """

    def __init__(self, *, failures: int, rest_seconds: float) -> None:
        self.state = State.CLOSED
        self.complaint = ""
        """What the last failure was."""
        self._most = failures
        self._rest = rest_seconds
        self._failures = 0
        self._rested = 0.0
        self._tried = 0.0

    def admits(self, now: float) -> bool:
        """Whether to ask now; after a rest only the first who wants to may."""
        match self.state:
            case State.CLOSED:
                return True
            case State.OPEN if not self.rests(now):
                self.state, self._tried = State.HALF_OPEN, now
                return True
            case State.HALF_OPEN if now >= self._tried + self._rest:
                self._tried = now
                return True
            case _:
                return False

    def rests(self, now: float) -> bool:
        """Whether it is being left alone."""
        return self.state is State.OPEN and now < self._rested

    def succeeded(self) -> None:
        """It answered: everybody may ask again."""
        self.state = State.CLOSED
        self._failures = 0

    def failed(self, now: float, complaint: str) -> None:
        """It did not answer, or not in time; once too often in a row means a rest."""
        self.complaint = complaint
        self._failures += 1
        if self._failures >= self._most:
            self.state = State.OPEN
            self._rested = now + self._rest
