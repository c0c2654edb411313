"""The next number of this node, for a recording or a case: whoever asks, nobody else has it."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ivr.cases.numbers import MOST_COUNT, numbered
from ivr.config import Settings
from ivr.records.durable import write
from ivr.records.holding import alone

SINCE_BACKUP: Final = 2_000
"""So many at most, it is taken, were told since a backup: a node gives some hundreds in a day."""
_COUNTER: Final = "last"


def count_in(slips: Path) -> int:
    """Where the count of a machine stands; 0 where it has not begun."""
    counter = slips / _COUNTER
    last = counter.read_text().strip() if counter.exists() else "0"
    return int(last) if last.isdecimal() else 0  # before there were day and count


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of one series; the count goes on after a restart. Blocks."""

    slips: Path
    """Where the count stands."""
    recordings: Path
    series: int

    @classmethod
    def of(cls, settings: Settings) -> Numbers:
        """Of this node."""
        return cls(settings.home / "slips", settings.recordings_folder, settings.series())

    def next(self) -> str:
        """Where the count has begun anew, numbers of recordings that are still there are passed
        over. OSError: the disk refuses, or there is none left."""
        self.slips.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(self.slips / "lock"):
            number, count = self._following(count_in(self.slips))
            write(self.slips / _COUNTER, str(count).encode(), mode=0o600)
        return number

    def put_back(self, aside: int) -> None:
        """From a backup: what was told since is told to nobody else. `aside`: where the count of
        this machine stood until now, 0 where that is lost. OSError: the disk refuses."""
        self.slips.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(self.slips / "lock"):
            count = max(aside, count_in(self.slips) + SINCE_BACKUP)
            write(self.slips / _COUNTER, str(count % MOST_COUNT).encode(), mode=0o600)

    def _following(self, count: int) -> tuple[str, int]:
        for _ in range(MOST_COUNT):
            count = count % MOST_COUNT + 1
            number = numbered(self.series, count)
            if next(self.recordings.glob(f"*/*/{number}.wav"), None) is None:
                return number, count
        raise OSError(errno.ENOSPC, "every number is taken by a recording that is still kept")
