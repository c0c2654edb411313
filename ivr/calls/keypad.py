"""What each key, and each silence, means while a number is entered; pure (rules, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from ivr.people.identity import can_begin

LONG = 18
TELLING = LONG - 1
"""So many digits tell the number: the last one follows from them (GB 11643)."""
SHORT = 15
MOBILE = 11
SHORTEST_FIXED, LONGEST_FIXED = 11, 12
"""With the area code: 010 and eight, 0770 and seven, 0571 and eight."""


@dataclass(frozen=True, slots=True)
class Typing:
    """Go on: this much has been entered."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Complete:
    """The number is whole."""

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
    """`#` after a number of digits that no such number has."""
    ONLY_LONG = auto()
    """15 digits where only 18 will do (seed, section 六)."""
    AGENT = auto()
    """Zeros, or a start that no ID number has, and then nothing: a person, please (rules, 3.3)."""
    SILENT = auto()
    """Nothing came, or nothing more."""


Entry = Typing | Complete | Nudge | NoNumber


class Form(Protocol):
    """A kind of number that can be entered."""

    def is_wish(self, digits: str) -> bool:
        """Whether it asks for an agent, unless other digits follow at once."""

    def far(self, digits: str) -> int:
        """How many more digits only make it longer: nothing comes of any before the next one."""

    def press(self, digits: str, key: str) -> Entry:
        """What `key` makes of an entry that holds `digits`, which are not yet complete."""

    def pause(self, digits: str, *, nudged: bool) -> Entry:
        """What it means that no key has come for a while; `nudged`: after a Nudge already."""


@dataclass(frozen=True, slots=True)
class IdForm:
    """An ID number: 18 digits of which the last may be X (`*`), or 15 that `#` ends."""

    short_allowed: bool = True

    def is_wish(self, digits: str) -> bool:
        """No ID number begins with 0, the agent's key; some go on pressing it."""
        return bool(digits) and not digits.strip("0")

    def far(self, digits: str) -> int:
        """All before the one that tells the number; zeros may be a wish."""
        return 0 if self.is_wish(digits) else _far(digits, TELLING)

    def press(self, digits: str, key: str) -> Entry:
        """By the table of the rules; 18 zeros are no number, however fast they came."""
        if key == "*":
            return _star(digits, whole=LONG)
        if key == "#":
            return self._hash(digits)
        grown = digits + key
        if len(grown) < LONG:
            return Typing(grown)
        return NoNumber.AGENT if self.is_wish(grown) else Complete(grown)

    def pause(self, digits: str, *, nudged: bool) -> Entry:
        """Most have 18: what is missing counts from there, also for who typed fewer than 15."""
        if digits and not can_begin(digits):
            return NoNumber.AGENT
        if len(digits) == SHORT and self.short_allowed:
            return Complete(digits) if nudged else Nudge("identity.fifteen_pause")
        return _missing(digits, LONG, nudged=nudged)

    def _hash(self, digits: str) -> Entry:
        if self.is_wish(digits):
            return NoNumber.AGENT
        match len(digits):
            case 0:
                return NoNumber.EMPTY
            case 15:
                return Complete(digits) if self.short_allowed else NoNumber.ONLY_LONG
            case 17:
                return Nudge("identity.last_is_x")
            case _:
                return NoNumber.WRONG_LENGTH


@dataclass(frozen=True, slots=True)
class CountForm:
    """So many digits, with or without a `#` after them."""

    count: int
    last_may_be_x: bool = False
    """`*` in the last place is an X, as in the tail of an ID number."""

    def is_wish(self, digits: str) -> bool:
        """Never: a password may be zeros."""
        return False

    def far(self, digits: str) -> int:
        """All but the last."""
        return _far(digits, self.count)

    def press(self, digits: str, key: str) -> Entry:
        """Any digits will do."""
        if key == "*":
            return _star(digits, whole=self.count if self.last_may_be_x else None)
        if key == "#":
            return NoNumber.WRONG_LENGTH if digits else NoNumber.EMPTY
        grown = digits + key
        return Complete(grown) if len(grown) == self.count else Typing(grown)

    def pause(self, digits: str, *, nudged: bool) -> Entry:
        """Say what is missing, once."""
        return _missing(digits, self.count, nudged=nudged)


@dataclass(frozen=True, slots=True)
class PhoneForm:
    """A telephone number of this country, of eleven or twelve digits at most."""

    def is_wish(self, digits: str) -> bool:
        """Never: area codes begin with 0."""
        return False

    def far(self, digits: str) -> int:
        """All but the last of a mobile number; a fixed one is as long, or longer."""
        return _far(digits, MOBILE)

    def press(self, digits: str, key: str) -> Entry:
        """A mobile number is whole with its eleventh digit."""
        if key == "*":
            return _star(digits)
        if key == "#":
            return Complete(digits) if digits else NoNumber.EMPTY
        grown = digits + key
        whole = MOBILE if grown[0] == "1" else LONGEST_FIXED
        return Complete(grown) if len(grown) == whole else Typing(grown)

    def pause(self, digits: str, *, nudged: bool) -> Entry:
        """A fixed number may be whole, and a local one too: others say what it lacks in front."""
        is_local = bool(digits) and digits[0] not in "01"
        if is_local or len(digits) >= SHORTEST_FIXED:
            return Complete(digits)
        return _missing(digits, MOBILE if digits.startswith("1") else SHORTEST_FIXED, nudged=nudged)


def _star(digits: str, *, whole: int | None = None) -> Entry:
    """`*` is the X that may end a number of `whole` places; elsewhere it turns back."""
    if whole is not None and len(digits) == whole - 1:
        return Complete(digits + "X")
    return NoNumber.CLEARED if digits else NoNumber.BACK


def _far(digits: str, telling: int) -> int:
    """All but the one of that place, which tells something."""
    return max(0, telling - 1 - len(digits))


def _missing(digits: str, whole: int, *, nudged: bool) -> Entry:
    if nudged or not digits:
        return NoNumber.SILENT
    return Nudge("identity.missing", max(1, whole - len(digits)))
