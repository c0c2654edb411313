"""How often accounts may be asked for, and by whom, before it looks like harvesting; pure.

Times are seconds since 1970, passed in. People and callers are known by their tokens only.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice
from operator import itemgetter
from typing import Literal, Protocol

from ivr.config import LimitsSettings
from ivr.hours import BEIJING
from ivr.records.facts import Refusal

MINUTE = 60.0
DAY = 86_400.0
Kind = Literal["asked", "looked", "told", "wrong", "pair"]
"""People asked about, questions of the whole line, accounts told, wrong guesses of one thing, wrong
pairs of one caller."""
_UNKNOWN = "unknown callers"
_LINE = "line"
_EVER = -math.inf
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


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that counts, under the name of what it counts for."""

    kind: Kind
    name: str
    value: str
    """What differs from what; empty: each counts by itself."""
    at: float


class Counts(Protocol):
    """What was counted and who is locked: in memory, or in a database that several nodes ask."""

    def values(self, kind: Kind, name: str, since: float) -> Set[str]:
        """Which came after `since`."""

    def count(self, kind: Kind, name: str, since: float) -> int:
        """How many came after `since`."""

    def note(self, noted: Noted) -> None:
        """One more."""

    def anew(self, kind: Kind, name: str, at: float) -> None:
        """What was counted until then counts no more."""

    def is_locked(self, key: str, now: float) -> bool:
        """Whether a lock of that key holds."""

    def lock(self, lock: Lock) -> None:
        """Set it, or let it last longer."""


class Limits:
    """The rules: who may ask for what, by what was counted in the last while."""

    def __init__(
        self,
        settings: LimitsSettings,
        locks: Iterable[Lock] = (),
        keep: Callable[[Lock], None] = lambda _: None,
        *,
        counts: Counts | None = None,
    ) -> None:
        self._settings = settings
        self.counts = Memory(settings, locks, keep) if counts is None else counts

    def adopt(self, settings: LimitsSettings) -> None:
        """Other limits from now on; what was counted and locked stays."""
        self._settings = settings
        if isinstance(self.counts, Memory):
            self.counts.adopt(settings)

    def look_up(self, asker: Asker, person: str, now: float) -> Admitted | Denied:
        """Whether `asker` may ask for the account of `person` now; counted when they may."""
        refusal = self._refusal(asker, person, now)
        if refusal is not None:
            self._lock_out(asker, refusal, now)
            return Denied(refusal)
        for key, _, _ in self._budgets(asker):
            self.counts.note(Noted("asked", key, person, now))
        self.counts.note(Noted("looked", _LINE, "", now))
        return Admitted(self._delay(len(self._asked(_own(asker), now))))

    def would_admit(self, asker: Asker, person: str, now: float) -> bool:
        """What `look_up` would decide; nothing is counted, and nobody is locked."""
        return self._refusal(asker, person, now) is None

    def looked_up(self, person: str, now: float) -> None:
        """An account was told: one person's is told so often a day, whoever asks."""
        self._count(Noted("told", f"person {person}", "", now))

    def wrong_password(self, person: str, now: float) -> None:
        """Not this person's password; once too often in a row locks them for the day."""
        self._count(Noted("wrong", f"password {person}", "", now))

    def right_password(self, person: str, now: float) -> None:
        """The person's own: mistakes are counted anew."""
        self.counts.anew("wrong", f"password {person}", now)

    def password_locked(self, person: str, now: float) -> bool:
        """Whether no password of this person is taken any more today."""
        return self._locked(f"password {person}", now)

    def ask_case(self, asker: Asker, number: str, now: float) -> Denied | None:
        """Whether `asker` may try to be told of the case of this number; None: yes."""
        if self._locked(f"case {number}", now):
            return Denied("case_locked")
        if self._locked(f"cases of {_own(asker)}", now):
            return Denied("cases_of_caller")
        full = any(self._pairs(key, now) >= most for key, most, _ in self._budgets(asker))
        return Denied("cases_of_caller") if full else None

    def wrong_case(self, asker: Asker, number: str, now: float) -> None:
        """Not that pair, whether there is such a case or not: counted for caller and number."""
        for key, _, _ in self._budgets(asker):
            self._count(Noted("pair", key, "", now))
        self._count(Noted("wrong", f"case {number}", "", now))

    def right_case(self, number: str, now: float) -> None:
        """The one who knows it: mistakes are counted anew."""
        self.counts.anew("wrong", f"case {number}", now)

    def review(self, noted: Noted, now: float) -> None:
        """Lock whom this has brought to too many: counted just now, or elsewhere and heard of."""
        name = noted.name
        match noted.kind:
            case "wrong":
                if self.counts.count("wrong", name, _EVER) >= self._most_wrong(name):
                    self.counts.anew("wrong", name, now)
                    self.counts.lock(Lock(name, _midnight(now)))
            case "told":
                today = self.counts.count("told", name, _day_before(now))
                if today >= self._settings.lookups_per_person:
                    self.counts.lock(Lock(name, _midnight(now)))
            case "pair":
                if name != _UNKNOWN and self._pairs(name, now) >= self._settings.ids_per_caller:
                    self.counts.lock(Lock(f"cases of {name}", now + self._settings.lock_seconds))

    def _count(self, noted: Noted) -> None:
        self.counts.note(noted)
        self.review(noted, noted.at)

    def _most_wrong(self, name: str) -> int:
        of_password = name.startswith("password ")
        return self._settings.wrong_passwords if of_password else self._settings.wrong_tails

    def _asked(self, key: str, now: float) -> Set[str]:
        return self.counts.values("asked", key, now - self._settings.window_seconds)

    def _pairs(self, key: str, now: float) -> int:
        return self.counts.count("pair", key, now - self._settings.window_seconds)

    def _refusal(self, asker: Asker, person: str, now: float) -> Refusal | None:
        if self._locked(f"person {person}", now):
            return "lookups_of_person"
        if self._locked(f"caller {asker.caller}", now):
            return "lookups_of_caller"
        for key, most, reason in self._budgets(asker):
            asked = self._asked(key, now)
            if person not in asked and len(asked) >= most:
                return reason
        return "lookups_of_line" if self._is_full(now) else None

    def _lock_out(self, asker: Asker, refusal: Refusal, now: float) -> None:
        """Who has a number and goes too far, for a while; asking again makes it no longer."""
        key = _own(asker)
        if refusal == "lookups_of_caller" and not self._locked(key, now):
            self.counts.lock(Lock(key, now + self._settings.lock_seconds))

    def _is_full(self, now: float) -> bool:
        asked = self.counts.count("looked", _LINE, now - MINUTE)
        return asked >= self._settings.lookups_per_minute

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

    def _locked(self, key: str, now: float) -> bool:
        return self.counts.is_locked(key, now)


class Memory:
    """What this process has counted, and the locks that it knows; `keep` hears of each new one."""

    def __init__(
        self,
        settings: LimitsSettings,
        locks: Iterable[Lock] = (),
        keep: Callable[[Lock], None] = lambda _: None,
    ) -> None:
        self._keep = keep
        self._locks = {lock.key: lock.until for lock in locks}
        self._counted = {
            "asked": _Distinct(settings.window_seconds),
            "looked": _Distinct(MINUTE),
            "told": _Distinct(DAY),
            "wrong": _Distinct(math.inf),
            "pair": _Distinct(settings.window_seconds),
        }
        self._number = 0

    def adopt(self, settings: LimitsSettings) -> None:
        """Remember for as long as these limits ask."""
        for kind in ("asked", "pair"):
            self._counted[kind].seconds = settings.window_seconds

    def values(self, kind: Kind, name: str, since: float) -> Set[str]:
        """See Counts."""
        return self._counted[kind].of(name, since)

    def count(self, kind: Kind, name: str, since: float) -> int:
        """See Counts."""
        return self._counted[kind].count(name, since)

    def note(self, noted: Noted) -> None:
        """See Counts."""
        self._number += 1
        self._counted[noted.kind].add(noted.name, noted.value or f"{self._number}", noted.at)

    def anew(self, kind: Kind, name: str, at: float) -> None:
        """See Counts."""
        self._counted[kind].drop(name, at)

    def is_locked(self, key: str, now: float) -> bool:
        """See Counts."""
        if key in self._locks and self._locks[key] <= now:
            del self._locks[key]
        return key in self._locks

    def lock(self, lock: Lock) -> None:
        """See Counts."""
        if lock.until > self._locks.get(lock.key, 0.0):
            self._locks[lock.key] = lock.until
            self._keep(lock)

    def locks(self) -> tuple[Lock, ...]:
        """All that are known."""
        return tuple(Lock(key, until) for key, until in self._locks.items())


class _Distinct:
    """Which values came with each key in the last `seconds`; forgets keys that are quiet.

    A key's values stand in the order of their times. What a question costs does not grow with
    them: the whole line's look-ups are one key's, hundreds in a minute.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._values: OrderedDict[str, dict[str, float]] = OrderedDict()

    def of(self, key: str, since: float) -> Set[str]:
        """Those after `since`; good until the next one comes."""
        values = self._values.get(key, {})
        early = _early(values, since)
        return frozenset(islice(values, early, None)) if early else values.keys()

    def count(self, key: str, since: float) -> int:
        """How many those are."""
        values = self._values.get(key, {})
        return len(values) - _early(values, since)

    def add(self, key: str, value: str, at: float) -> None:
        """One more; one that was there has come again."""
        values = self._values.setdefault(key, {})
        newest = max(at, _latest(values))
        values[value] = max(at, values.pop(value, at))
        if values[value] < newest:  # heard of late, from another node
            values = self._values[key] = dict(sorted(values.items(), key=itemgetter(1)))
        too_old = newest - self.seconds
        for old in tuple(islice(values, _early(values, too_old))):
            del values[old]
        self._values.move_to_end(key)
        while _latest(next(iter(self._values.values()))) <= too_old:
            self._values.popitem(last=False)

    def drop(self, key: str, until: float) -> None:
        """What came by then."""
        kept = {each: at for each, at in self._values.get(key, {}).items() if at > until}
        if kept:
            self._values[key] = kept
        else:
            self._values.pop(key, None)


def _latest(values: dict[str, float]) -> float:
    return next(reversed(values.values()), -math.inf)


def _early(values: dict[str, float], since: float) -> int:
    """How many of them, the first ones, came by then."""
    for place, at in enumerate(values.values()):
        if at > since:
            return place
    return len(values)


def _own(asker: Asker) -> str:
    return f"session {asker.session}" if asker.caller is None else f"caller {asker.caller}"


def _midnight(now: float) -> float:
    """The end of this day in Beijing."""
    day = datetime.fromtimestamp(now, BEIJING).date() + timedelta(days=1)
    return datetime.combine(day, time(), BEIJING).timestamp()


def _day_before(now: float) -> float:
    """The last moment before this day in Beijing."""
    return math.nextafter(_midnight(now) - DAY, 0.0)
