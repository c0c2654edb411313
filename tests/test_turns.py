"""More runs at once only where processors have nothing to do for those that go on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import turns
from tests.turns import Ticks, Turns, ticks


@pytest.mark.parametrize(("left_each_look", "at_once"), [(10, 4), (90, 9)])
def test_more_at_once_where_processors_are_left(
    monkeypatch: pytest.MonkeyPatch, left_each_look: int, at_once: int
) -> None:
    monkeypatch.setattr(turns, "SETTLED_SECONDS", 0.01)
    looks = iter(range(1, 1_000_000))
    ended, changed, running = threading.Event(), threading.Condition(), []

    def look() -> Ticks:
        number = next(looks)
        return 100 * number, left_each_look * number

    asked = Turns(4, 9, look=look)

    def run(number: int) -> None:
        with asked.taken():
            with changed:
                running.append(number)
                changed.notify()
            ended.wait(60)

    with ThreadPoolExecutor(12) as pool:
        for number in range(12):
            pool.submit(run, number)
        with changed:
            assert changed.wait_for(lambda: len(running) == at_once, 30)
            assert not changed.wait_for(lambda: len(running) > at_once, 0.2)
        ended.set()
    assert sorted(running) == list(range(12)), "each has its turn"


def test_the_kernel_tells_what_is_left() -> None:
    everything, left = ticks()
    assert 0 <= left <= everything
