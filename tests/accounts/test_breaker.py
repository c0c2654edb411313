"""The breaker's three states, on a clock of the test's own."""

from __future__ import annotations

from ivr.accounts.breaker import Breaker, State


def opened() -> Breaker:
    breaker = Breaker(failures=3, rest_seconds=5.0)
    for second in range(3):
        assert breaker.admits(second)
        breaker.failed(second, "no answer in time")
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = opened()
    assert breaker.state is State.OPEN
    assert not breaker.admits(6.9)
    assert breaker.complaint == "no answer in time"


def test_an_answer_between_begins_the_count_anew() -> None:
    breaker = Breaker(failures=2, rest_seconds=5.0)
    for second in range(10):
        breaker.failed(second, "down")
        breaker.succeeded()
    assert breaker.state is State.CLOSED


def test_after_the_rest_one_may_try() -> None:
    breaker = opened()
    assert breaker.admits(7.0)
    assert breaker.state is State.HALF_OPEN
    assert not breaker.admits(7.0)


def test_an_answer_to_the_one_closes_it() -> None:
    breaker = opened()
    breaker.admits(7.0)
    breaker.succeeded()
    assert all(breaker.admits(7.0) for _ in range(10))


def test_no_answer_to_the_one_is_another_whole_rest() -> None:
    breaker = opened()
    breaker.admits(7.0)
    breaker.failed(10.0, "refused")
    assert not breaker.admits(14.9)
    assert breaker.admits(15.0)


def test_one_who_tries_and_never_reports_is_not_waited_for_for_ever() -> None:
    breaker = opened()
    assert breaker.admits(7.0)
    assert not breaker.admits(11.9)
    assert breaker.admits(12.0)
    assert not breaker.admits(12.0)
