"""A key that arrives twice is one key; pure.

A telephone may send each key as an RTP event, or as a tone, and as SIP INFO besides: when it is
pressed, while it is, or afterwards. And a sender at fault ends a key three times under new
timestamps. Asterisk tells of each, when it came and for how long its sender says that the key was
pressed, and never by which way. RTP events and tones tell the true length; INFO often one that is
always the same.

And Asterisk itself tells of a key twice that comes too soon after another, as when a network lets
go at once what it held back: when it came, and when it was taken up (`__ast_read` in
`main/channel.c`). While it plays it tells of each once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

AT_ONCE_SECONDS = 0.055
"""Between ends of the same key: 80 ms are two keys (ITU-T Q.24 wants 40 ms of tone and 40 ms of
quiet at least)."""
_SHARE = 0.75
_LONGEST_SECONDS = 0.1
"""A copy may be later by most of the length that it tells, up to here: no hand is so fast."""
_SAME_MOMENT_SECONDS = 0.015
"""INFO that tells the very length of the key with which it began; two keys seldom do so."""
_GAP_SECONDS = 0.045
"""Asterisk puts off a key that comes sooner after another (AST_MIN_DTMF_GAP)."""
_LATE_SECONDS = 0.04
"""By how much it may be late in taking up what it put off: sound comes every 20 ms."""
_QUIET_SECONDS = 0.02
"""Of the quiet between two keys of one hand (40 ms at least, Q.24) a busy machine leaves so much: a
long key may be taken up as much later as it lets the next one wait."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A key as it was told: what, when it ended (Asterisk's clock), and for how long it lasted."""

    digit: str = ""
    ended: float = 0.0
    seconds: float = 0.0

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


def _room(seconds: float) -> float:
    """By how much a key of this length may be late, and not be taken for the next."""
    return min(seconds - _QUIET_SECONDS, _LONGEST_SECONDS)


@dataclass(slots=True)
class _PutOff:
    """What Asterisk makes of keys that follow each other too soon; seconds by its clock."""

    _ready: float = 0.0
    """When it is done with the last key and takes up another."""
    _told_again: float = 0.0
    """Until when it may tell of the last key once more, which came before it was ready."""
    _plays: bool = False
    """The last key is one that it has taken up."""

    def is_taken_up(self, told: _Told, last: _Told) -> bool:
        """Whether this is the last key once more, which had been put off."""
        apart = told.after(last)
        again = told.digit == last.digit and told.seconds == last.seconds and apart >= 0
        taken_up = again and told.ended < self._told_again
        if apart >= 0 and told.ended < self._ready and not taken_up:
            self._put_off(apart, told.seconds)
        else:
            self._take_up(told, taken_up)
        return taken_up

    def _put_off(self, apart: float, seconds: float) -> None:
        """A key sooner after another than it is long was held back: sound too comes in bursts."""
        held_back = seconds + _LATE_SECONDS if apart < seconds else 0
        self._told_again = self._ready + max(_LATE_SECONDS, _room(seconds)) + held_back

    def _take_up(self, told: _Told, taken_up: bool) -> None:
        """What was put off is played at its length, before the next one has its turn.

        That it is over Asterisk notices with the next packet only: the next key, if that is what
        comes first after a stall, may have been put off whenever it came.
        """
        may_be = _GAP_SECONDS + _room(told.seconds) if self._plays else 0.0
        self._told_again = told.ended + may_be
        self._plays = taken_up
        self._ready = told.ended + _GAP_SECONDS + (told.seconds if taken_up else 0)


@dataclass(slots=True)
class _Ways:
    """By how many ways the keys of this call come, as far as they have shown it."""

    _whole: bool = True
    """The last key has come by both ways: the next to come is another key."""
    _two: bool = False
    """Some key came by both."""
    _one: bool = False
    """Some key was followed by another before it came once more."""

    @property
    def expects_another(self) -> bool:
        """Whether the last key may be on its way once more."""
        return not self._whole and (self._two or not self._one)

    def came_again(self, told: _Told, last: _Told) -> None:
        """The last key came once more; by another way, if that tells another length."""
        if told.seconds != last.seconds:
            self._whole = self._two = True

    def came(self) -> None:
        """Another key came."""
        self._one |= not self._whole
        self._whole = False


@dataclass(slots=True)
class Doubled:
    """Knows the last key of one call, what Asterisk makes of it, and what its sender does."""

    _last: _Told = field(default_factory=_Told)
    _put_off: _PutOff = field(default_factory=_PutOff)
    _ways: _Ways = field(default_factory=_Ways)

    def is_copy(self, digit: str, ended: float | None, seconds: float = 0.0) -> bool:
        """Whether this is the last key once more.

        `ended`: by Asterisk's clock, since events may be late; None where it is not told.
        `seconds`: how long the key was pressed, as its sender tells.
        """
        if ended is None:
            return False
        told = _Told(digit, ended, seconds)
        last, self._last = self._last, told
        is_copy = self._put_off.is_taken_up(told, last) or self._is_again(told, last)
        if is_copy:
            self._ways.came_again(told, last)
        else:
            self._ways.came()
        return is_copy

    def _is_again(self, told: _Told, last: _Told) -> bool:
        if told.digit != last.digit:
            return False
        by_another_way = self._ways.expects_another and told.is_in_midst_of(last)
        return told.is_at_once(last) or by_another_way
