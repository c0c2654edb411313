"""A key that arrives twice is one key; pure.

A telephone may send each key as an RTP event and as SIP INFO, and a sender at fault ends a key
three times under new timestamps: Asterisk tells of each. Nobody presses the same key twice so
fast: ITU-T Q.24 wants 40 ms of tone and 40 ms of quiet at least.
"""

from __future__ import annotations

from dataclasses import dataclass

AT_ONCE_SECONDS = 0.055
"""Between ends of the same key. Asterisk puts off a second one for 45 ms; 80 are two keys."""
_SHARE = 0.75
_LONGEST_SECONDS = 0.1
"""A copy may be later by most of the length that it tells, up to here: no hand is so fast."""


@dataclass(slots=True)
class Doubled:
    """Knows the last key of one call."""

    _digit: str = ""
    _ended: float = 0.0

    def is_copy(self, digit: str, ended: float | None, seconds: float = 0.0) -> bool:
        """Whether this is the last key once more.

        `ended`: by Asterisk's clock, since events may be late; None where it is not told.
        `seconds`: how long the key was pressed, as its sender tells.
        """
        if ended is None:
            return False
        apart, same = ended - self._ended, digit == self._digit
        self._digit, self._ended = digit, ended
        return same and 0 <= apart < min(max(AT_ONCE_SECONDS, _SHARE * seconds), _LONGEST_SECONDS)
