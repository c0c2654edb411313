"""How often accounts may be asked for, and by whom, before it looks like harvesting; pure.

Times are seconds since 1970, passed in. People and callers are known by their tokens only.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from ivr.config import LimitsSettings
from ivr.hours import BEIJING
from ivr.records.facts import Refusal

MINUTE = 60.0
DAY = 86_400.0
_UNKNOWN = "unknown callers"
_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 0.8
"""With the longest query nobody waits four seconds: who waits may be somebody honest."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose look-ups are counted together."""

    session: str
    caller: str | None = None
    """Token of the telephone number; None where nobody vouches for one."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Nobody gets past `key` until then; outlives the service."""

    key: str
    until: float


@dataclass(frozen=True, slots=True)
class Admitted:
    """The account may be asked for, after so many seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Denied:
    """It may not, and why."""

    reason: Refusal


class Limits:
    """The look-ups of the last while, and who has had enough for now."""

    def __init__(
        self,
        settings: LimitsSettings,
        locks: Iterable[Lock] = (),
        keep: Callable[[Lock], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._keep = keep
        self._locks = {lock.key: lock.until for lock in locks}
        self._ids = _Distinct(settings.window_seconds)
        self._minute: deque[float] = deque()
        self._today: dict[str, int] = {}
        self._day = 0.0
        self._wrong: dict[str, int] = {}
        self._wrong_pairs = _Distinct(settings.window_seconds)
        self._pairs_tried = 0

    def adopt(self, settings: LimitsSettings) -> None:
        """Other limits from now on; what was counted and locked stays."""
        self._settings = settings
        self._ids.seconds = self._wrong_pairs.seconds = settings.window_seconds

    def look_up(self, asker: Asker, person: str, now: float) -> Admitted | Denied:
        """Whether `asker` may ask for the account of `person` now; counted when they may."""
        refusal = self._refusal(asker, person, now)
        if refusal is not None:
            return Denied(refusal)
        for key, _, _ in self._budgets(asker):
            self._ids.add(key, person, now)
        self._minute.append(now)
        return Admitted(self._delay(len(self._ids.of(_own(asker), now))))

    def looked_up(self, person: str, now: float) -> None:
        """An account was told: one person's is told so often a day, whoever asks."""
        if self._count(person, now) >= self._settings.lookups_per_person:
            self._lock(f"person {person}", _midnight(now))

    def wrong_password(self, person: str, now: float) -> None:
        """Not this person's password; once too often in a row locks them for the day."""
        self._wrong[person] = self._wrong.get(person, 0) + 1
        if self._wrong[person] >= self._settings.wrong_passwords:
            del self._wrong[person]
            self._lock(f"password {person}", _midnight(now))

    def right_password(self, person: str) -> None:
        """The person's own: mistakes are counted anew."""
        self._wrong.pop(person, None)

    def password_locked(self, person: str, now: float) -> bool:
        """Whether no password of this person is taken any more today."""
        return self._locked(f"password {person}", now)

    def ask_case(self, asker: Asker, number: str, now: float) -> Denied | None:
        """Whether `asker` may try to be told of the case of this number; None: yes."""
        if self._locked(f"case {number}", now):
            return Denied("case_locked")
        if self._locked(f"cases of {_own(asker)}", now):
            return Denied("cases_of_caller")
        full = any(
            len(self._wrong_pairs.of(key, now)) >= most for key, most, _ in self._budgets(asker)
        )
        return Denied("cases_of_caller") if full else None

    def wrong_case(self, asker: Asker, number: str, now: float) -> None:
        """Not that pair, whether there is such a case or not: counted for caller and number."""
        self._pairs_tried += 1
        for key, most, _ in self._budgets(asker):
            self._wrong_pairs.add(key, f"{self._pairs_tried}", now)
            if key != _UNKNOWN and len(self._wrong_pairs.of(key, now)) >= most:
                self._lock(f"cases of {key}", now + self._settings.lock_seconds)
        name = f"case {number}"
        self._wrong[name] = self._wrong.get(name, 0) + 1
        if self._wrong[name] >= self._settings.wrong_tails:
            del self._wrong[name]
            self._lock(name, _midnight(now))

    def right_case(self, number: str) -> None:
        """The one who knows it: mistakes are counted anew."""
        self._wrong.pop(f"case {number}", None)

    def _refusal(self, asker: Asker, person: str, now: float) -> Refusal | None:
        if self._locked(f"person {person}", now):
            return "lookups_of_person"
        if self._locked(f"caller {asker.caller}", now):
            return "lookups_of_caller"
        for key, most, reason in self._budgets(asker):
            asked = self._ids.of(key, now)
            if person not in asked and len(asked) >= most:
                if reason == "lookups_of_caller":
                    self._lock(key, now + self._settings.lock_seconds)
                return reason
        while self._minute and self._minute[0] <= now - MINUTE:
            self._minute.popleft()
        return "lookups_of_line" if self._is_full() else None

    def _is_full(self) -> bool:
        return len(self._minute) >= self._settings.lookups_per_minute

    def _budgets(self, asker: Asker) -> Iterator[tuple[str, int, Refusal]]:
        """How many people each may ask about; those without a number share one budget more."""
        if asker.caller is not None:
            yield _own(asker), self._settings.ids_per_caller, "lookups_of_caller"
        else:
            yield _own(asker), self._settings.ids_per_caller, "lookups_of_session"
            yield _UNKNOWN, self._settings.ids_of_unknown_callers, "lookups_of_unknown"

    def _delay(self, people: int) -> float:
        """Nothing for a family; doubled with each person from half of what is allowed."""
        beyond = people - 1 - self._settings.ids_per_caller // 2
        if beyond < 0:
            return 0.0
        return float(min(_FIRST_DELAY_SECONDS * 2**beyond, _LONGEST_DELAY_SECONDS))

    def _count(self, person: str, now: float) -> int:
        if now >= self._day:
            self._today.clear()
            self._day = _midnight(now)
        self._today[person] = self._today.get(person, 0) + 1
        return self._today[person]

    def _locked(self, key: str, now: float) -> bool:
        if key in self._locks and self._locks[key] <= now:
            del self._locks[key]
        return key in self._locks

    def _lock(self, key: str, until: float) -> None:
        self._locks[key] = until
        self._keep(Lock(key, until))


class _Distinct:
    """Which values came with each key in the last `seconds`; forgets keys that are quiet."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._values: OrderedDict[str, dict[str, float]] = OrderedDict()

    def of(self, key: str, now: float) -> frozenset[str]:
        values = self._values.get(key, {})
        return frozenset(value for value, at in values.items() if at > now - self.seconds)

    def add(self, key: str, value: str, now: float) -> None:
        kept = {each: self._values[key][each] for each in self.of(key, now)}
        self._values[key] = {**kept, value: now}
        self._values.move_to_end(key)
        while max(next(iter(self._values.values())).values()) <= now - self.seconds:
            self._values.popitem(last=False)


def _own(asker: Asker) -> str:
    return f"session {asker.session}" if asker.caller is None else f"caller {asker.caller}"


def _midnight(now: float) -> float:
    """The end of this day in Beijing."""
    day = datetime.fromtimestamp(now, BEIJING).date() + timedelta(days=1)
    return datetime.combine(day, time(), BEIJING).timestamp()
