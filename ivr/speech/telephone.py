"""How a telephone number is grouped when it is said: 区号后停, 400 and mobiles, extensions; pure.

What the writer has grouped stays grouped; what is written in one is divided by the Chinese
numbering plan (domain rules, 4.1.8). `+86` is dropped: nobody dials it from within the country.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

_COUNTRY = re.compile(r"\(?(?:\+\s*86|0086|86(?=\D|1[3-9]\d{9}(?!\d)))\D*")
_MARK = re.compile(r"转|分机|ext\.?|[x#,]", re.IGNORECASE)
"""Between a number and its extension, besides a hyphen."""
_BETWEEN = re.compile(r"[-‐‑‒–—−() ]+")
_AREA = re.compile(r"0(?:10|2\d|(?!10|2\d)\d{3})")
_MOBILE = re.compile(r"1\d{10}\Z")
_MOBILE_FROM_AFAR = re.compile(r"0(1[3-9]\d{9})\Z")
"""A mobile's number behind the 0 of other cities' callers, which no area code begins like."""
_TOLL_FREE = re.compile(r"[48]00\d{7}\Z")
_WITHIN_COUNTRY = re.compile(r"1\d{10}\Z|1\d{2,4}\Z|[48]00|0|9[56]")
"""What is dialled behind +86 as it is; an area code lacks its 0 there."""
_LOCAL: Mapping[int, tuple[int, ...]] = {5: (5,), 6: (3, 3), 7: (3, 4), 8: (4, 4)}
_LOCAL_LENGTHS = (7, 8)


@dataclass(frozen=True, slots=True)
class Telephone:
    """A number in groups, between which a speaker pauses; and the extension that is asked for."""

    groups: tuple[str, ...]
    extension: str = ""


class NoTelephone(ValueError):
    """What was written is no telephone number."""


def telephone(text: str) -> Telephone:
    """The number as it is said, however it was written; raises NoTelephone."""
    number, *extensions = _MARK.split(_national(unicodedata.normalize("NFKC", text).strip()))
    parts = [part for part in _BETWEEN.split(number.strip()) if part]
    extension = "".join(extensions).strip(" ()")
    if not extension and _ends_in_extension(parts):
        extension = parts.pop()
    digits = "".join([*parts, extension])
    if not parts or not (digits.isascii() and digits.isdigit()):
        raise NoTelephone("not a telephone number")
    return Telephone(tuple(_groups(parts)), extension)


def _national(text: str) -> str:
    """Without the country's code, and with the area code's 0 that it has swallowed."""
    country = _COUNTRY.match(text)
    if country is None:
        return text
    rest = text[country.end() :].removeprefix("0)").lstrip()
    digits = re.sub(r"\D", "", rest)
    return rest if _WITHIN_COUNTRY.match(digits) else f"0{rest}"


def _ends_in_extension(parts: list[str]) -> bool:
    """Whether the last part follows upon a number that is whole without it."""
    *before, last = parts or [""]
    if not before or not last:
        return False
    if len(before[-1]) in _LOCAL_LENGTHS and not _MOBILE.match("".join(parts)):
        return True
    return _is_whole("".join(before)) and not _is_whole("".join(parts))


def _is_whole(digits: str) -> bool:
    area = _AREA.match(digits)
    if area is not None:
        return len(digits) - area.end() in _LOCAL_LENGTHS
    return bool(_MOBILE.match(digits) or _TOLL_FREE.match(digits)) or len(digits) in _LOCAL_LENGTHS


def _groups(parts: list[str]) -> list[str]:
    """Each part that was written, divided where it is too long to be said in one breath."""
    first, *others = parts
    return [*_divided(first), *(group for part in others for group in _by_length(part))]


def _divided(number: str) -> list[str]:
    """A number, or the beginning of one, by what it begins with."""
    if afar := _MOBILE_FROM_AFAR.match(number):
        number = afar[1]
    if _MOBILE.match(number):
        return _cut(number, (3, 4, 4))
    if _TOLL_FREE.match(number):
        return _cut(number, (3, 3, 4))
    if area := _AREA.match(number):
        return [area[0], *_by_length(number[area.end() :])]
    return _by_length(number)


def _by_length(digits: str) -> list[str]:
    return _cut(digits, _LOCAL.get(len(digits), (4,) * (len(digits) // 4 + 1)))


def _cut(digits: str, lengths: tuple[int, ...]) -> list[str]:
    groups = []
    for length in lengths:
        groups.append(digits[:length])
        digits = digits[length:]
    return [group for group in groups if group]
