"""Which alarms ring, since when, and what somebody must be told of it now; pure.

Times are seconds since 1970, passed in. One message when an alarm begins, one when it has been
over for a while (what comes and goes is one alarm), and again at intervals until somebody has
acknowledged it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ivr.alarms.table import ALARMS, BY_NAME, Alarm

OVER_SECONDS = 120.0
"""So long an alarm's reason must be gone before the alarm is over."""
_OF_A_PLACE = ("part", "place", "trunk", "certificate")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    metric: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Whole:
    """All that there is of a metric has been measured: what rang of anything else is no more.

    A trunk or a certificate that was taken out of the settings, the last text with an end.
    """

    metric: str


@dataclass(frozen=True, slots=True)
class Ringing:
    """One alarm of one thing (a trunk, a disk), from the first sign until it is over."""

    alarm: str
    about: str
    """Which trunk, disk or certificate; empty where there is but one."""
    value: float
    since: float
    begun: bool = False
    """Its reason has held long enough: it rings."""
    well_since: float | None = None
    told: float | None = None
    """When somebody was told last; None: nobody yet."""

    @property
    def key(self) -> str:
        """By which it is acknowledged and silenced."""
        return f"{self.alarm}:{self.about}" if self.about else self.alarm


@dataclass(frozen=True, slots=True)
class Mark:
    """What somebody said about an alarm: seen, or not to be heard for a while."""

    who: str
    at: float
    until: float | None = None
    """Silent until then; None: acknowledged, and silent about this time only."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told now."""

    kind: Literal["begins", "goes_on", "ends"]
    ringing: Ringing


def examined(
    before: Iterable[Ringing], measured: Iterable[Figure | Whole], now: float
) -> tuple[Ringing, ...]:
    """What rings, or is about to; a figure that nobody could measure changes nothing."""
    known = {each.key: each for each in before}
    told = list(measured)
    figures = [each for each in told if isinstance(each, Figure)]
    followed = {
        _follow(known, alarm, figure, now)
        for alarm in ALARMS
        for figure in figures
        if figure.metric == alarm.metric and alarm.labels.items() <= figure.labels.items()
    }
    whole = {each.metric for each in told if isinstance(each, Whole)}
    for key, each in [*known.items()]:
        if key not in followed and BY_NAME[each.alarm].metric in whole:
            _is_well(known, each, now)
    return tuple(known.values())


def _follow(known: dict[str, Ringing], alarm: Alarm, figure: Figure, now: float) -> str:
    """The key of what the figure is about."""
    about = next(
        (figure.labels[name] for name in _OF_A_PLACE
         if name in figure.labels and name not in alarm.labels), ""
    )  # fmt: skip
    fresh = Ringing(alarm.name, about, figure.value, now)
    was = known.get(fresh.key)
    if alarm.holds(figure.value):
        is_new = replace(was or fresh, value=figure.value, well_since=None)
        known[fresh.key] = replace(
            is_new, begun=is_new.begun or now - is_new.since >= alarm.seconds
        )
    elif was is not None:
        _is_well(known, replace(was, value=figure.value), now)
    return fresh.key


def _is_well(known: dict[str, Ringing], was: Ringing, now: float) -> None:
    if not was.begun:
        del known[was.key]
    elif was.well_since is None:
        known[was.key] = replace(was, well_since=now)


def news(
    ringing: Iterable[Ringing], marks: Mapping[str, Mark], now: float, repeat: float
) -> tuple[News, ...]:
    """What somebody must be told: beginnings, ends, and every `repeat` seconds what goes on."""
    found = []
    for each in ringing:
        mark = marks.get(each.key) or marks.get(each.alarm)
        if not each.begun or is_silent(mark, now):
            continue
        if is_over(each, now):
            if each.told is not None:
                found.append(News("ends", each))
        elif each.told is None:
            found.append(News("begins", each))
        elif now - each.told >= repeat and not is_acknowledged(mark, each):
            found.append(News("goes_on", each))
    return tuple(found)


def turned(before: Iterable[Ringing], ringing: Iterable[Ringing], now: float) -> tuple[News, ...]:
    """What began or ended since the last look, also where nobody could or would be told of it."""
    had = {each.key for each in before if each.begun}
    rings = [each for each in ringing if each.begun]
    return (
        *(News("begins", each) for each in rings if each.key not in had),
        *(News("ends", each) for each in rings if is_over(each, now)),
    )


def after(ringing: Iterable[Ringing], told: Iterable[News], now: float) -> tuple[Ringing, ...]:
    """What is left to remember once these were told; what is over is forgotten."""
    keys = {each.ringing.key for each in told}
    return tuple(
        replace(each, told=now) if each.key in keys else each
        for each in ringing
        if not is_over(each, now)
    )


def is_over(each: Ringing, now: float) -> bool:
    """Whether its reason has been gone long enough."""
    return each.well_since is not None and now - each.well_since >= OVER_SECONDS


def is_silent(mark: Mark | None, now: float) -> bool:
    """Whether somebody wants to hear nothing of it now."""
    return mark is not None and mark.until is not None and now < mark.until


def is_acknowledged(mark: Mark | None, each: Ringing) -> bool:
    """Whether somebody has seen it since it began."""
    return mark is not None and mark.until is None and mark.at >= each.since
