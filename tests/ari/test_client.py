"""Commands over a real socket: each answer of Asterisk's becomes its meaning."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ivr.ari import client
from ivr.ari.client import Ari
from ivr.ari.errors import (
    AriError,
    ChannelGone,
    NotAuthorised,
    NotInStasis,
    Unreachable,
    WrongState,
)
from ivr.config import Agent
from tests.fake_ari import PASSWORD, USER, FakeAsterisk, channel_json, fake_asterisk
from tests.ports import free_port

Story = Callable[[FakeAsterisk, Ari], Awaitable[None]]


def tell(story: Story, *, password: str = PASSWORD) -> None:
    async def told() -> None:
        async with fake_asterisk() as fake, Ari(fake.base, USER, password) as ari:
            fake.channels["c"] = channel_json("c")
            await story(fake, ari)

    asyncio.run(told())


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (401, NotAuthorised),
        (404, ChannelGone),
        (409, NotInStasis),
        (412, WrongState),
        (422, NotInStasis),
        (500, AriError),
        (503, AriError),
    ],
)
def test_a_refusal_is_told_by_its_meaning(status: int, meaning: type[AriError]) -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        fake.refusals.append(("answer", status))
        with pytest.raises(meaning) as refused:
            await ari.channels.answer("c")
        assert type(refused.value) is meaning
        assert "channels/…/answer" in str(refused.value)

    tell(story)


def test_what_is_gone_already_is_as_good_as_hung_up_or_stopped() -> None:
    async def story(_: FakeAsterisk, ari: Ari) -> None:
        await ari.channels.hangup("nobody")
        assert not await ari.playbacks.stop("nothing")

    tell(story)


def test_a_wrong_password_is_no_lost_link() -> None:
    async def story(_: FakeAsterisk, ari: Ari) -> None:
        with pytest.raises(NotAuthorised):
            await ari.channels.list()

    tell(story, password="wrong")


def test_nobody_there_is_a_lost_link() -> None:
    async def story() -> None:
        async with Ari(f"http://127.0.0.1:{free_port()}/ari", USER, PASSWORD) as ari:
            with pytest.raises(Unreachable):
                await ari.channels.answer("c")

    asyncio.run(story())


def test_an_asterisk_that_does_not_answer_in_time_is_a_lost_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "COMMAND_SECONDS", 0.1)

    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        fake.before["answer"] = lambda: asyncio.sleep(1)
        with pytest.raises(Unreachable):
            await ari.channels.answer("c")

    tell(story)


def test_channels_are_read_as_ours() -> None:
    async def story(_: FakeAsterisk, ari: Ari) -> None:
        assert [each.id for each in await ari.channels.list()] == ["c"]

    tell(story)


@pytest.mark.parametrize("how", ["cut", "closed"])
def test_an_answer_that_breaks_off_is_a_lost_link(how: str) -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        fake.spoilt += [("GET channels", how)] * 2  # aiohttp asks again on a new connection
        with pytest.raises(Unreachable):
            await ari.channels.list()

    tell(story)


ODD = ["{", "null", "[1, null, {}]", "{}", '"text"', "\ufffd"]


@pytest.mark.parametrize("text", ODD)
def test_an_answer_of_an_unknown_shape_is_a_fault_with_a_meaning(text: str) -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        for path, ask in (
            ("GET channels/c", lambda: ari.channels.get("c")),
            ("info", ari.asterisk.startup),
            ("info", ari.asterisk.get_info),
            ("endpoints", ari.endpoints.online),
            ("bridges", ari.bridges.list),
            ("GET channels", ari.channels.list),
        ):
            fake.spoilt = [(path, text)]
            try:
                assert not await ask(), "what is not understood is not there"
            except AriError as meant:
                assert type(meant) is AriError  # noqa: PT017  either will do

    tell(story)


def test_an_agents_phone_in_the_browser_counts_before_the_desk_set() -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        agent = Agent(name="甲", extension="6001")
        fake.phones = frozenset({"6001"})
        assert await ari.endpoints.phone(agent) == "PJSIP/6001", "also where there is no other"
        fake.phones = frozenset({"6001.web", "6001", "6002.web"})
        assert await ari.endpoints.online() == {"6001", "6002"}
        assert await ari.endpoints.phone(agent) == "PJSIP/6001.web"
        fake.spoilt = [("GET endpoints", '{"resource": "6001.web", "state": "offline"}')]
        assert await ari.endpoints.phone(agent) == "PJSIP/6001"

    tell(story)


def test_one_odd_channel_does_not_hide_the_others() -> None:
    async def story(fake: FakeAsterisk, ari: Ari) -> None:
        fake.channels["odd"] = {"id": "odd"}
        assert [each.id for each in await ari.channels.list()] == ["c"]

    tell(story)
