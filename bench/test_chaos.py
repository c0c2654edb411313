"""The plan of blows is the same for the same seed; a broken promise is told, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bench.chaos import KINDS, REST_SECONDS, Story, faults, plan

WELL = {"begun": 3, "ended": 3, "carried": 0, "loaded": 3}


def story(**more: object) -> Story:
    """A quiet time until 100, then a full disk that was told."""
    usual = {
        "quiet_until": 100.0,
        "struck": [(110.0, 200.0, "full disk")],
        "rang": [(180.0, "disk_low")],
        "calls": [(50.0, 80.0, "whole"), (90.0, 120.0, "whole"), (130.0, 190.0, "whole")],
    }
    return Story(**{**usual, **more})  # type: ignore[arg-type]


def test_the_same_seed_makes_the_same_blows_and_another_one_others() -> None:
    assert plan(7, 3600, [*KINDS]) == plan(7, 3600, [*KINDS])
    assert plan(7, 3600, [*KINDS]) != plan(8, 3600, [*KINDS])


def test_one_blow_at_a_time_and_every_kind_in_each_round() -> None:
    blows = plan(7, 3600, [*KINDS])
    for before, after in pairwise(blows):
        assert after.at >= before.at + before.seconds + REST_SECONDS
    assert {blow.kind for blow in blows[: len(KINDS)]} == set(KINDS)
    assert blows[-1].at + blows[-1].seconds <= 3600


def test_where_all_went_well_nothing_is_told() -> None:
    assert faults(story(), WELL) == []


def test_who_talks_by_an_asterisk_that_is_killed_is_not_cut_off_by_us() -> None:
    struck = [(110.0, 110.0, "kill asterisk")]
    assert faults(story(struck=struck, calls=[(100.0, 111.0, "cut")] * 3), WELL) == []


@pytest.mark.parametrize(
    ("told", "records", "fault"),
    [
        (story(calls=[(130.0, 140.0, "cut")]), {}, "1 calls were cut off"),
        (story(), {"begun": 2, "ended": 2, "loaded": 2}, "3 calls were answered"),
        (story(), {"ended": 2}, "3 sessions begun, 2 ended"),
        (story(), {"loaded": 1}, "3 sessions in the spool, 1 loaded"),
        (story(rang=[(50.0, "voice_slow"), (180.0, "disk_low")]), {}, "voice_slow rang in the"),
        (story(rang=[]), {}, "full disk: none of ['disk_low'] rang"),
        (story(rang=[(180.0, "voice_slow")]), {}, "full disk: none of ['disk_low'] rang"),
    ],
    ids=["cut", "no record", "no end", "not loaded", "not quiet", "silent", "another alarm"],
)
def test_each_broken_promise(told: Story, records: dict[str, int], fault: str) -> None:
    (found,) = faults(told, {**WELL, **records})
    assert found.startswith(fault)
