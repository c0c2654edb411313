"""The same key twice at once is one; as fast as a machine dials, it is two."""

from __future__ import annotations

import pytest

from ivr.calls.doubled import Doubled


def heard(*keys: tuple[str, float | None]) -> str:
    doubled = Doubled()
    return "".join(digit for digit, ended in keys if not doubled.is_copy(digit, ended))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        # As Asterisk told of them: by RTP and INFO; three ends under new timestamps.
        ([("5", 58.719), ("5", 58.765), ("5", 59.335), ("5", 59.381)], "55"),
        ([("5", 9.802), ("5", 9.803), ("5", 9.803)], "5"),
        ([("5", 9.800), ("5", 9.846), ("5", 9.892)], "5"),
        # Keys of 40 ms with 40 ms between them, also when the machine is late by 20.
        ([("9", 6.916), ("9", 6.996), ("0", 7.076), ("0", 7.136)], "9900"),
        ([("1", 1.00), ("2", 1.02), ("1", 1.04)], "121"),
        # A clock that is set back, and an Asterisk that tells no time.
        ([("1", 10.0), ("1", 9.99), ("1", 10.2)], "111"),
        ([("1", None), ("1", None)], "11"),
    ],
)
def test_one_key_counts_once(keys: list[tuple[str, float | None]], told: str) -> None:
    assert heard(*keys) == told
