"""The next number of this node, for a recording or a case: whoever asks, nobody else has it."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from ivr.cases.numbers import MOST_COUNT, numbered
from ivr.config import Settings
from ivr.records.durable import write
from ivr.records.holding import alone


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
        counter = self.slips / "last"
        with alone(self.slips / "lock"):
            last = counter.read_text().strip() if counter.exists() else "0"
            count = int(last) if last.isdecimal() else 0  # before there were day and count
            number, count = self._following(count)
            write(counter, str(count).encode(), mode=0o600)
        return number

    def _following(self, count: int) -> tuple[str, int]:
        for _ in range(MOST_COUNT):
            count = count % MOST_COUNT + 1
            number = numbered(self.series, count)
            if next(self.recordings.glob(f"*/*/{number}.wav"), None) is None:
                return number, count
        raise OSError(errno.ENOSPC, "every number is taken by a recording that is still kept")
