"""What may be dialled: mobiles and fixed lines of this country, and nothing else."""

from __future__ import annotations

import pytest

from ivr.config import DiallingSettings, Settings
from ivr.dialling.numbers import dialable
from ivr.people.sensitive import Sensitive

TRUNKS = [{"name": "carrier", "hosts": ["192.0.2.1"], "numbers": ["057188012329"]}]


def dialled(told: str, **changes: object) -> str | None:
    settings = Settings.model_validate({"trunks": TRUNKS, "dialling": changes})
    number = dialable(Sensitive(told), settings)
    return None if number is None else number.reveal()


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ("13800138000", "13800138000"),
        ("+8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("013800138000", "13800138000"),
        ("19912345678", "19912345678"),
        ("01065551234", "01065551234"),
        ("1065551234", "01065551234"),
        ("057187654321", "057187654321"),
        ("+86 571 8765 4321", "057187654321"),
        ("03752234567", "03752234567"),
    ],
)
def test_a_mobile_and_a_fixed_line_are_dialled_in_their_one_form(told: str, number: str) -> None:
    assert dialled(told) == number


@pytest.mark.parametrize(
    "told",
    [
        "",
        "anonymous",
        "6001",
        "12329",
        "057112329",
        "110",
        "12345",
        "95588",
        "96110",
        "4008108888",
        "8008108888",
        "+12025550123",
        "0012025550123",
        "0085221234567",
        "1380013800",
        "138001380001",
        "87654321",  # without an area code, and the line knows no own
        "057112345678",  # a local number of services
        "0571987654321",
        "13491234567",  # satellites
        "17401234567",
        "17951138001380001",
        "#13800138000",
        "13800138000,123",
        "13800138000@example.org",
        "13800138000;phone-context=x",
        "057188012329",  # the line itself
        "00000000000",
    ],
)
def test_everything_else_is_not_dialled(told: str) -> None:
    assert dialled(told) is None


def test_a_centre_may_leave_out_a_kind() -> None:
    assert dialled("13800138000", kinds=["fixed"]) is None
    assert dialled("057187654321", kinds=["fixed"]) == "057187654321"
    assert DiallingSettings().trunk is None, "off where nobody has set it"
