"""A number that is misheard or mistyped is found to be wrong before anything is looked up."""

from __future__ import annotations

import itertools
import random

import pytest

from ivr.cases.numbers import _TABLE, DIGITS, is_possible, numbered


def some() -> list[str]:
    chosen = random.Random(12329)
    return [numbered(chosen.randrange(100), chosen.randrange(1, 100_000)) for _ in range(300)]


def test_eight_digits_of_series_count_and_check() -> None:
    assert numbered(1, 1) == "01000015"
    assert numbered(99, 99_999)[:-1] == "9999999"
    assert all(is_possible(each) and len(each) == DIGITS for each in some())


def test_every_single_wrong_digit_is_found() -> None:
    for number in some():
        for at, digit in itertools.product(range(DIGITS), "0123456789"):
            wrong = number[:at] + digit + number[at + 1 :]
            assert is_possible(wrong) == (wrong == number)


def test_every_swap_of_neighbours_is_found() -> None:
    for number in some():
        for at in range(DIGITS - 1):
            swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
            assert is_possible(swapped) == (swapped == number)


def test_the_table_finds_them_in_any_number_of_any_length() -> None:
    """Latin rows and columns, nothing but 0 on the diagonal, and no pair that commutes."""
    rows = [[int(digit) for digit in row] for row in _TABLE]
    every = list(range(10))
    assert all(sorted(row) == every for row in rows)
    assert all(sorted(row[n] for row in rows) == every for n in every)
    assert all(rows[n][n] == 0 for n in every)
    for before, one, other in itertools.product(every, repeat=3):
        if rows[rows[before][one]][other] == rows[rows[before][other]][one]:
            assert one == other


@pytest.mark.parametrize("text", ["", "1", "26112501001", "0100001X", "٠١٠٠٠٠١٧", " 1000017"])
def test_what_nobody_has_heard_is_no_number(text: str) -> None:
    assert not is_possible(text)
