"""The table of what each key means while an ID number is entered (rules, 3.3), row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.keypad import Complete, Entry, NoNumber, Nudge, Typing, pause, press


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
    assert press(digits(entered), key) == outcome


@pytest.mark.parametrize(
    ("entered", "nudged", "outcome"),
    [
        (0, False, NoNumber.SILENT),
        (15, False, Nudge("identity.fifteen_pause")),
        (15, True, Complete(digits(15))),
        (12, False, Nudge("identity.missing", 3)),
        (16, False, Nudge("identity.missing", 2)),
        (17, False, Nudge("identity.missing", 1)),
        (16, True, NoNumber.SILENT),
    ],
)
def test_a_silence(entered: int, nudged: bool, outcome: Entry) -> None:
    assert pause(digits(entered), nudged=nudged) == outcome


def test_a_single_zero_asks_for_a_person() -> None:
    assert press("", "0") == Typing("0")
    assert pause("0", nudged=False) == NoNumber.AGENT
    assert press("0", "5") == Typing("05")


def test_where_only_eighteen_will_do() -> None:
    assert press(digits(15), "#", short_allowed=False) == NoNumber.ONLY_LONG
    assert pause(digits(15), nudged=False, short_allowed=False) == Nudge("identity.missing", 3)
    assert pause(digits(15), nudged=True, short_allowed=False) == NoNumber.SILENT


@given(st.text("0123456789*#", max_size=40), st.booleans())
def test_any_keys_end_in_a_number_or_in_none(keys: str, short_allowed: bool) -> None:
    """Whatever is pressed, what is complete has the right length and an X only at its end."""
    entered = ""
    for key in keys:
        match press(entered, key, short_allowed=short_allowed):
            case Typing(entered):
                assert len(entered) < 18
                assert entered.isdigit()
            case Complete(whole):
                assert len(whole) == 18 or (short_allowed and len(whole) == 15)
                assert (whole[:-1] + whole[-1].replace("X", "0")).isdigit()
                entered = ""
            case Nudge():
                assert len(entered) == 17
            case NoNumber():
                entered = ""


def test_what_was_entered_is_not_shown() -> None:
    assert "123" not in repr((press("12", "3"), press(digits(17), "8")))
