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
        # By RTP and INFO, as Asterisk told of them: INFO with the key's beginning, 30 ms before
        # it, in its midst, 100 ms after it; a long key; INFO that tells the key's own length.
        ([("5", 12.024, 0.16), ("5", 12.098, 0.1), ("5", 13.279, 0.16), ("5", 13.318, 0.1)], "55"),
        ([("5", 25.291, 0.16), ("5", 25.401, 0.1)], "5"),
        ([("5", 18.559, 0.16), ("5", 18.699, 0.3)], "5"),
        ([("5", 15.879, 0.1), ("5", 15.995, 0.16)], "5"),
        ([("5", 26.539, 0.1), ("5", 27.122, 0.6), ("6", 28.039, 0.1), ("6", 28.321, 0.6)], "56"),
        ([("5", 22.882, 0.16), ("5", 23.042, 0.16)], "5"),
        # By a tone and INFO: a tone is noticed a little late.
        ([("4", 18.248, 0.16), ("4", 18.363, 0.089)], "4"),
        ([("4", 21.916, 0.16), ("4", 21.930, 0.293)], "4"),
        # The same key again, 150 ms later, by a sender of both: INFO seems to reach back.
        (
            [("0", 1.00, 0.25), ("0", 1.10, 0.1), ("0", 1.25, 0.25), ("0", 1.35, 0.1)],
            "00",
        ),
        ([("0", 1.10, 0.1), ("0", 1.16, 0.25), ("0", 1.36, 0.12), ("0", 1.42, 0.25)], "00"),
        # One copy was lost: still as many keys as were pressed.
        ([("0", 1.10, 0.1), ("0", 1.25, 0.25), ("0", 1.35, 0.1)], "00"),
        # INFO alone, always of one length, in a hurry; lengths that are measured; a sender of one
        # way alone, whose packets the network held back.
        ([("1", 6.0, 0.25), ("1", 6.2, 0.25), ("1", 6.4, 0.25)], "111"),
        ([("1", 6.0, 0.16), ("1", 6.125, 0.16)], "11"),
        ([("1", 6.0, 0.11), ("1", 6.2, 0.13), ("1", 6.39, 0.09)], "111"),
        ([("7", 5.0, 0.1), ("1", 6.0, 0.1), ("1", 6.11, 0.12)], "711"),
        # A clock that is set back, and an Asterisk that tells no time.
        ([("1", 10.0, 0.1), ("1", 9.99, 0.1), ("1", 10.2, 0.1)], "111"),
        ([("1", None, 0.1), ("1", None, 0.1)], "11"),
    ],
)
def test_one_key_counts_once(keys: list[Pressed], told: str) -> None:
    assert heard(*keys) == told


@pytest.mark.parametrize(
    ("seconds", "told", "pressed"),
    [
        (
            0.04,
            "1 .959 2 .984 2 1.013 3 1.113 4 1.144 4 1.158 5 1.265 6 1.305 6 1.311 7 1.416 8 1.464 "
            "9 1.568 0 1.720 1 1.722 1 1.805 2 1.892 2 1.901 3 1.903 3 1.986 4 2.044 4 2.072 "
            "5 2.072 5 2.165 6 2.195 6 2.250 7 2.260 8 2.346",
            "123456789012345678",
        ),
        (
            0.04,
            "6 1.192 7 1.192 7 1.239 8 1.240 8 1.415 9 1.416 9 1.505 0 1.506 0 1.595 1 1.596 "
            "1 1.683 2 1.684 2 1.772 3 1.775 3 1.859 4 1.998 5 2.000 6 2.000 7 2.001 8 2.001",
            "6789012345678",
        ),
        (
            0.08,
            "1 9.277 2 9.277 3 9.277 4 9.728 5 9.729 5 9.780 6 9.780 6 9.912 7 10.181 8 10.181 "
            "8 10.228 9 10.636 0 10.636 0 10.763 1 10.764 1 10.889 2 11.089 3 11.090 3 11.223",
            "1234567890123",
        ),
        (
            0.1,
            "4 9.256 5 9.256 5 9.301 6 9.302 6 9.446 7 9.909 8 9.910 8 10.055 9 10.056 9 10.211 "
            "0 10.212 0 10.357 1 10.564 2 10.564 2 10.609 3 10.610 3 10.755 4 11.217",
            "45678901234",
        ),
        # On a busy machine: taken up late; held back until the next packet, after a stall. But
        # what comes as late as a hand presses again (40 ms of quiet, Q.24) is another key.
        (0.08, "2 1.824 3 1.825 3 2.040 4 2.132", "234"),
        (0.08, "5 1.000 6 1.001 6 1.145 7 1.450 7 1.525", "567"),
        (0.08, "5 1.000 6 1.001 6 1.145 7 1.450 7 1.570", "5677"),
        (0.04, "5 1.000 6 1.001 6 1.105 7 1.450 7 1.530", "5677"),
    ],
)
def test_what_a_network_held_back_counts_once(seconds: float, told: str, pressed: str) -> None:
    """As an idle Asterisk and one that was playing told of keys that came in bursts."""
    words = told.split()
    keys = zip(words[::2], map(float, words[1::2]), strict=True)
    assert heard(*((key, ended, seconds) for key, ended in keys)) == pressed
