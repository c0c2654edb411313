"""One telephone is one caller however its number is written; placeholders are nobody."""

from __future__ import annotations

import pytest

from ivr.config import CallersSettings, Registration, Settings, Trunk
from ivr.people.callers import Callers, canonical, masked

SAME = {
    "13912345678": [
        *("13912345678", "013912345678", "8613912345678", "+8613912345678", "008613912345678"),
        *("+86 139 1234 5678", "139-1234-5678", "86013912345678", "+86013912345678"),
        *("057113912345678", "01013912345678", "1795113912345678", "17911013912345678"),
        *("1259313912345678", "+861795113912345678"),
    ],
    "057188889999": [
        *("057188889999", "57188889999", "+8657188889999", "8657188889999", "008657188889999"),
        *("17951057188889999", "17909057188889999", "193057188889999"),
        *("0571-88889999", "(0571)88889999", "86057188889999", "+86057188889999", "88889999"),
    ],
    "01062345678": ["01062345678", "1062345678", "+861062345678", "861062345678"],
    "07701234567": ["07701234567", "7701234567", "+867701234567", "867701234567"],
    "4008001234": ["4008001234", "+864008001234", "400-800-1234"],
    "95588": ["95588", "+8695588", "008695588"],
    "+12125550123": ["+12125550123", "0012125550123", "+1 (212) 555-0123"],
    "+85223456789": ["+85223456789", "0085223456789"],
    "6001": ["6001"],
}
NOBODY = [
    *("anonymous", "Anonymous", "unavailable", "Restricted", "unknown", "guest", "s", ""),
    *("0000000000", "0", "000", "+000000", "+8600000000", "1111111", "99999999999", "11111111111"),
    *("0571", "010", "+86571", "0571-0000000", "057100000000", "0.0.0.0", "192.168.1.10"),
    *("12", "110x", "１３９１２３４５６７８", "sip:1", "+", "+86", "1" * 21, "anonymous@x", " "),
]


@pytest.mark.parametrize(
    ("told", "number"), [(told, number) for number, ways in SAME.items() for told in ways]
)
def test_one_telephone_is_one_number(told: str, number: str) -> None:
    assert canonical(told, "0571") == number


def test_strangers_stay_apart() -> None:
    numbers = [number for number in SAME if canonical(number, "0571") == number]
    assert numbers == list(SAME)
    assert canonical("88889999") == "88889999"
    assert canonical("86123456") == "86123456", "a local number may begin with 86"
    assert canonical("8612345", "0571") == "05718612345"


@pytest.mark.parametrize("told", NOBODY)
def test_a_placeholder_is_nobody(told: str) -> None:
    assert canonical(told, "0571") is None


@pytest.mark.parametrize(
    "told",
    [
        *("8612329", "008612329", "86057112329", "8657112329", "+86057112329", "8687654321"),
        *("12329", "+8612329", "057112329", "57112329", "+8657112329", "057187654321"),
        *("87654321", "+8657187654321", "123456789", "csjt57100", "057155556666"),
    ],
)
def test_the_lines_own_numbers_and_those_of_the_settings_are_nobody(
    settings: Settings, told: str
) -> None:
    account = Registration(server="192.0.2.1", user="057155556666", password="x")  # type: ignore[arg-type]
    trunks = (
        Trunk(name="a", hosts=("192.0.2.1",), numbers=("057187654321", "57112329")),
        Trunk(name="b", registration=account),
    )
    callers = CallersSettings(area_code="0571", nobody=("123456789", "csjt57100"))
    known = Callers.of(settings.model_copy(update={"trunks": trunks, "callers": callers}))
    assert known.known(told) is None
    assert known.known("13912345678") == "13912345678"


@pytest.mark.parametrize(
    ("told", "shown"), [("13912345678", "…78"), ("anonymous", "withheld"), ("", "withheld")]
)
def test_an_operator_sees_two_digits_of_a_caller(told: str, shown: str) -> None:
    assert masked(told) == shown
