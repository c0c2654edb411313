"""The same key twice at once is one; as fast as a machine dials, it is two."""

from __future__ import annotations

import pytest

from ivr.calls.doubled import Doubled

Pressed = tuple[str, float | None, float]
"""A key, when it ended, and how long it was pressed."""


def heard(*keys: Pressed) -> str:
    doubled = Doubled()
    return "".join(digit for digit, *pressed in keys if not doubled.is_copy(digit, *pressed))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        # As Asterisk told of them: by RTP and INFO, at the key's end and later; three ends under
        # new timestamps.
        ([("5", 58.719, 0.1), ("5", 58.765, 0.16), ("5", 59.335, 0.1), ("5", 59.381, 0.16)], "55"),
        ([("5", 4.316, 0.1), ("5", 4.383, 0.1)], "5"),
        ([("5", 4.300, 0.1), ("5", 4.390, 0.25)], "5"),
        ([("5", 9.802, 0.1), ("5", 9.803, 0.1), ("5", 9.803, 0.1)], "5"),
        ([("5", 9.800, 0.1), ("5", 9.846, 0.1), ("5", 9.892, 0.1)], "5"),
        # Keys of 40 ms with 40 ms between them, also when the machine is late by 20; keys that
        # a network held back; INFO alone, that always tells 250 ms.
        ([("9", 6.916, 0.04), ("9", 6.996, 0.04), ("0", 7.076, 0.04), ("0", 7.136, 0.04)], "9900"),
        ([("9", 6.000, 0.08), ("9", 6.062, 0.08)], "99"),
        ([("1", 6.000, 0.25), ("1", 6.150, 0.25)], "11"),
        ([("1", 1.00, 0.1), ("2", 1.02, 0.1), ("1", 1.04, 0.1)], "121"),
        # A clock that is set back, and an Asterisk that tells no time.
        ([("1", 10.0, 0.1), ("1", 9.99, 0.1), ("1", 10.2, 0.1)], "111"),
        ([("1", None, 0.1), ("1", None, 0.1)], "11"),
    ],
)
def test_one_key_counts_once(keys: list[Pressed], told: str) -> None:
    assert heard(*keys) == told
