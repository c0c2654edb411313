"""What goes on beside the main work of a program is ended by nothing but the program."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ivr.lifecycle.tending import tended


@pytest.mark.parametrize("fault", [RuntimeError, KeyError, OSError, MemoryError, TimeoutError])
def test_a_failure_of_any_kind_is_told_and_the_work_goes_on(
    fault: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    enough = asyncio.Event()

    async def work() -> None:
        done.append("")
        if len(done) == 3:
            enough.set()
        elif len(done) == 1:
            raise fault("as nobody had thought")

    async def story() -> None:
        task = asyncio.create_task(tended("a look at the line", work, 0.0))
        await asyncio.wait_for(enough.wait(), 20)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    (told,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "a look at the line failed" in told.message
    assert told.exc_info is not None


def test_who_is_cancelled_in_the_midst_of_it_works_no_more() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.sleep(600)

    async def story() -> None:
        task = asyncio.create_task(tended("work", work, 0.0))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)

    asyncio.run(story())
