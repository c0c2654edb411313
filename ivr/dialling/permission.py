"""Whether the line may call somebody now, by settings, clock and earlier tries; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

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


def within_hours(settings: Settings, now: datetime) -> bool:
    """Whether people may be called at this time."""
    there = now.astimezone(BEIJING)
    minute = there.hour * 60 + there.minute
    works = bool(settings.agents.hours.of(there.date()))
    return works and any(s.opens <= minute < s.closes for s in settings.dialling.hours)
