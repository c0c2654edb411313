"""ID numbers of 18 and 15 digits: which can exist, and how the two forms belong together; pure.

GB 11643-1999: six digits of a region, eight of the birth date, three of a serial, one check digit
by ISO 7064 MOD 11-2 (domain rules, 3.1). Regions are not checked: special ones do exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from operator import mul

from ivr.people.sensitive import Sensitive

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
_LONG = re.compile(r"\d{17}[\dX]\Z", re.ASCII)
_SHORT = re.compile(r"\d{15}\Z", re.ASCII)
_CENTENARIANS = {"996", "997", "998", "999"}
"""Serials of the 15-digit form that were kept for people born in the 1800s."""

_REGIONS = frozenset(
    f"{first}{second}"
    for first, seconds in {
        "1": "12345", "2": "123", "3": "1234567", "4": "123456", "5": "01234", "6": "12345",
        "7": "1", "8": "123",
    }.items()
    for second in seconds
)  # fmt: skip
"""First two digits of the regions (GB/T 2260), and 83 of the residence permits from Taiwan."""


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A number that can exist. Its repr shows nothing; `parse` is the way to get one."""

    keyed: Sensitive[str]
    """As it was entered: 15 digits, or 18 with a capital X."""
    id18: Sensitive[str]
    """The form of 18, which identifies the person."""
    id15: Sensitive[str | None]
    """The old form of the same person; None where there was none (not born in 19xx)."""

    @property
    def tail(self) -> Sensitive[str]:
        """The last four, as far as a number is shown to anyone."""
        return Sensitive(self.keyed.reveal()[-4:])

    @property
    def born(self) -> Sensitive[date] | None:
        """The birth date that it bears; None where that is no date (unverified numbers)."""
        try:
            return Sensitive(date.fromisoformat(self.id18.reveal()[6:14]))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class WrongLength:
    """Not 15 digits, and not 17 with a digit or X."""


@dataclass(frozen=True, slots=True)
class WrongNumber:
    """Of the right length, but its check digit or birth date says that it was mistyped."""


def parse(keyed: str, *, verify: bool = True) -> IdNumber | WrongLength | WrongNumber:
    """What was entered, as an ID number or as what is wrong with it.

    `verify=False` lets wrong check digits and dates pass: some centres hold such numbers.
    """
    text = keyed.strip().upper()
    if _SHORT.match(text):
        if verify and not _short_can_exist(text):
            return WrongNumber()
        return IdNumber(Sensitive(text), Sensitive(lengthen(text)), Sensitive(text))
    if _LONG.match(text):
        if verify and not (_check_digit(text) == text[17] and _is_date(text[6:14])):
            return WrongNumber()
        return IdNumber(Sensitive(text), Sensitive(text), Sensitive(shorten(text)))
    return WrongLength()


def foreseen(digits: str) -> IdNumber | None:
    """The number that the first seventeen of its digits make; None: no such number can exist."""
    number = parse(digits + _check_digit(digits))
    return number if isinstance(number, IdNumber) else None


def can_begin(digits: str) -> bool:
    """Whether ID numbers begin with these digits, one or more: a region's, or a foreigner's 9."""
    return digits[0] == "9" or any(region.startswith(digits[:2]) for region in _REGIONS)


def lengthen(short: str) -> str:
    """15 digits as 18: the century is put in and the check digit added."""
    longer = f"{short[:6]}19{short[6:]}"
    return longer + _check_digit(longer)


def shorten(long: str) -> str | None:
    """18 digits as the 15 that the person had before; None for those who never had them."""
    return long[:6] + long[8:17] if long[6:8] == "19" else None


def _short_can_exist(text: str) -> bool:
    return text[12:] not in _CENTENARIANS and _is_date(f"19{text[6:12]}")


def _check_digit(text: str) -> str:
    total = sum(map(mul, map(int, text[: len(_WEIGHTS)]), _WEIGHTS))
    return _CHECK_DIGITS[total % 11]


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
