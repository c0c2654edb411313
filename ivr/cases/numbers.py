"""Numbers of cases that a caller hears and keys again: seven digits and one that checks them; pure.

The check is Damm's (Totally anti-symmetric quasigroups, Marburg 2004): every single wrong digit and
every swap of two neighbours is found. Numbers of before had eleven digits and no check.
"""

from __future__ import annotations

from typing import Final

DIGITS: Final = 8
MOST_COUNT: Final = 99_999
"""Of one series; then the count begins anew."""
_TABLE: Final = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
"""Damm's own quasigroup of order ten: row by what came before, column by the next digit."""


def numbered(series: int, count: int) -> str:
    """The number of a series (0 to 99) and a count within it (1 to MOST_COUNT)."""
    payload = f"{series:02}{count:05}"
    return f"{payload}{_rest(payload)}"


def is_possible(number: str) -> bool:
    """Whether somebody can have heard it; one that was keyed wrong is none."""
    return number.isascii() and number.isdigit() and len(number) == DIGITS and not _rest(number)


def _rest(digits: str) -> int:
    """What makes the whole come to 0."""
    interim = 0
    for digit in digits:
        interim = int(_TABLE[interim][int(digit)])
    return interim
