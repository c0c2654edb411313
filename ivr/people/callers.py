"""Who calls: one telephone is one number, however networks write it, and some are nobody's; pure.

GB/T 3976-2014 has mobile numbers of eleven digits (13 to 19…), area codes of two or three digits
behind a 0, and local numbers of seven or eight. Carriers send them with or without 0, 86, 0086
and +86. What stands for "withheld" is no caller: strangers must not share a budget, or a lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ivr.config import LINE_NUMBER, Settings

_AREA = r"0(?:10|2\d|[3-9]\d\d)"
_SEPARATORS = str.maketrans("", "", " -.()/")
_DIALLABLE = re.compile(r"\+?\d{3,20}\Z", re.ASCII)
_COUNTRY = re.compile(r"(?:\+86|0086|86(?=0?1[3-9]\d{9}\Z|0?(?:10|2\d|[3-9]\d\d)\d{7,8}\Z))(\d+)\Z")
_BY_CARRIER = re.compile(
    rf"(?:179\d\d|12593|10193|11808|19[0367])(?=0?1[3-9]\d{{9}}\Z|{_AREA}[2-8]\d{{6,7}}\Z)"
)
"""What was dialled in front to choose a long-distance carrier, or cheaper speech over IP."""
_ABROAD = re.compile(r"00([1-9]\d{6,})\Z")
_MOBILE = re.compile(rf"(?:{_AREA}|0)?(1[3-9]\d{{9}})\Z")
_WITHOUT_AREA_CODE = re.compile(r"1\d{2,5}\Z|9[56]\d{3,6}\Z|[48]00\d{7}\Z")
"""Services (12329, 110), companies (95…, 96…, 400, 800): the same in every city."""
_NO_LEADING_ZERO = re.compile(r"(?:10|2\d)\d{8}\Z|[3-9]\d\d\d{7,8}\Z")
_LOCAL = re.compile(r"[2-8]\d{6,7}\Z")
_PLACEHOLDER = re.compile(rf"(\d)\1{{4,}}\Z|0+\Z|{_AREA}0*\Z")
"""0000000000 and its like, or an area code and nothing behind it: what switches send when they
know no number."""
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z", re.ASCII)
"""What a gateway calls itself by, and no telephone."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Tells callers apart by what the network says of them."""

    nobody: frozenset[str]
    """Numbers that stand for no caller: the line's own, and those of the settings."""
    area_code: str | None = None
    """The line's own city's, with its 0: it is put before local numbers."""

    @classmethod
    def of(cls, settings: Settings) -> Callers:
        """As the settings have them."""
        area_code = settings.callers.area_code
        local = f"{area_code or ''}{LINE_NUMBER}"
        dialled = (number for trunk in settings.trunks for number in trunk.dialled())
        own = (LINE_NUMBER, local, *dialled, *settings.callers.nobody)
        return cls(_canonical(own, area_code), area_code)

    def known(self, told: str) -> str | None:
        """The caller's number in its one form; None where nobody can be told by it."""
        number = canonical(told, self.area_code)
        ways = (number, canonical(told.lstrip().removeprefix("86"), self.area_code))
        return None if self.nobody.intersection(ways) else number


def _canonical(numbers: Iterable[str], area_code: str | None) -> frozenset[str]:
    return frozenset(canonical(number, area_code) or number for number in numbers)


def canonical(told: str, area_code: str | None = None) -> str | None:
    """One form for all ways to write a number: 138…, 0571…, 400…, +1…; None for what is none."""
    digits = told.translate(_SEPARATORS)
    if not _DIALLABLE.match(digits) or _ADDRESS.match(told.strip()):
        return None
    country = _COUNTRY.match(digits)
    number = _BY_CARRIER.sub("", digits if country is None else country[1])
    national = _national(number, area_code, country is not None)
    if any(map(_PLACEHOLDER.match, (number.lstrip("+"), national))):
        return None
    return national


def _national(digits: str, area_code: str | None, from_country: bool) -> str:
    """A number of this country without its country code, or one from abroad with its own."""
    if mobile := _MOBILE.match(digits):
        return mobile[1]
    if digits.startswith("+"):
        return digits
    if abroad := _ABROAD.match(digits):
        return f"+{abroad[1]}"
    if digits.startswith("0") or _WITHOUT_AREA_CODE.match(digits):
        return digits
    if from_country or _NO_LEADING_ZERO.match(digits):
        return f"0{digits}"
    return f"{area_code}{digits}" if area_code and _LOCAL.match(digits) else digits


def masked(told: str) -> str:
    """As much of a caller's number as an operator may see: its last two digits."""
    return f"…{told[-2:]}" if _DIALLABLE.match(told) else "withheld"
