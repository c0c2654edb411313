"""The plan of blows is the same for the same seed; a broken promise is told, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bench.chaos import KINDS, TURNING_AWAY, Share, Story, faults, plan

WELL = {"begun": 3, "ended": 3, "away": 0, "loaded": 3}


def story(**more: object) -> Story:
    """A quiet time until 100, then a full disk that was told."""
    usual = {
        "quiet_until": 100.0,
        "struck": [(110.0, 200.0, "full disk")],
        "rang": [(180.0, "disk_low")],
        "night": "22:00 告警 磁盘快满（home）：开始",
        "calls": [(50.0, 80.0, "whole"), (90.0, 120.0, "whole"), (130.0, 190.0, "whole")],
    }
    return Story(**{**usual, **more})  # type: ignore[arg-type]


def test_the_same_seed_makes_the_same_blows_and_another_one_others() -> None:
    assert plan(7, 3600, [*KINDS]) == plan(7, 3600, [*KINDS])
    assert plan(7, 3600, [*KINDS]) != plan(8, 3600, [*KINDS])


def test_one_blow_at_a_time_and_every_kind_in_each_round() -> None:
    blows = plan(7, 3600, [*KINDS])
    for before, after in pairwise(blows):
        assert after.at >= before.at + before.seconds + KINDS[before.kind].rest
    assert {blow.kind for blow in blows[: len(KINDS)]} == set(KINDS)
    assert blows[-1].at + blows[-1].seconds <= 3600


def test_where_all_went_well_nothing_is_told() -> None:
    assert faults(story(), WELL) == []


@pytest.mark.parametrize("kind", ["kill asterisk", "keep serve down", "keep asterisk down"])
def test_who_talks_by_what_is_killed_is_not_cut_off_by_us(kind: str) -> None:
    rang = [(111.0, name) for name in KINDS[kind].rings]
    told = story(
        struck=[(110.0, 111.0, kind)], calls=[(100.0, 111.0, "cut")] * 3, rang=rang,
        night=KINDS[kind].told,
    )  # fmt: skip
    assert faults(told, WELL) == []


@pytest.mark.parametrize("kind", TURNING_AWAY)
def test_who_calls_while_the_service_starts_again_may_be_turned_away_if_the_records_say_so(
    kind: str,
) -> None:
    during = [(50.0, 80.0, "whole"), (90.0, 130.0, "whole"), (112.0, 130.0, "cut")]
    told = story(struck=[(110.0, 111.0, kind)], rang=[], calls=during, night=KINDS[kind].told)
    assert faults(told, {**WELL, "begun": 2, "ended": 2, "loaded": 2, "away": 1}) == []
    assert faults(told, WELL) == ["1 calls were cut off"]


@pytest.mark.parametrize("kind", TURNING_AWAY)
@pytest.mark.parametrize("call", [(100.0, 130.0, "cut"), (140.0, 160.0, "cut")])
def test_who_talked_already_or_calls_much_later_is_cut_off_by_us(
    kind: str, call: tuple[float, float, str]
) -> None:
    told = story(struck=[(110.0, 111.0, kind)], rang=[], calls=[call], night=KINDS[kind].told)
    assert faults(told, {**WELL, "away": 1}) == ["1 calls were cut off"]


TWICE = {
    "struck": [(110.0, 215.0, "lock accounts"), (245.0, 350.0, "take accounts away")],
    "night": KINDS["lock accounts"].told,
}
"""The second soon after the first: the alarm is over only when all was well for two minutes."""


@pytest.mark.parametrize(
    ("over", "silent"), [([], False), ([(420.0)], False), ([280.0], True), ([230.0], True)]
)
def test_an_alarm_that_rings_on_from_one_blow_into_the_next_rings_for_both(
    over: list[float], silent: bool
) -> None:
    told = story(
        **TWICE, rang=[(180.0, "accounts_away")], over=[(at, "accounts_away") for at in over]
    )
    wanted = ["take accounts away: ['accounts_away'] did not ring, but []"] if silent else []
    assert faults(told, WELL) == wanted


def test_an_alarm_of_the_quiet_time_says_whether_the_line_waited_for_others() -> None:
    shares = [Share(40.0, had=2.0, waited=15.0), Share(50.0, had=4.0, waited=5.0)]
    (fault,) = faults(story(rang=[(60.0, "voice_slow"), (180.0, "disk_low")], shares=shares), WELL)
    assert "had 30% of a processor, waited 100% of the time" in fault


@pytest.mark.parametrize(
    ("told", "records", "fault"),
    [
        (story(calls=[(130.0, 140.0, "cut")]), {}, "1 calls were cut off"),
        (story(), {"begun": 2, "ended": 2, "loaded": 2}, "3 calls were answered"),
        (story(), {"ended": 2}, "3 sessions begun, 2 ended"),
        (story(), {"loaded": 1}, "3 sessions in the spool, 1 loaded"),
        (story(rang=[(50.0, "voice_slow"), (180.0, "disk_low")]), {}, "voice_slow rang in the"),
        (story(rang=[]), {}, "full disk: ['disk_low'] did not ring"),
        (story(rang=[(180.0, "voice_slow")]), {}, "full disk: ['disk_low'] did not ring"),
        (story(night="什么也没有发生"), {}, "the night's page is silent about full disk"),
    ],
    ids=[
        "cut",
        "no record",
        "no end",
        "not loaded",
        "not quiet",
        "silent",
        "another alarm",
        "not on the page",
    ],
)
def test_each_broken_promise(told: Story, records: dict[str, int], fault: str) -> None:
    (found,) = faults(told, {**WELL, **records})
    assert found.startswith(fault)
