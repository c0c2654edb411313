"""A small province for a few seconds: budgets are exact, no phone rings twice, and it is told."""

from __future__ import annotations

import pytest

from bench.province import options, run
from tests.analytics.postgres import programs

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL on this machine"),
]


def test_three_cells_keep_one_budget_and_ring_each_phone_once() -> None:
    pytest.importorskip("psycopg")
    few = ["--lines", "1", "--cells", "3", "--calls", "60", "--agents", "3", "--seconds", "5"]
    (tally,), told = run(options().parse_args([*few, "--patience", "60"]))
    assert tally.faults == []
    assert tally.happened["calls"] >= 180 - tally.happened["refused: too many of one number"]
    assert tally.happened["told"] > 0
    assert tally.happened["wanted an agent"] > 0
    assert told[0].startswith("1 lines x 3 cells x 60 calls = 180 at once")
