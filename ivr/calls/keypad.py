"""What each key, and each silence, means while an ID number is entered; pure (rules, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

LONG = 18
SHORT = 15
ZERO = "0"


@dataclass(frozen=True, slots=True)
class Typing:
    """Go on: this much has been entered."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Complete:
    """The number is whole: 15 digits, or 18 of which the last may be X."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Nudge:
    """Help a caller who has stopped, and wait once more; what was entered is kept."""

    prompt: str
    missing: int | None = None
    """How many digits are still owed, where the prompt says it."""


class NoNumber(Enum):
    """What an entry comes to when it is not a number."""

    BACK = auto()
    """`*` before anything: one level up (the seed's rule)."""
    EMPTY = auto()
    """`#` before anything: the question again; nobody has failed."""
    CLEARED = auto()
    """`*` in the middle: begin again."""
    WRONG_LENGTH = auto()
    """`#` after a number of digits that no ID has."""
    ONLY_LONG = auto()
    """15 digits where only 18 will do (seed, section 六)."""
    AGENT = auto()
    """A single 0 and then nothing: no ID number begins with it; a person, please (rules, 3.3)."""
    SILENT = auto()
    """Nothing came, or nothing more."""


Entry = Typing | Complete | Nudge | NoNumber


def press(digits: str, key: str, *, short_allowed: bool = True) -> Entry:
    """What `key` makes of an entry that holds `digits` (fewer than 18)."""
    if key == "*":
        return _star(digits)
    if key == "#":
        return _hash(digits, short_allowed)
    grown = digits + key
    return Complete(grown) if len(grown) == LONG else Typing(grown)


def pause(digits: str, *, nudged: bool, short_allowed: bool = True) -> Entry:
    """What it means that no key has come for a while; `nudged`: the caller was helped already."""
    if not digits:
        return NoNumber.SILENT
    if digits == ZERO:
        return NoNumber.AGENT
    if len(digits) == SHORT and short_allowed:
        return Complete(digits) if nudged else Nudge("identity.fifteen_pause")
    if nudged:
        return NoNumber.SILENT
    whole = SHORT if short_allowed and len(digits) < SHORT else LONG
    return Nudge("identity.missing", whole - len(digits))


def _star(digits: str) -> Entry:
    if len(digits) == LONG - 1:
        return Complete(digits + "X")
    return NoNumber.CLEARED if digits else NoNumber.BACK


def _hash(digits: str, short_allowed: bool) -> Entry:
    match len(digits):
        case 0:
            return NoNumber.EMPTY
        case 15:
            return Complete(digits) if short_allowed else NoNumber.ONLY_LONG
        case 17:
            return Nudge("identity.last_is_x")
        case _:
            return NoNumber.WRONG_LENGTH
