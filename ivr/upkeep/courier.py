"""`ivr courier`: prompt sets go to the depot and come from it; recordings go there, and age out.

Nothing that a caller waits for passes through it. How it stands is in a file, at which the doctor,
the alarms and the console look.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

from ivr.config import Settings
from ivr.depot.depot import Depot, check, depot
from ivr.depot.errors import DepotAway, NotThere
from ivr.hours import BEIJING
from ivr.people.keys import Keys
from ivr.recordings.finding import tidy
from ivr.recordings.shipping import Shipping
from ivr.records.durable import write

log = logging.getLogger(__name__)

T = TypeVar("T")

ROUND_SECONDS: Final = 2.0
THOROUGH: Final = timedelta(minutes=10)
"""How often all days are looked at, what is old goes, and what lacks in the depot is brought."""
AGAIN: Final = timedelta(minutes=1)
"""The same after one that did not succeed."""
STALE: Final = timedelta(minutes=2)
"""A round that was so long ago says that nobody makes any."""
_LATELY: Final = timedelta(days=2)


def now() -> datetime:
    """By this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one of its tasks stands."""

    since: str = ""
    """Since when something waits, ISO 8601; empty: nothing does."""
    waiting: int = 0
    fault: str = ""
    """Why it did not go on in the last round."""


@dataclass(frozen=True, slots=True)
class Report:
    """The last round."""

    at: str = ""
    recordings: Standing = Standing()
    prompts: Standing = Standing()

    @classmethod
    def read(cls, home: Path) -> Report | None:
        """None where no round was ever made, or its file is damaged."""
        try:
            told = json.loads(_file(home).read_bytes())
            return cls(told["at"], Standing(**told["recordings"]), Standing(**told["prompts"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, home: Path) -> None:
        """For whoever looks."""
        _file(home).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(_file(home), json.dumps(asdict(self), ensure_ascii=False).encode(), mode=0o600)

    def behind(self, task: Standing, now: datetime) -> float:
        """For how many seconds something waits; a courier that has stopped lets all wait."""
        at = datetime.fromisoformat(self.at)
        if task.since:
            return max(0.0, (now - datetime.fromisoformat(task.since)).total_seconds())
        return max(0.0, (now - at).total_seconds()) if now - at > STALE else 0.0


class Courier:
    """Of one machine. All of it blocks."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = now) -> None:
        self._settings = settings
        self._clock = clock
        self._depot: Depot = depot(settings)
        self._shipping = Shipping(settings, self._depot)
        self._last = Report.read(settings.home) or Report()
        self._thorough_at = datetime.min.replace(tzinfo=UTC)
        """When the next round looks at everything."""
        self._is_ours = False
        """Whether the depot is known to be this line's."""

    def round(self) -> Report:
        """Everything that can be done now; what could not is in the report."""
        now = self._clock()
        thorough = now >= self._thorough_at
        recordings = self._recordings(now, thorough=thorough)
        prompts = self._prompts(now, thorough=thorough)
        if thorough:
            self._thorough_at = now + (AGAIN if recordings.fault or prompts.fault else THOROUGH)
        self._last = Report(now.isoformat(), recordings, prompts)
        self._last.keep(self._settings.home)
        return self._last

    def _recordings(self, now: datetime, *, thorough: bool) -> Standing:
        lately = None if thorough else (now.astimezone(BEIJING) - _LATELY).date()

        def sent() -> None:
            self._check()
            self._shipping.ship(now, lately)
            self._shipping.remove_past()
            if thorough:
                self._shipping.age_out(now)
                tidy(self._settings.home)

        fault = self._tried("recordings", sent, self._last.recordings.fault)
        waits = self._shipping.waiting(lately)
        since = waits.oldest.isoformat() if waits.oldest else ""
        if fault and not since:  # what lacks is what retention has given up, or a proof
            since = self._last.recordings.since or now.isoformat()
        return Standing(since, waits.count, fault)

    def _prompts(self, now: datetime, *, thorough: bool) -> Standing:
        if not self._settings.shares:
            return Standing()

        def evened() -> None:
            self._check()
            shared = import_module("ivr.state.shared").Shared(self._settings)
            prompts: Any = import_module("ivr.state.prompts")
            try:
                if told := prompts.even(self._settings, shared, self._depot):
                    log.warning("%s", told)
            finally:
                shared.close()
            if thorough:
                prompts.brought_again(self._settings, self._depot)

        fault = self._tried("prompts", evened, self._last.prompts.fault)
        since = self._last.prompts.since or now.isoformat()
        return Standing(since, 1, fault) if fault else Standing()

    def _check(self) -> None:
        """Before anything is put there."""
        if not self._is_ours:
            check(self._depot, line_of(self._settings))
            self._is_ours = True

    def _tried(self, what: str, work: Callable[[], None], before: str) -> str:
        """Why it did not succeed; told in the log once for each reason."""
        try:
            work()
        except _faults() as failed:
            fault = str(failed)
        except NotThere:
            fault = (
                f"{self._depot.place} 没有挂载，或还没有启用：先挂载，第一次才 `ivr depot begin`"
                "，没有挂载时它会用本机的磁盘 · not mounted, or never begun"
            )
        except OSError as refused:
            fault = f"{refused.filename or '磁盘'}: {refused.strerror}"
        else:
            return ""
        if fault != before:
            log.warning("%s wait: %s", what, fault)
        return fault


def line_of(settings: Settings) -> str:
    """What tells this line's depot from another line's: the fingerprint of the key that seals."""
    return Keys.load(settings.home / "keys").fingerprints()["cases.key"]


def _faults() -> tuple[type[Exception], ...]:
    shared, release = import_module("ivr.state.shared"), import_module("ivr.state.release")
    return (DepotAway, shared.CannotReach, release.CannotOffer, release.CannotTake)


def _file(home: Path) -> Path:
    return home / "state" / "courier.json"
