"""What waiting callers are told about time: a range that holds, or nothing."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from ivr.agents.estimate import LEAST_SAMPLES, Minutes, minutes_to_wait
from ivr.speech.ranges import MOST_MINUTES

TALKS = st.lists(st.floats(min_value=1, max_value=900), min_size=LEAST_SAMPLES, max_size=40)


@pytest.mark.parametrize("samples", range(LEAST_SAMPLES))
def test_with_fewer_than_five_conversations_nothing_is_said(samples: int) -> None:
    assert minutes_to_wait(0, 2, [120.0] * samples) is None
    assert minutes_to_wait(0, 2, [120.0] * LEAST_SAMPLES) is not None


def test_without_an_agent_and_for_far_too_long_nothing_is_said() -> None:
    assert minutes_to_wait(0, 0, [120.0] * 9) is None
    assert minutes_to_wait(40, 1, [300.0] * 9) is None


def test_known_cases() -> None:
    """Conversations all alike: with four before and one agent, four of them and a part."""
    assert minutes_to_wait(4, 1, [60.0] * 5) == Minutes(4, 5)
    assert minutes_to_wait(0, 1, [60.0] * 5) == Minutes(0, 1)
    assert minutes_to_wait(0, 4, [30.0] * 5) == Minutes(0, 1), "no range is shorter than a minute"


@trying(max_examples=30)
@given(st.integers(0, 12), st.integers(1, 8), TALKS)
def test_a_range_is_a_range_and_the_order_of_the_samples_says_nothing(
    ahead: int, agents: int, talks: list[float]
) -> None:
    told = minutes_to_wait(ahead, agents, talks)
    assert told == minutes_to_wait(ahead, agents, talks[::-1])
    if told is not None:
        assert 0 <= told.least < told.most <= MOST_MINUTES


@trying(max_examples=30)
@given(st.integers(0, 8), st.integers(1, 5), TALKS)
def test_who_stands_further_back_is_never_told_less(
    ahead: int, agents: int, talks: list[float]
) -> None:
    nearer, farther = (minutes_to_wait(each, agents, talks) for each in (ahead, ahead + 1))
    if nearer is not None and farther is not None:
        assert nearer.least <= farther.least
        assert nearer.most <= farther.most


@pytest.mark.parametrize("agents", [1, 2, 5])
@pytest.mark.parametrize("spread", [0.1, 1.0])
def test_what_is_told_comes_true_four_times_of_five(agents: int, spread: float) -> None:
    """Lines played through with other conversations than those that the estimate knew."""
    chance = Random(agents)

    def talk() -> float:
        return chance.lognormvariate(5.0, spread)

    held = 0
    for _ in range(200):
        recent, ahead = [talk() for _ in range(30)], chance.randrange(5)
        told = minutes_to_wait(ahead, agents, recent)
        waited = _played(ahead, agents, talk, chance)
        held += told is None or told.least * 60 <= waited <= told.most * 60
    assert held >= 160


def _played(ahead: int, agents: int, talk: Callable[[], float], chance: Random) -> float:
    """A line that is busy all the time, and a caller at any moment: seconds until an agent."""
    free = [chance.random() * talk() for _ in range(agents)]
    heapq.heapify(free)
    come = 2000 + chance.random() * 2000
    while free[0] < come:
        heapq.heapreplace(free, free[0] + talk())
    for _ in range(ahead):
        heapq.heapreplace(free, free[0] + talk())
    return free[0] - come
