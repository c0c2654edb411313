"""The State Council's notice of a year's holidays, read as settings: 放假 and 调休上班."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from ivr.hours import Days, written

_ASIDE: Final = re.compile(r"（[^（）]*）|\([^()]*\)|\s")
_SENTENCE: Final = re.compile(r"[。；;]")
_DAY = r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})日"
_RANGE: Final = re.compile(_DAY + r"(?:(?:至|到|[-—–~])(?:(\d{4})年)?(?:(\d{1,2})月)?(\d{1,2})日)?")
_COUNT: Final = re.compile(r"共(\d{1,2})天")
_SATURDAY: Final = 5


class Unreadable(Exception):
    """The text is no such notice; says where it is not understood."""


@dataclass(frozen=True, slots=True)
class Holidays:
    """Of one year."""

    free: tuple[Days, ...]
    worked: tuple[date, ...]


def read(text: str, year: int) -> Holidays:
    """What the notice says; raises Unreadable, and where its own count of days differs."""
    free: list[Days] = []
    worked: list[date] = []
    for sentence in _SENTENCE.split(_ASIDE.sub("", text)):
        spans = [_days(found, year) for found in _RANGE.finditer(sentence)]
        if "上班" in sentence:
            worked += [_single(days, sentence) for days in spans]
        elif spans and "放假" in sentence:
            free += spans
        if (counted := _COUNT.search(sentence)) and spans:
            days = sum((each.last - each.first).days + 1 for each in spans)
            if days != int(counted[1]):
                raise Unreadable(f"“{sentence}”：写着共 {counted[1]} 天，读出 {days} 天，请核对")
    if not free:
        raise Unreadable("没有读到“某月某日至某日放假”：请把国务院办公厅通知里的各条整段贴进来")
    if odd := [day for day in worked if day.weekday() < _SATURDAY]:
        raise Unreadable(f"{odd[0]} 本来就不是周末，却写着上班：年份选对了吗？")
    return Holidays(tuple(free), tuple(sorted(worked)))


def _days(found: re.Match[str], year: int) -> Days:
    of, month, day, to_year, to_month, to_day = found.groups()
    try:
        first = date(int(of or year), int(month), int(day))
        if to_day is None:
            return Days(first, first)
        last = date(int(to_year or first.year), int(to_month or month), int(to_day))
    except ValueError:
        raise Unreadable(f"{found[0]} 不是日期") from None
    if last < first:
        raise Unreadable(f"{found[0]}：末日在首日之前")
    return Days(first, last)


def _single(days: Days, sentence: str) -> date:
    if days.first != days.last:
        raise Unreadable(f"“{sentence}”：上班的日子要一天一天写")
    return days.first


def replaced(
    holidays: Iterable[Days], worked: Iterable[date], new: Holidays, year: int
) -> tuple[list[str], list[str]]:
    """Both lists as the settings write them, that year's days in place of what stood there."""
    kept = [each for each in holidays if year not in (each.first.year, each.last.year)]
    days = [day for day in worked if day.year != year]
    free = sorted({*kept, *new.free})
    return [written(each) for each in free], [str(day) for day in sorted({*days, *new.worked})]
