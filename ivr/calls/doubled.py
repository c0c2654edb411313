"""A key that arrives twice is one key; pure.

A telephone may send each key as an RTP event, or as a tone, and as SIP INFO besides: when it is
pressed, while it is, or afterwards. And a sender at fault ends a key three times under new
timestamps. Asterisk tells of each, when it came and for how long its sender says that the key was
pressed, and never by which way. RTP events and tones tell the true length; INFO often one that is
always the same.
"""

from __future__ import annotations

from dataclasses import dataclass

AT_ONCE_SECONDS = 0.055
"""Between ends of the same key. Asterisk puts off a second one for 45 ms; 80 are two keys (ITU-T
Q.24 wants 40 ms of tone and 40 ms of quiet at least)."""
_SHARE = 0.75
_LONGEST_SECONDS = 0.1
"""A copy may be later by most of the length that it tells, up to here: no hand is so fast."""
_SAME_MOMENT_SECONDS = 0.015
"""INFO that tells the very length of the key with which it began; two keys seldom do so."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A key as it was told: what, when it ended (Asterisk's clock), and for how long it lasted."""

    digit: str
    ended: float
    seconds: float

    def after(self, earlier: _Told) -> float:
        """Seconds between the two ends."""
        return self.ended - earlier.ended

    def is_at_once(self, earlier: _Told) -> bool:
        """It ended when the earlier one did, or so soon after it that no hand can."""
        within = min(max(AT_ONCE_SECONDS, _SHARE * self.seconds), _LONGEST_SECONDS)
        return 0 <= self.after(earlier) < within

    def is_in_midst_of(self, earlier: _Told) -> bool:
        """It had begun before the earlier one ended, by their own words.

        Two that tell the same length may both be INFO, of two keys: those must fit exactly.
        """
        pause = self.after(earlier) - self.seconds
        if self.seconds == earlier.seconds:
            return abs(pause) < _SAME_MOMENT_SECONDS
        return self.after(earlier) >= 0 and pause < AT_ONCE_SECONDS


@dataclass(slots=True)
class Doubled:
    """Knows the last key of one call, and what the keys before have shown of its sender."""

    _last: _Told | None = None
    _whole: bool = False
    """The last key has come by both ways: the next to come is another key."""
    _by_two_ways: bool = False
    """Some key has."""
    _by_one_way: bool = False
    """Some key had been followed by another before it came once more."""

    def is_copy(self, digit: str, ended: float | None, seconds: float = 0.0) -> bool:
        """Whether this is the last key once more.

        `ended`: by Asterisk's clock, since events may be late; None where it is not told.
        `seconds`: how long the key was pressed, as its sender tells.
        """
        if ended is None:
            return False
        told = _Told(digit, ended, seconds)
        last, self._last = self._last, told
        if last is not None and last.digit == digit and self._is_again(told, last):
            if told.seconds != last.seconds:
                self._whole = self._by_two_ways = True
            return True
        self._by_one_way |= last is not None and not self._whole
        self._whole = False
        return False

    def _is_again(self, told: _Told, last: _Told) -> bool:
        if told.is_at_once(last):
            return True
        may_be = self._by_two_ways or not self._by_one_way
        return may_be and not self._whole and told.is_in_midst_of(last)
