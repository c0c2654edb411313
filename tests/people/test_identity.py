"""ID numbers: which can exist, and the two forms of one person (rules, 3.1)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.people.identity import (
    IdNumber,
    WrongLength,
    WrongNumber,
    foreseen,
    lengthen,
    parse,
    shorten,
)

DAYS = st.dates(date(1900, 1, 1), date(1999, 12, 31))
SERIALS = st.integers(0, 995)
REGIONS = st.integers(100000, 999999)


@st.composite
def short_numbers(draw: st.DrawFn) -> str:
    return f"{draw(REGIONS)}{draw(DAYS):%y%m%d}{draw(SERIALS):03}"


@given(short_numbers())
def test_both_forms_are_one_person(short: str) -> None:
    old, new = parse(short), parse(lengthen(short))
    assert isinstance(old, IdNumber)
    assert isinstance(new, IdNumber)
    assert (old.id18, old.id15) == (new.id18, new.id15)
    assert shorten(lengthen(short)) == short
    assert (old.keyed.reveal(), new.keyed.reveal()) == (short, lengthen(short))


@given(short_numbers(), st.integers(0, 17), st.integers(1, 9))
def test_every_wrong_digit_is_noticed(short: str, place: int, step: int) -> None:
    whole = lengthen(short)
    digit = "0123456789"[(int(whole[place].replace("X", "0")) + step) % 10]
    if digit != whole[place]:
        mistyped = whole[:place] + digit + whole[place + 1 :]
        assert isinstance(parse(mistyped), WrongNumber)
        assert isinstance(parse(mistyped, verify=False), IdNumber)


@given(short_numbers(), st.integers(0, 15))
def test_every_swap_of_neighbours_is_noticed(short: str, place: int) -> None:
    whole = lengthen(short)
    swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
    assert swapped == whole or isinstance(parse(swapped), WrongNumber)


@pytest.mark.parametrize("text", ["11010519491231002X", " 11010519491231002x "])
def test_the_standard_s_own_example(text: str) -> None:
    number = parse(text)
    assert isinstance(number, IdNumber)
    assert number.id18.reveal() == "11010519491231002X"
    assert number.id15.reveal() == "110105491231002"
    assert number.tail.reveal() == "002X"


@pytest.mark.parametrize(
    "text", ["", "1", "1" * 14, "1" * 16, "1" * 17, "1" * 19, "X" * 18, "1" * 16 + "XX", "１" * 15]
)
def test_other_lengths_and_signs(text: str) -> None:
    assert parse(text) == WrongLength()


@pytest.mark.parametrize("day", ["19900230", "20001301", "00000101"])
def test_a_day_that_is_none(day: str) -> None:
    seventeen = f"990101{day}001"
    whole = next(
        number
        for check in "0123456789X"
        if isinstance(parse(number := seventeen + check, verify=False), IdNumber)
        and number[17] == _check(seventeen)
    )
    assert parse(whole) == WrongNumber()


def _check(seventeen: str) -> str:
    """ISO 7064 MOD 11-2, by its recurrence and not by the table of weights."""
    rest = 0
    for digit in seventeen:
        rest = (rest + int(digit)) * 2 % 11
    return "0123456789X"[(12 - rest) % 11]


@given(short_numbers())
def test_the_check_digit_is_the_standard_s(short: str) -> None:
    whole = lengthen(short)
    assert whole[17] == _check(whole[:17])


@given(short_numbers())
def test_seventeen_digits_say_which_number_it_will_be(short: str) -> None:
    whole = lengthen(short)
    assert foreseen(whole[:17]) == parse(whole)


@pytest.mark.parametrize("digits", ["11010519490229002", "11010519491331002"])
def test_of_a_day_that_is_none_no_number_is_foreseen(digits: str) -> None:
    assert foreseen(digits) is None


def test_serials_of_centenarians_are_nobody_s_today() -> None:
    assert parse("990101900101996") == WrongNumber()


def test_who_was_born_later_never_had_fifteen_digits() -> None:
    number = parse("990102200012120127")
    assert isinstance(number, IdNumber)
    assert number.id15.reveal() is None


def test_nothing_of_a_number_is_shown() -> None:
    assert "990101" not in repr(parse("990101900101001"))


def test_the_days_of_a_year_all_exist() -> None:
    first = date(1996, 1, 1)
    days = (first + timedelta(days=count) for count in range(366))
    assert all(isinstance(parse(f"990101{day:%y%m%d}001"), IdNumber) for day in days)
