"""Until when a case must be accepted, answered, closed and followed up; in working days; pure.

Days count from the day after the one on which a clock begins (Civil Code, article 201), a clock is
red after the end of its last day, and stands still on days that end while the case is suspended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile
from typing import NamedTuple

from ivr.cases.case import Case
from ivr.cases.moves import State
from ivr.config import CaseDays, CasesSettings
from ivr.hours import BEIJING, AgentHours

_A_DAY = timedelta(days=1)
_MOST_DAYS = 3660
"""Where so many days have no working day in them the calendar is wrong, not the case."""


class Stage(StrEnum):
    """What a clock waits for."""

    ACCEPT = "受理"
    ANSWER = "答复"
    CLOSE = "办结"
    FOLLOW_UP = "回访"


class Light(StrEnum):
    """How urgent it is; amber from four fifths of its days on."""

    GREEN = "正常"
    AMBER = "将到期"
    RED = "已超期"


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of a case."""

    stage: Stage
    due: date
    """The last day in time."""
    warns: date
    """From when it is amber."""
    used: int
    """Working days that have begun since, suspended ones left out."""
    days: int
    over: bool
    """Its last day had ended when it ended, or has by now."""
    ended: date | None
    rests: bool = False
    """It stands still, while the case is suspended."""
    provisional: bool = False
    """It is counted over a year whose holidays and 调休 nobody has written yet."""

    @property
    def light(self) -> Light:
        """By what has been used of its days."""
        if self.over:
            return Light.RED
        return Light.AMBER if self.used >= _amber_after(self.days) else Light.GREEN

    @property
    def in_time(self) -> bool:
        """Whether it ended, or could still end, on a day that is not too late."""
        return self.light is not Light.RED


@dataclass(frozen=True, slots=True)
class Clocks:
    """Reads the clocks of cases by a calendar and by a centre's own lengths."""

    calendar: AgentHours
    settings: CasesSettings

    def of(self, case: Case, now: datetime) -> tuple[Clock, ...]:
        """Every clock that has begun, in the order of its stages."""
        today = now.astimezone(BEIJING).date()
        spans = _stages(case, self.settings.of(case.filed.kind))
        return tuple(self._clock(case, span, today) for span in spans)

    def running(self, case: Case, now: datetime) -> Clock | None:
        """The clock that is due next; None for a case that waits for nothing."""
        waiting = [clock for clock in self.of(case, now) if clock.ended is None]
        return min(waiting, key=lambda clock: clock.due, default=None)

    def _clock(self, case: Case, span: _Span, today: date) -> Clock:
        until = span.ended or today
        counted = tuple(takewhile(until.__ge__, self._counted(span.begun, case.rests, today)))
        warns, due = (
            next(islice(self._counted(span.begun, case.rests, today), days - 1, None))
            for days in (_amber_after(span.days), span.days)
        )
        stands = case.state is State.SUSPENDED
        known = all(map(self.calendar.knows_holidays_of, {span.begun.year, due.year}))
        used, over = len(counted), until > due
        return Clock(span.stage, due, warns, used, span.days, over, span.ended, stands, not known)

    def _counted(
        self, begun: date, rests: Sequence[tuple[date, date | None]], today: date
    ) -> Iterator[date]:
        """The working days after `begun`, without those that ended in a rest."""
        spans = [(first, last or today + _A_DAY) for first, last in rests]
        for n in range(1, _MOST_DAYS):
            day = begun + n * _A_DAY
            if self.calendar.is_working_day(day) and not any(a <= day < b for a, b in spans):
                yield day


def _amber_after(days: int) -> int:
    """Four fifths of its days, whole ones."""
    return -(-days * 4 // 5)


class _Span(NamedTuple):
    """Since when a clock runs, for how many days, and its end where it has ended."""

    stage: Stage
    begun: date
    days: int
    ended: date | None


def _stages(case: Case, days: CaseDays) -> Iterator[_Span]:
    """Each clock that has begun; who does not wish to be asked is waited for by none."""
    stands = case.state in (State.MERGED, State.REJECTED)
    filed = case.filed.at.astimezone(BEIJING).date()
    more, asked = case.extra_days, None if case.spared else case.closed
    for stage, begun, length, ended in (
        (Stage.ACCEPT, filed, days.accept, case.accepted),
        (Stage.ANSWER, case.begun, days.answer + more, case.answered),
        (Stage.CLOSE, case.begun, days.close + more, case.closed),
        (Stage.FOLLOW_UP, asked, days.follow_up, case.followed_up),
    ):
        if begun is not None and not (stands and ended is None):
            yield _Span(stage, begun, length, ended)
