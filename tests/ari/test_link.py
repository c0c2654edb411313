"""The events' link: it comes back by itself, and says when it is up and when it is down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import pytest

from ivr.ari import link
from ivr.ari.client import Ari
from ivr.ari.errors import NotAuthorised
from ivr.ari.events import Event, LinkDown, LinkUp, StasisStart, moment
from tests.fake_ari import PASSWORD, STARTED, USER, FakeAsterisk, fake_asterisk

Story = Callable[[FakeAsterisk, AsyncGenerator[Event, None]], Awaitable[None]]


def tell(story: Story, *, password: str = PASSWORD) -> None:
    async def told() -> None:
        async with (
            fake_asterisk() as fake,
            Ari(fake.base, USER, password) as ari,
            aclosing(link.events(ari, "hotline", ("StasisStart",))) as events,
        ):
            async with asyncio.timeout(20):
                await story(fake, events)

    asyncio.run(told())


def test_it_says_that_it_stands_and_brings_what_happens() -> None:
    async def story(fake: FakeAsterisk, events: AsyncGenerator[Event, None]) -> None:
        assert await anext(events) == LinkUp(moment(STARTED))
        assert fake.asked("eventFilter") == ["PUT applications/hotline/eventFilter"]
        await fake.call("c1")
        assert isinstance(await anext(events), StasisStart)

    tell(story)


def test_it_comes_back_after_a_clean_close() -> None:
    async def story(fake: FakeAsterisk, events: AsyncGenerator[Event, None]) -> None:
        for _ in range(3):
            assert isinstance(await anext(events), LinkUp)
            await fake.drop()
            assert isinstance(await anext(events), LinkDown)

    tell(story)


def test_what_is_no_json_and_what_nobody_knows_is_passed_over() -> None:
    async def story(fake: FakeAsterisk, events: AsyncGenerator[Event, None]) -> None:
        await anext(events)
        await fake.send_text("no JSON at all {")
        await fake.send_text("[]")
        await fake.send("NeverHeardOf", anything={"x": 1})
        await fake.call("c1")
        assert isinstance(await anext(events), StasisStart)

    tell(story)


@pytest.mark.parametrize("refused", ["events", "eventFilter", "asterisk/info"])
def test_a_refusal_at_the_beginning_is_tried_again(refused: str) -> None:
    async def story(fake: FakeAsterisk, events: AsyncGenerator[Event, None]) -> None:
        fake.refusals += [(refused, 503), (refused, 500)]
        async for event in events:
            if isinstance(event, LinkUp):
                break
        assert fake.refusals == []

    tell(story)


def test_a_wrong_password_ends_it_for_it_does_not_mend_itself() -> None:
    async def story(_: FakeAsterisk, events: AsyncGenerator[Event, None]) -> None:
        with pytest.raises(NotAuthorised):
            await anext(events)

    tell(story, password="wrong")


def test_a_half_open_link_is_noticed_by_its_missing_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "HEARTBEAT_SECONDS", 0.2)

    async def story(fake: FakeAsterisk, events: AsyncGenerator[Event, None]) -> None:
        await anext(events)
        for socket in fake.sockets:
            transport = socket._req.transport
            assert transport is not None
            transport.pause_reading()  # type: ignore[attr-defined]
        assert isinstance(await anext(events), LinkDown)

    tell(story)


def test_pauses_between_attempts_grow_and_stay_below_a_second() -> None:
    for failures in range(30):
        assert 0 < link._pause(failures) <= link.LONGEST_RETRY_SECONDS
    assert max(link._pause(0) for _ in range(50)) <= link.FIRST_RETRY_SECONDS
