"""Which earlier days a day is like, with holidays and days worked instead (调休) apart; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import islice

from ivr.hours import AgentHours

MOST = 4
"""Days that one is compared with."""
LOOK_BACK_DAYS = 70
"""Holidays are passed over; so far back nothing is like today any more."""


def usual_days(day: date, hours: AgentHours) -> tuple[date, ...]:
    """The newest earlier days that `day` can fairly be compared with, four if there are so many.

    An ordinary day: ordinary days of its weekday. A day worked instead of another (调休): ordinary
    working days. A holiday: other days of rest, whichever they are.
    """
    return tuple(islice(filter(_like(day, hours), _before(day)), MOST))


def _before(day: date) -> Iterator[date]:
    return (day - timedelta(days=n) for n in range(1, LOOK_BACK_DAYS + 1))


def _like(day: date, hours: AgentHours) -> Callable[[date], bool]:
    if day in hours.working_days:
        return lambda other: _ordinary(other, hours) and bool(hours.of(other))
    if _holiday(day, hours):
        return lambda other: not hours.of(other)
    return lambda other: other.weekday() == day.weekday() and _ordinary(other, hours)


def _ordinary(day: date, hours: AgentHours) -> bool:
    return day not in hours.working_days and not _holiday(day, hours)


def _holiday(day: date, hours: AgentHours) -> bool:
    """Of those that the settings name; a day worked instead is none."""
    named = any(days.first <= day <= days.last for days in hours.holidays)
    return named and day not in hours.working_days
