"""Whoever has a case is told once: that it is theirs, that it is nearly late, that it is late."""

from __future__ import annotations

import pytest

from ivr.cases.reminding import reminders
from tests.cases.test_clocks import CLOCKS, case, noon

ACCEPTED = ("2026-11-25", "accept")
ASSIGNED = (ACCEPTED, ("2026-11-25", "assign"))
WORKING = (*ASSIGNED, ("2026-11-25", "take"))


def told(today: str, *moves: tuple[str, str]) -> list[tuple[str, str, str]]:
    about = case("2026-11-25", *moves)
    found = reminders(about, CLOCKS.running(about, noon(today)))
    return [(each.handler, each.about, each.stage) for each in found]


@pytest.mark.parametrize(
    ("today", "moves", "expected"),
    [
        ("2026-11-25", (), []),
        ("2026-11-26", (), [("", "将到期", "受理")]),
        ("2026-11-27", (), [("", "已超期", "受理")]),
        ("2026-11-25", ASSIGNED, [("李强", "新派", "答复")]),
        ("2026-12-01", ASSIGNED, [("李强", "新派", "答复"), ("李强", "将到期", "答复")]),
        ("2026-11-30", WORKING, []),
        ("2026-12-01", WORKING, [("李强", "将到期", "答复")]),
        ("2026-12-03", WORKING, [("李强", "已超期", "答复")]),
        ("2026-12-03", (*WORKING, ("2026-11-26", "suspend")), []),
        ("2026-12-04", (*WORKING, ("2026-11-26", "answer")), [("", "将到期", "办结")]),
        ("2026-12-09", (*WORKING, ("2026-12-02", "answer"), ("2026-12-02", "close")),
         [("", "将到期", "回访")]),
        ("2027-06-01", (("2026-11-26", "reject"),), []),
    ],
)  # fmt: skip
def test_who_is_told_what(today: str, moves: tuple, expected: list) -> None:
    assert told(today, *moves) == expected


def known(today: str, *moves: tuple[str, str]) -> set[str]:
    about = case("2026-11-25", *moves)
    return {each.what for each in reminders(about, CLOCKS.running(about, noon(today)))}


def test_the_same_day_after_day_is_one_thing_and_another_term_another() -> None:
    assert known("2026-12-03", *WORKING) == known("2026-12-20", *WORKING)
    granted = (*WORKING, ("2026-11-26", "ask"), ("2026-11-26", "grant"))
    assert not known("2026-12-20", *WORKING) & known("2026-12-20", *granted)


def test_a_rest_makes_no_new_term() -> None:
    rested = (*WORKING, ("2026-12-01", "suspend"), ("2026-12-02", "resume"))
    assert known("2026-12-02", *rested) == known("2026-12-01", *WORKING)


def test_who_gets_it_from_another_is_told_anew() -> None:
    assert known("2026-11-26", *ASSIGNED) != known(
        "2026-11-26", *ASSIGNED, ("2026-11-26", "reassign")
    )
