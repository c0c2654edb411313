"""What wakes a call, and what waits for the next thing that does; in virtual time."""

from __future__ import annotations

import asyncio

from ivr.calls.inbox import Begun, Finished, Inbox, Key, News
from tests.virtual import run


def now() -> float:
    return asyncio.get_running_loop().time()


async def waiting(inbox: Inbox, seconds: float) -> asyncio.Task[News | None]:
    """Somebody who waits for news."""
    task = asyncio.create_task(inbox.get(now() + seconds))
    await asyncio.sleep(0)
    return task


def test_that_something_has_begun_is_read_with_what_comes_next() -> None:
    async def story() -> None:
        inbox = Inbox()
        task = await waiting(inbox, 2.0)
        inbox.put(Begun("p", now()))
        await asyncio.sleep(0.5)
        assert not task.done()
        inbox.put(Key("1", now()))
        assert await task == Begun("p", now() - 0.5)
        assert await inbox.get(now() + 1.0) == Key("1", now())

    run(story)


def test_that_something_has_begun_is_read_when_the_wait_is_over() -> None:
    async def story() -> None:
        inbox = Inbox()
        task, began = await waiting(inbox, 2.0), now()
        inbox.put(Begun("p", began))
        assert await task == Begun("p", began)
        assert now() - began == 2.0

    run(story)


def test_the_end_of_what_a_key_has_cut_is_no_news() -> None:
    async def story() -> None:
        inbox = Inbox()
        inbox.cut("p.0")
        task = await waiting(inbox, 2.0)
        inbox.put(Finished("p.0"))
        inbox.put(Finished("p.1"))
        assert await task == Finished("p.1")

    run(story)


def test_a_name_that_comes_back_is_another_sounds() -> None:
    """Asterisk need not tell of the end of what had not begun when it was cut."""

    async def story() -> None:
        inbox = Inbox()
        inbox.cut("p.0")
        inbox.put(Begun("p.0", now()))
        inbox.put(Finished("p.0"))
        assert [await inbox.get(now()) for _ in range(2)] == [
            Begun("p.0", now()),
            Finished("p.0"),
        ]

    run(story)
