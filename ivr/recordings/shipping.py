"""Filed recordings go to the depot, sealed, and are proven there; then the local copy may age out.

Nothing is promised by it: 已保存 stays what is on this machine's disk. What could not be sent waits
here, and is tried again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from ivr.cases.sealing import Unreadable, seal_bytes, unseal_bytes
from ivr.config import Settings
from ivr.depot.depot import Depot
from ivr.depot.errors import DepotAway, NotThere
from ivr.recordings.shipped import Sent, Shipped

log = logging.getLogger(__name__)

FOLDER: Final = "recordings"
"""Of the depot."""
_DAYS: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not in the depot yet."""

    count: int
    oldest: datetime | None
    """When the first of them was filed; None where there is none."""


class Shipping:
    """Of one machine. All of it blocks."""

    def __init__(self, settings: Settings, depot: Depot) -> None:
        self._settings = settings
        self._folder = settings.recordings_folder
        self._keys = settings.home / "keys"
        self._depot = depot
        self.shipped = Shipped(settings.home)

    def ship(self, now: datetime, since: date | None = None) -> int:
        """Send what is not there yet, the oldest first; how many. Raises DepotAway.

        `since`: of that day and later only, since looking at years takes long.
        """
        sent = 0
        for path in self._unsent(since):
            self._send(path, now)
            sent += 1
        return sent

    def waiting(self, since: date | None = None) -> Waiting:
        """What `ship` would send."""
        written = [path.stat().st_mtime for path in self._unsent(since)]
        oldest = datetime.fromtimestamp(min(written)).astimezone() if written else None
        return Waiting(len(written), oldest)

    def age_out(self, now: datetime) -> int:
        """Remove local copies that are old enough, once the depot has given them back whole.

        Raises DepotAway. One that the depot does not have as it was is sent anew instead.
        """
        days = self._settings.recordings.local_days
        if days is None:
            return 0
        removed = 0
        for sent in self.shipped.all().values():
            path = self._folder / sent.path
            old = _written(path) < (now - timedelta(days=days)).timestamp()
            if old and self._is_proven(sent, path):
                path.unlink()
                removed += 1
        return removed

    def remove_past(self) -> int:
        """What retention has given up goes from the depot too; how many. Raises DepotAway."""
        paths = self.shipped.doomed()
        for path in paths:
            self._depot.remove(place(path))
            self.shipped.forget(path)
        return len(paths)

    # --- doing it ------------------------------------------------------------------------------

    def _unsent(self, since: date | None) -> list[Path]:
        sent = self.shipped.all(since)
        return [path for path in filed(self._folder, since) if not self._is_known(path, sent)]

    def _is_known(self, file: Path, sent: Mapping[str, Sent]) -> bool:
        known, seen = sent.get(file.relative_to(self._folder).as_posix()), file.stat()
        return (
            known is not None and known.size == seen.st_size and known.changed == seen.st_mtime_ns
        )

    def _send(self, file: Path, now: datetime) -> None:
        path = file.relative_to(self._folder).as_posix()
        seen, content = file.stat(), file.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        self._depot.put(place(path), seal_bytes(self._keys, place(path), content))
        if _found(self._depot, self._keys, path) != sha256:
            raise DepotAway(
                f"{self._depot.place} 还回来的录音和送去的不一样，再送"
                " · the depot gave back other bytes"
            )
        self.shipped.note(Sent(path, seen.st_size, seen.st_mtime_ns, sha256, now))

    def _is_proven(self, sent: Sent, file: Path) -> bool:
        """Whether the depot has, today, what is here; else it is sent anew."""
        here = hashlib.sha256(file.read_bytes()).hexdigest()
        if here == sent.sha256 == _found(self._depot, self._keys, sent.path):
            return True
        log.error("a recording is not as it was, here or in the depot, and stays here")
        if here == sent.sha256:
            self.shipped.forget(sent.path)
        return False


def filed(folder: Path, since: date | None = None) -> list[Path]:
    """Every recording under the folder, by its day; nothing that is being written."""
    days = (day for day in folder.glob(_DAYS) if since is None or day.name >= str(since))
    found = (path for day in days for path in day.glob("*/*.wav"))
    return sorted(path for path in found if not path.name.startswith("."))


def place(path: str) -> str:
    """In the depot; it is sealed for this very place."""
    return f"{FOLDER}/{path}"


def fetch(depot: Depot, keys: Path, path: str) -> bytes:
    """The recording itself; raises NotThere, DepotAway and Unreadable."""
    return unseal_bytes(keys, place(path), depot.get(place(path)))


def _found(depot: Depot, keys: Path, path: str) -> str:
    """The sum of what the depot has; empty for nothing that can be read."""
    try:
        return hashlib.sha256(fetch(depot, keys, path)).hexdigest()
    except (NotThere, Unreadable):
        return ""


def _written(path: Path) -> float:
    """When, in seconds since 1970; never for one that is not here any more."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
