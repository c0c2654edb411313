"""A key that arrives twice is one key; pure.

A telephone may send each key as an RTP event and as SIP INFO, and a sender at fault ends a key
three times under new timestamps: Asterisk tells of each. Nobody presses the same key twice so
fast: ITU-T Q.24 wants 40 ms of tone and 40 ms of quiet at least.

And Asterisk itself tells of a key twice that comes too soon after another, as when a network lets
go at once what it held back: when it came, and when it was taken up (`__ast_read` in
`main/channel.c`). While it plays it tells of each once.
"""

from __future__ import annotations

from dataclasses import dataclass

AT_ONCE_SECONDS = 0.055
"""Between ends of the same key: 80 ms are two keys."""
_SHARE = 0.75
_LONGEST_SECONDS = 0.1
"""A copy may be later by most of the length that it tells, up to here: no hand is so fast."""
_GAP_SECONDS = 0.045
"""Asterisk puts off a key that comes sooner after another (AST_MIN_DTMF_GAP)."""
_LATE_SECONDS = 0.04
"""By how much it may be late in taking up what it put off: sound comes every 20 ms."""


@dataclass(slots=True)
class Doubled:
    """Knows the last key of one call, and what Asterisk makes of it; seconds by its clock."""

    _digit: str = ""
    _ended: float = 0.0
    _seconds: float = 0.0
    _ready: float = 0.0
    """When Asterisk is done with the last key and takes up another."""
    _told_again: float = 0.0
    """Until when it may tell of the last key once more, which came before it was ready."""

    def is_copy(self, digit: str, ended: float | None, seconds: float = 0.0) -> bool:
        """Whether this is the last key once more.

        `ended`: by Asterisk's clock, since events may be late; None where it is not told.
        `seconds`: how long the key was pressed, as its sender tells.
        """
        if ended is None:
            return False
        apart = ended - self._ended
        again = digit == self._digit and apart >= 0
        taken_up = again and seconds == self._seconds and ended < self._told_again
        if apart >= 0 and ended < self._ready and not taken_up:
            self._put_off(apart, seconds)
        else:
            self._take_up(ended, seconds, taken_up)
        self._digit, self._ended, self._seconds = digit, ended, seconds
        return taken_up or (again and apart < _at_once(seconds))

    def _put_off(self, apart: float, seconds: float) -> None:
        """A key sooner after another than it is long was held back: sound too comes in bursts."""
        held_back = seconds + _LATE_SECONDS if apart < seconds else 0
        self._told_again = self._ready + _LATE_SECONDS + held_back

    def _take_up(self, ended: float, seconds: float, taken_up: bool) -> None:
        """What was put off is played at its length, before the next one has its turn."""
        self._ready = ended + _GAP_SECONDS + (seconds if taken_up else 0)
        self._told_again = 0.0


def _at_once(seconds: float) -> float:
    return min(max(AT_ONCE_SECONDS, _SHARE * seconds), _LONGEST_SECONDS)
