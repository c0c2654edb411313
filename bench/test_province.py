"""A small province for a few seconds: budgets are exact, no phone rings twice, and it is told."""

from __future__ import annotations

import pytest

from bench.province import options, run
from bench.province_cell import Span, Stay, Told
from bench.province_told import faults, overtaken
from tests.analytics.postgres import programs


@pytest.mark.live
@pytest.mark.skipif(programs() is None, reason="no PostgreSQL on this machine")
def test_three_cells_keep_one_budget_and_ring_each_phone_once() -> None:
    pytest.importorskip("psycopg")
    few = ["--lines", "1", "--cells", "3", "--calls", "60", "--agents", "1", "--seconds", "5"]
    (line,), told = run(options().parse_args([*few, "--rate", "10", "--patience", "60"]))
    happened = sum((cell.happened for cell in line[1:]), line[0].happened)
    assert faults(line) == []
    assert happened["calls"] > 20
    assert happened["told"] > 0
    assert happened["wanted an agent"] > 0
    assert told[0].startswith("1 lines x 3 cells x 60 calls = 180 at once")


def test_what_may_never_be_is_seen_across_cells() -> None:
    one = Told(phones=[Span("60001", "a", 0.0, 5.0)], people={"n": {f"p{k}" for k in range(9)}})
    other = Told(phones=[Span("60001", "b", 4.9, 6.0)], people={"n": {f"q{k}" for k in range(9)}})
    assert len(faults([one, other])) == 2
    one.losses = 1
    assert faults([one, other])[0].startswith("phone"), "no loss of the database excuses it"
    one.losses = 0
    other.phones = [Span("60001", "b", 5.0, 6.0)]
    assert [fault.split()[0] for fault in faults([one, other])] == ["n"]


def test_who_is_served_before_somebody_who_came_first_is_counted() -> None:
    first = Told(stays=[Stay("a", 0.0, 9.0, served=True)])
    later = Told(stays=[Stay("b", 2.0, 5.0, served=True), Stay("c", 2.0, 5.0, served=False)])
    assert overtaken([first, later]) == 1
    later.stays[0] = Stay("b", 2.0, 9.4, served=True)
    assert overtaken([first, later]) == 0
