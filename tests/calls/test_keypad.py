"""The table of what each key means while a number is entered (rules, 3.3), row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.keypad import (
    Complete,
    CountForm,
    Entry,
    Form,
    IdForm,
    NoNumber,
    Nudge,
    PhoneForm,
    Typing,
)
from ivr.speech.contract import DTMF

ID = IdForm()
LONG_ONLY = IdForm(short_allowed=False)
PASSWORD = CountForm(6)
PHONE = PhoneForm()


def digits(count: int) -> str:
    return "123456789012345678"[:count]


@pytest.mark.parametrize(
    ("entered", "key", "outcome"),
    [
        (0, "*", NoNumber.BACK),
        (0, "#", NoNumber.EMPTY),
        (0, "5", Typing("5")),
        *((count, "#", NoNumber.WRONG_LENGTH) for count in (*range(1, 15), 16)),
        *((count, "*", NoNumber.CLEARED) for count in range(1, 17)),
        (14, "5", Typing(digits(15))),
        (15, "#", Complete(digits(15))),
        (16, "7", Typing(digits(17))),
        (17, "*", Complete(digits(17) + "X")),
        (17, "#", Nudge("identity.last_is_x")),
        (17, "8", Complete(digits(18))),
    ],
)
def test_a_row_of_the_table(entered: int, key: str, outcome: Entry) -> None:
    assert ID.press(digits(entered), key) == outcome


@pytest.mark.parametrize(
    ("entered", "nudged", "outcome"),
    [
        (0, False, NoNumber.SILENT),
        *((count, False, Nudge("identity.missing", 18 - count)) for count in range(1, 15)),
        (15, False, Nudge("identity.fifteen_pause")),
        (15, True, Complete(digits(15))),
        (16, False, Nudge("identity.missing", 2)),
        (17, False, Nudge("identity.missing", 1)),
        *((count, True, NoNumber.SILENT) for count in (*range(1, 15), 16, 17)),
    ],
)
def test_a_silence(entered: int, nudged: bool, outcome: Entry) -> None:
    assert ID.pause(digits(entered), nudged=nudged) == outcome


@pytest.mark.parametrize("start", ["0", "00", "000", "0" * 17, "011", "10", "20", "77", "8", "84"])
def test_a_start_that_no_id_number_has_asks_for_a_person(start: str) -> None:
    expected = Nudge("identity.missing", 17) if start == "8" else NoNumber.AGENT  # 8: 81 to 83
    assert ID.pause(start, nudged=False) == expected
    assert LONG_ONLY.pause(start, nudged=False) == expected


@pytest.mark.parametrize("start", ["1", "11", "44", "65", "7", "71", "81", "83", "91", "99"])
def test_regions_and_permits_of_foreigners_do_exist(start: str) -> None:
    assert ID.pause(start, nudged=False) == Nudge("identity.missing", 18 - len(start))


@pytest.mark.parametrize("zeros", range(1, 18))
def test_zeros_and_a_hash_ask_for_a_person(zeros: int) -> None:
    assert ID.press("0" * zeros, "#") == NoNumber.AGENT


def test_zeros_are_no_number_however_many() -> None:
    assert ID.press("", "0") == Typing("0")
    assert ID.press("0", "5") == Typing("05")
    assert ID.press("0" * 17, "0") == NoNumber.AGENT
    assert ID.press("0" + digits(16), "5") == Complete("0" + digits(16) + "5")


def test_where_only_eighteen_will_do() -> None:
    assert LONG_ONLY.press(digits(15), "#") == NoNumber.ONLY_LONG
    assert LONG_ONLY.pause(digits(10), nudged=False) == Nudge("identity.missing", 8)
    assert LONG_ONLY.pause(digits(15), nudged=False) == Nudge("identity.missing", 3)
    assert LONG_ONLY.pause(digits(15), nudged=True) == NoNumber.SILENT


@pytest.mark.parametrize(
    ("entered", "key", "outcome"),
    [
        ("", "*", NoNumber.BACK),
        ("", "#", NoNumber.EMPTY),
        ("12", "*", NoNumber.CLEARED),
        ("12", "#", NoNumber.WRONG_LENGTH),
        ("00000", "0", Complete("000000")),
        ("12345", "#", NoNumber.WRONG_LENGTH),
        ("12345", "*", NoNumber.CLEARED),
    ],
)
def test_a_password_is_six_digits(entered: str, key: str, outcome: Entry) -> None:
    assert PASSWORD.press(entered, key) == outcome


def test_a_password_may_begin_with_zeros_and_its_missing_digits_are_said() -> None:
    assert PASSWORD.pause("000", nudged=False) == Nudge("identity.missing", 3)
    assert PASSWORD.pause("000", nudged=True) == NoNumber.SILENT
    assert PASSWORD.pause("", nudged=False) == NoNumber.SILENT


@pytest.mark.parametrize(
    ("entered", "outcome"),
    [
        ("", NoNumber.SILENT),
        ("1", Nudge("identity.missing", 10)),
        ("1380013800", Nudge("identity.missing", 1)),
        ("0571888", Nudge("identity.missing", 4)),
        ("0101234567", Nudge("identity.missing", 1)),
        ("05718888666", Complete("05718888666")),
        ("01088886666", Complete("01088886666")),
        ("88886666", Complete("88886666")),
        ("8888", Complete("8888")),
        ("4008001234", Complete("4008001234")),
    ],
)
def test_a_silence_in_a_telephone_number(entered: str, outcome: Entry) -> None:
    """Nobody hears how many digits a number lacks that lacks its area code."""
    assert PhoneForm().pause(entered, nudged=False) == outcome


@given(st.text(sorted(DTMF), max_size=40), st.sampled_from([ID, LONG_ONLY, PASSWORD]))
def test_any_keys_end_in_a_number_or_in_none(keys: str, form: Form) -> None:
    """Whatever is pressed, what is complete has the right length and an X only at its end."""
    lengths = {ID: {15, 18}, LONG_ONLY: {18}, PASSWORD: {6}}[form]
    entered = ""
    for key in keys:
        match form.press(entered, key):
            case Typing(entered):
                assert len(entered) < max(lengths)
                assert entered.isdigit()
            case Complete(whole):
                assert len(whole) in lengths
                assert (whole[:-1] + whole[-1].replace("X", "0")).isdigit()
                entered = ""
            case Nudge():
                assert len(entered) == 17
            case NoNumber():
                entered = ""


@given(st.text("0123456789", max_size=20), st.sampled_from([ID, LONG_ONLY, PASSWORD, PHONE]))
def test_digits_that_are_far_from_a_number_change_its_length_and_no_more(
    keys: str, form: Form
) -> None:
    """They may be gathered: nothing comes of one of them, and nobody's patience is another."""
    entered, far = "", 0
    for key in keys:
        match form.press(entered, key):
            case Typing(grown):
                assert grown == entered + key
                assert not (far and form.is_wish(grown))
                assert form.far(grown) == far - 1 or not far
                entered, far = grown, form.far(grown)
            case _:
                assert not far
                break


@pytest.mark.parametrize(
    ("form", "entered", "far"),
    [
        (ID, "9", 15),
        (ID, "9" * 16, 0),
        (ID, "9" * 17, 0),
        (ID, "00", 0),
        (ID, "01", 14),
        (PASSWORD, "0", 4),
        (PASSWORD, "12345", 0),
        (PHONE, "1", 9),
        (PHONE, "0571888866", 0),
        (PHONE, "05718888666", 0),
    ],
)
def test_the_digit_that_tells_something_is_the_next(form: Form, entered: str, far: int) -> None:
    """Of an ID number the last but one: the last follows from the others."""
    assert form.far(entered) == far


def test_what_was_entered_is_not_shown() -> None:
    assert "123" not in repr((ID.press("12", "3"), ID.press(digits(17), "8")))
