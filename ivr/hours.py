"""When agents are there: hours of the week, holidays and days worked instead, in Beijing time."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict

BEIJING = timezone(timedelta(hours=8), "Beijing")
"""All of China, without daylight saving time."""

_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_CLOCK = re.compile(r"\d{1,2}:\d{2}")
_LASTING = re.compile(r"(\d{1,4})(m|h)")
_MIDNIGHT = 24 * 60
_SATURDAY = 5


def moment(given: str, now: datetime) -> datetime | None:
    """As people write it: `18:00`, `2026-11-28 18:00`, `90m`, `2h`; Beijing time.

    A moment with a zone of its own is that moment. None: it is no moment.
    """
    if lasting := _LASTING.fullmatch(given):
        number = int(lasting[1])
        return now + (timedelta(hours=number) if lasting[2] == "h" else timedelta(minutes=number))
    try:
        if _CLOCK.fullmatch(given):
            hour, minute = map(int, given.split(":"))
            return datetime.combine(now.astimezone(BEIJING).date(), time(hour, minute), BEIJING)
        found = datetime.fromisoformat(given)
    except ValueError:
        return None
    if len(given) <= len("2026-11-28"):  # a day without an hour is no moment
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=BEIJING)


class Span(NamedTuple):
    """From when until when on one day, in minutes since midnight; the last one is outside."""

    opens: int
    closes: int


class Days(NamedTuple):
    """From which day to which, both included."""

    first: date
    last: date


def _span(given: object) -> object:
    """`09:00-17:00`; 24:00 is midnight at the end of the day."""
    if not isinstance(given, str):
        return given
    found = _SPAN.fullmatch(given)
    hours = [int(part) for part in found.groups()] if found else [0, 0, 0, 0]
    span = Span(hours[0] * 60 + hours[1], hours[2] * 60 + hours[3])
    if not span.opens < span.closes <= _MIDNIGHT:
        raise ValueError(
            f"{given!r} 不是一天里的时段，写成 09:00-17:00，最晚到 24:00"
            " (no part of a day: write 09:00-17:00)"
        )
    return span


def _days(given: object) -> object:
    """`2026-10-01` or `2026-10-01/2026-10-07` (ISO 8601), or a date of TOML itself."""
    if isinstance(given, date):
        return Days(given, given)
    if not isinstance(given, str):
        return given
    first, _, last = given.partition("/")
    try:
        days = Days(date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError:
        raise ValueError(
            f"{given!r} 不是日期，写成 2026-10-01 或 2026-10-01/2026-10-07 (no date)"
        ) from None
    if days.last < days.first:
        raise ValueError(f"{given!r} 的末日在首日之前 (ends before it begins)")
    return days


def written(value: Span | Days) -> str:
    """As it is written in the settings: `09:00-17:00`, `2026-10-01/2026-10-07`."""
    if isinstance(value, Span):
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in value)
    return "/".join(dict.fromkeys(day.isoformat() for day in value))


_FIXED = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
"""元旦、劳动节、国庆节 (全国年节及纪念日放假办法, as revised in November 2024)."""
_LUNAR = frozenset(
    date.fromisoformat(day)
    for day in (
        "2027-02-05", "2027-02-06", "2027-02-07", "2027-02-08",  # 除夕、春节
        "2027-04-05", "2027-06-09", "2027-09-15",  # 清明、端午、中秋
        "2028-01-25", "2028-01-26", "2028-01-27", "2028-01-28",
        "2028-04-04", "2028-05-28", "2028-10-03",
    )
)  # fmt: skip
"""Those that the moon and the sun fix: of years whose 调休 nobody has announced yet."""


def is_holiday_of_law(day: date) -> bool:
    """Whether all of China rests by law, whatever the State Council exchanges around it."""
    return (day.month, day.day) in _FIXED or day in _LUNAR


Hours = tuple[Annotated[Span, BeforeValidator(_span)], ...]
"""The parts of one day; none: closed."""

_OFFICE_HOURS = (Span(9 * 60, 17 * 60),)


class AgentHours(BaseModel):
    """The calendar of key 0. The catalog's `agents_hours` tells callers the same in words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    monday: Hours = _OFFICE_HOURS
    tuesday: Hours = _OFFICE_HOURS
    wednesday: Hours = _OFFICE_HOURS
    thursday: Hours = _OFFICE_HOURS
    friday: Hours = _OFFICE_HOURS
    saturday: Hours = ()
    sunday: Hours = ()
    holidays: tuple[Annotated[Days, BeforeValidator(_days)], ...] = ()
    """As the State Council announces them each year, and the centre's own closed days."""
    working_days: tuple[date, ...] = ()
    """Days of rest that are worked instead (调休上班), with the hours of the first weekday."""

    def open_at(self, moment: datetime) -> bool:
        """Whether agents are there; `moment` is aware of its zone."""
        there = moment.astimezone(BEIJING)
        minute = there.hour * 60 + there.minute
        return any(span.opens <= minute < span.closes for span in self.of(there.date()))

    def of(self, day: date) -> Hours:
        """The hours of one day."""
        if day in self.working_days:
            return next((hours for hours in self._week if hours), ())
        if any(days.first <= day <= days.last for days in self.holidays):
            return ()
        return self._week[day.weekday()]

    def is_working_day(self, day: date) -> bool:
        """Whether the centre's offices work: Monday to Friday, with holidays and 调休.

        However many days a week agents answer: terms of law and of answers count these. Of a year
        whose holidays nobody has written yet, the days of the law are holidays.
        """
        if day in self.working_days:
            return True
        if day.weekday() >= _SATURDAY or any(a <= day <= b for a, b in self.holidays):
            return False
        return self.knows_holidays_of(day.year) or not is_holiday_of_law(day)

    def knows_holidays_of(self, year: int) -> bool:
        """Whether somebody has written any for that year."""
        return any(days.first.year <= year <= days.last.year for days in self.holidays)

    @property
    def _week(self) -> tuple[Hours, ...]:
        return (
            self.monday,
            self.tuesday,
            self.wednesday,
            self.thursday,
            self.friday,
            self.saturday,
            self.sunday,
        )
