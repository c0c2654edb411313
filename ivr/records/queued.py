"""A caller's place in the queue, as it outlives the service: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ivr.records.facts import Standing


@dataclass(frozen=True, slots=True)
class Queued:
    """What a session keeps of its place: over a restart, and a transfer that failed."""

    since: datetime
    """When it was taken (UTC)."""
    standing: Standing
    told: int | None = None
    """How many were said to be before; the best that was said."""

    def hearing(self, ahead: int | None) -> Queued:
        """The same, after so many were said to be before."""
        if ahead is None:
            return self
        return replace(self, told=ahead if self.told is None else min(self.told, ahead))

    def to_say(self, ahead: int) -> int | None:
        """How many are before, where that may be said: never more than was said before."""
        return ahead if self.told is None or ahead <= self.told else None
