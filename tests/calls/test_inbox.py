"""What wakes a call, and what waits for the next thing that does; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from ivr.calls.inbox import Begun, Finished, Inbox, Key, LegGone, News
from tests.virtual import run


def now() -> float:
    return asyncio.get_running_loop().time()


async def waiting(inbox: Inbox, seconds: float, *, far: int = 0) -> asyncio.Task[News | None]:
    """Somebody who waits for news."""
    task = asyncio.create_task(inbox.get(now() + seconds, far=far))
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


def test_digits_of_a_number_that_is_far_from_whole_are_told_with_what_comes_next() -> None:
    async def story() -> None:
        inbox = Inbox()
        task = await waiting(inbox, 5.0, far=2)
        for digit in "12":
            inbox.put(Key(digit, now()))
            await asyncio.sleep(0.2)
        assert not task.done()
        inbox.put(Key("3", now()))
        assert await task == Key("1", now() - 0.4)
        assert [await inbox.get(now(), far=2) for _ in range(2)] == [
            Key("2", now() - 0.2),
            Key("3", now()),
        ]

    run(story)


def test_they_are_told_when_the_wait_is_over() -> None:
    async def story() -> None:
        inbox = Inbox()
        task, began = await waiting(inbox, 5.0, far=10), now()
        await asyncio.sleep(4.0)
        inbox.put(Key("1", now()))
        assert await task == Key("1", began + 4.0)
        assert now() - began == 5.0

    run(story)


@pytest.mark.parametrize(
    "other", [Key("*", 0.0), Key("#", 0.0), Finished("p"), LegGone("leg", None)], ids=str
)
def test_whatever_is_no_digit_is_told_at_once(other: News) -> None:
    async def story() -> None:
        inbox = Inbox()
        task, began = await waiting(inbox, 5.0, far=10), now()
        inbox.put(Key("1", began))
        inbox.put(other)
        assert await task == Key("1", began)
        assert await inbox.get(now()) == other
        assert now() == began

    run(story)


def test_who_is_put_on_hold_has_them_told_first() -> None:
    """A digit's own patience is not to run while the caller hears nothing."""

    async def story() -> None:
        inbox = Inbox()
        task, began = await waiting(inbox, 5.0, far=10), now()
        inbox.put(Key("1", began))
        inbox.hold()
        assert await task == Key("1", began)

    run(story)


def test_nobody_waits_in_vain_for_the_call_to_listen() -> None:
    """Who types no faster than the line asks is not to wait for the end of its patience."""

    async def story() -> None:
        inbox = Inbox()
        task, began = await waiting(inbox, 5.0, far=10), now()
        for digit in "123":
            await inbox.wanted()
            inbox.put(Key(digit, now()))
        assert now() == began
        task.cancel()

    run(story)


def test_a_wait_that_asks_for_no_number_is_over_with_the_first_digit() -> None:
    async def story() -> None:
        inbox = Inbox()
        task = await waiting(inbox, 5.0, far=10)
        inbox.put(Key("*", now()))
        await task
        task = await waiting(inbox, 5.0)
        inbox.put(Key("1", now()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert task.done(), "what was far is far no more"

    run(story)
