"""Whether the line may call somebody now, by settings, clock and earlier tries; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ivr.config import Settings
from ivr.dialling.ledger import Attempt
from ivr.hours import BEIJING
from ivr.records.facts import DialRefusal


def refusal(
    settings: Settings, now: datetime, number: str | None, today: Iterable[Attempt]
) -> DialRefusal | None:
    """Why not, the strongest reason first; `number`: its token, None where it may not be dialled.

    `today`: all tries of this day, to whomever.
    """
    if settings.dialling_server is None:
        return "off"
    if number is None:
        return "number"
    if not within_hours(settings, now):
        return "hours"
    counted = Counter(each.number for each in today)
    if counted.total() >= settings.dialling.calls_per_day:
        return "cap"
    return "tries" if counted[number] >= settings.dialling.calls_per_number else None


def pause(minutes: Sequence[int], tries: int) -> timedelta:
    """Before the next of several tries; the last pause holds for all further ones."""
    return timedelta(minutes=minutes[min(max(tries, 1), len(minutes)) - 1])


def within_hours(settings: Settings, now: datetime) -> bool:
    """Whether people may be called at this time."""
    there = now.astimezone(BEIJING)
    minute = there.hour * 60 + there.minute
    works = bool(settings.agents.hours.of(there.date()))
    return works and any(s.opens <= minute < s.closes for s in settings.dialling.hours)
