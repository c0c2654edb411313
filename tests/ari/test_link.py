"""The events' link: it comes back by itself, and says when it is up and when it is down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from ivr.ari import link
from ivr.ari.client import Ari
from ivr.ari.errors import NotAuthorised
from ivr.ari.events import Event, LinkDown, LinkUp, StasisStart, moment
from tests.fake_ari import (
    PASSWORD,
    STARTED,
    USER,
    FakeAsterisk,
    channel_json,
    fake_asterisk,
)

Changes = AsyncGenerator[LinkUp | LinkDown, None]
Story = Callable[[FakeAsterisk, Changes, list[Event]], Awaitable[None]]


def tell(story: Story, *, password: str = PASSWORD) -> None:
    """A story of the link's changes, and of the events that came."""

    async def told() -> None:
        came: list[Event] = []
        async with (
            fake_asterisk() as fake,
            Ari(fake.base, USER, password) as ari,
            aclosing(link.follow(ari, "hotline", ("StasisStart",), came.append)) as changes,
        ):
            async with asyncio.timeout(20):
                await story(fake, changes, came)

    asyncio.run(told())


@asynccontextmanager
async def standing(changes: Changes) -> AsyncIterator[asyncio.Task[LinkUp | LinkDown]]:
    """While it stands: the task awaits the next change."""
    following = asyncio.ensure_future(anext(changes))
    yield following
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def test_it_says_that_it_stands_and_brings_what_happens() -> None:
    async def story(fake: FakeAsterisk, changes: Changes, came: list[Event]) -> None:
        assert await anext(changes) == LinkUp(moment(STARTED))
        assert fake.asked("eventFilter") == ["PUT applications/hotline/eventFilter"]
        await fake.call("c1")
        async with standing(changes):
            await fake.until(lambda: came != [])
        assert isinstance(came[0], StasisStart)

    tell(story)


def test_it_comes_back_after_a_clean_close() -> None:
    async def story(fake: FakeAsterisk, changes: Changes, _: list[Event]) -> None:
        for _ in range(3):
            assert isinstance(await anext(changes), LinkUp)
            await fake.drop()
            assert isinstance(await anext(changes), LinkDown)

    tell(story)


def test_what_is_no_json_and_what_nobody_knows_is_passed_over() -> None:
    async def story(fake: FakeAsterisk, changes: Changes, came: list[Event]) -> None:
        await anext(changes)
        await fake.send_text("no JSON at all {")
        await fake.send_text("[]")
        await fake.send("NeverHeardOf", anything={"x": 1})
        await fake.call("c1")
        async with standing(changes):
            await fake.until(lambda: came != [])
        assert [type(event) for event in came] == [StasisStart]

    tell(story)


@pytest.mark.parametrize("refused", ["events", "eventFilter", "asterisk/info"])
def test_a_refusal_at_the_beginning_is_tried_again(refused: str) -> None:
    async def story(fake: FakeAsterisk, changes: Changes, _: list[Event]) -> None:
        fake.refusals += [(refused, 503), (refused, 500)]
        async for change in changes:
            if isinstance(change, LinkUp):
                break
        assert fake.refusals == []

    tell(story)


def test_a_wrong_password_ends_it_for_it_does_not_mend_itself() -> None:
    async def story(_: FakeAsterisk, changes: Changes, __: list[Event]) -> None:
        with pytest.raises(NotAuthorised):
            await anext(changes)

    tell(story, password="wrong")


def test_a_half_open_link_is_noticed_by_its_missing_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "HEARTBEAT_SECONDS", 0.2)

    async def story(fake: FakeAsterisk, changes: Changes, _: list[Event]) -> None:
        await anext(changes)
        for socket in fake.sockets:
            transport = socket._req.transport
            assert transport is not None
            transport.pause_reading()  # type: ignore[attr-defined]
        assert isinstance(await anext(changes), LinkDown)

    tell(story)


def test_what_happens_in_long_messages_and_in_pieces_of_them_is_told_all_the_same() -> None:
    async def story(fake: FakeAsterisk, changes: Changes, came: list[Event]) -> None:
        await anext(changes)
        async with standing(changes):
            for size in (125, 126, 65_535, 65_536, 3_000_000):
                await fake.send("StasisStart", channel=channel_json("c"), args=["x" * size])
            await fake.until(lambda: len(came) == 5)
        told = [event.args for event in came if isinstance(event, StasisStart)]
        assert [len(args[0]) for args in told] == [125, 126, 65_535, 65_536, 3_000_000]

    tell(story)


def test_a_reader_at_fault_ends_the_link_by_its_fault() -> None:
    async def told() -> None:
        def at_fault(_: Event) -> None:
            raise LookupError("of the reader")

        async with (
            fake_asterisk() as fake,
            Ari(fake.base, USER, PASSWORD) as ari,
            aclosing(link.follow(ari, "hotline", ("StasisStart",), at_fault)) as changes,
            asyncio.timeout(20),
        ):
            await anext(changes)
            await fake.call("c1")
            with pytest.raises(LookupError, match="of the reader"):
                await anext(changes)

    asyncio.run(told())


def test_an_idle_link_stays_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HEARTBEAT_SECONDS", 0.2)

    async def story(fake: FakeAsterisk, changes: Changes, came: list[Event]) -> None:
        await anext(changes)
        async with standing(changes) as next_change:
            await asyncio.sleep(1)
            assert not next_change.done()
            await fake.call("c1")
            await fake.until(lambda: came != [])

    tell(story)


def test_pauses_between_attempts_grow_and_stay_below_a_second() -> None:
    for failures in range(30):
        assert 0 < link._pause(failures) <= link.LONGEST_RETRY_SECONDS
    assert max(link._pause(0) for _ in range(50)) <= link.FIRST_RETRY_SECONDS
