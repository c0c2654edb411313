"""What can be said has clips up to the ends of its range, and nothing beyond them is said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ivr.speech import numbers
from ivr.speech.ranges import FIRST_YEAR, LAST_YEAR, RANGES

_STEP = {"amount": Decimal("0.01")}
COUNTED = [kind for kind in RANGES if kind != "year"]


def _clips(kind: str, value: object) -> tuple[str, ...]:
    reading = numbers.read(kind, str(value))
    return reading.clips + reading.clips_within


@pytest.mark.parametrize("kind", COUNTED)
def test_both_ends_of_a_range_are_said(kind: str) -> None:
    for end in (RANGES[kind].least, RANGES[kind].most):
        assert _clips(kind, end)


@pytest.mark.parametrize("kind", COUNTED)
def test_nothing_beyond_a_range_is_said(kind: str) -> None:
    step = _STEP.get(kind, Decimal(1))
    for beyond in (RANGES[kind].least - step, RANGES[kind].most + step):
        assert beyond not in RANGES[kind]
        with pytest.raises(numbers.Unreadable):
            _clips(kind, beyond)


@pytest.mark.parametrize(
    ("kind", "rest"), [("year_month", "-01"), ("year_month", "-12"), ("date", "-12-31")]
)
def test_years_are_said_up_to_their_ends(kind: str, rest: str) -> None:
    for year in (FIRST_YEAR, LAST_YEAR):
        assert _clips(kind, f"{year}{rest}")
    for year in (1900, FIRST_YEAR - 1, LAST_YEAR + 1, 9999):
        with pytest.raises(numbers.Unreadable):
            _clips(kind, f"{year}{rest}")


def test_every_term_has_clips() -> None:
    for months in range(1, int(RANGES["term_months"].most) + 1):
        assert _clips("term_months", months)
