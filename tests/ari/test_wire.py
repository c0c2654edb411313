"""Commands over the events' link: found at connect, kept in order, never waited for for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import pytest

from ivr.ari import link
from ivr.ari.client import Ari
from ivr.ari.errors import AriError, ChannelGone, NotInStasis, Unreachable
from ivr.ari.events import LinkDown, LinkUp
from tests.fake_ari import PASSWORD, USER, FakeAsterisk, channel_json, fake_asterisk

Story = Callable[[FakeAsterisk, Ari], Awaitable[None]]


def tell(story: Story, *, takes_commands: bool = True) -> None:
    """A story while the link stands and its events are read."""

    async def told() -> None:
        async with fake_asterisk() as fake, Ari(fake.base, USER, PASSWORD) as ari:
            fake.takes_commands = takes_commands
            fake.channels["c"] = channel_json("c")
            wanted = ("PlaybackFinished",)
            async with aclosing(link.follow(ari, "hotline", wanted, lambda _: None)) as changes:
                assert isinstance(await anext(changes), LinkUp)
                reading = asyncio.create_task(_read(changes))
                async with asyncio.timeout(20):
                    if takes_commands:
                        await fake.until(lambda: ari.wire is not None)
                    await story(fake, ari)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    asyncio.run(told())


async def _read(changes: AsyncGenerator[LinkUp | LinkDown, None]) -> None:
    async for _ in changes:
        pass


def test_a_sound_and_its_end_go_over_the_link_in_their_order() -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        fake.sound_seconds = 5
        await ari.channels.play_with_id("c", "p1", ["sound:a"])
        await ari.playbacks.cut("p1")
        await ari.channels.play_with_id("c", "p2", ["sound:b"])
        assert fake.on_wire[1:] == [
            "POST channels/c/play/p1",
            "DELETE playbacks/p1",
            "POST channels/c/play/p2",
        ]
        assert fake.said["c"] == [["sound:a"], ["sound:b"]]

    tell(story)


def test_the_next_sound_does_not_wait_for_the_end_of_the_one_before() -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        with pytest.raises(StopIteration):
            ari.playbacks.cut("p0").send(None)  # done without a turn of the loop
        await ari.channels.play_with_id("c", "p1", ["sound:a"])
        assert fake.on_wire[1:] == ["DELETE playbacks/p0", "POST channels/c/play/p1"]

    tell(story)


def test_what_may_wait_in_a_channels_queue_does_not_hold_the_link_up() -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        before = len(fake.on_wire)
        await ari.channels.answer("c")
        await ari.channels.list()
        assert len(fake.on_wire) == before

    tell(story)


def test_an_asterisk_that_takes_no_commands_there_is_asked_over_http() -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        await ari.channels.play_with_id("c", "p1", ["sound:a"])
        await ari.playbacks.cut("p1")
        assert ari.wire is None
        assert fake.on_wire == []
        assert fake.asked("play/p1") == ["POST channels/c/play/p1"]
        assert fake.asked("DELETE")

    tell(story, takes_commands=False)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(404, ChannelGone), (409, NotInStasis), (500, AriError), (503, AriError)],
)
def test_a_refusal_has_the_same_meaning_as_over_http(status: int, meaning: type[AriError]) -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        fake.refusals.append(("play", status))
        with pytest.raises(meaning) as refused:
            await ari.channels.play_with_id("c", "p", ["sound:a"])
        assert type(refused.value) is meaning
        assert "channels/…/play" in str(refused.value)

    tell(story)


def test_what_is_over_already_is_as_good_as_cut() -> None:
    async def story(_: FakeAsterisk, ari: Ari) -> None:
        await ari.playbacks.cut("nothing")
        await ari.channels.play_with_id("c", "p", ["sound:a"])

    tell(story)


def test_no_answer_in_time_is_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "COMMAND_SECONDS", 0.2)

    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        fake.before["play"] = lambda: asyncio.sleep(1)
        plays = (ari.channels.play_with_id("c", f"p{n}", ["sound:a"]) for n in range(3))
        answers = await asyncio.gather(*plays, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unreachable] * 3

    tell(story)


def test_a_link_that_breaks_leaves_nobody_waiting_and_stands_again() -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        fake.before["play"] = fake.drop
        with pytest.raises(Unreachable):
            await ari.channels.play_with_id("c", "p", ["sound:a"])
        await fake.until(lambda: ari.wire is not None)
        await ari.channels.play_with_id("c", "p2", ["sound:a"])
        assert fake.on_wire[-1] == "POST channels/c/play/p2"

    tell(story)


def test_an_answer_of_an_unknown_shape_ends_nothing() -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        for odd in ({}, {"request_id": 7}, {"request_id": "1", "status_code": "?"}):
            await fake.send("RESTResponse", **odd)
        fake.spoilt.append(("play", "{"))
        await ari.channels.play_with_id("c", "p", ["sound:a"])  # a yes, whatever it says besides
        await ari.channels.play_with_id("c", "p2", ["sound:a"])

    tell(story)
