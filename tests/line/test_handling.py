"""The desk's controls by the service's door, against a fake Asterisk with faults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ivr.agents.desks import Moved
from ivr.asterisk.configure import DESK, desk_secret
from ivr.line import handling
from ivr.line.handling import Handling
from ivr.line.overview import Overlooking
from ivr.records.facts import Contented, DeskActed, QueueEntered, Transferred
from tests.fake_ari import FakeAsterisk, channel_json
from tests.line.test_hotline import (  # noqa: F401  fixtures
    Line,
    _in_conversation,
    impatient,
    left_over,
    short_set,
    tell,
)

FIRST, SECOND = "6001", "6002"


@dataclass
class Desks:
    """Both desks of a line, and its Asterisk."""

    line: Line
    client: aiohttp.ClientSession
    url: Any
    secret: str

    @property
    def asterisk(self) -> FakeAsterisk:
        return self.line.asterisk

    async def order(self, deed: str, at: str = FIRST, **more: str) -> tuple[int, str]:
        """The status, and why not."""
        answer = await self._ask("POST", at, {"deed": deed, **more})
        told = await answer.json() if answer.content_type == "application/json" else {}
        return answer.status, str(told.get("detail", ""))

    async def done(self, deed: str, at: str = FIRST, **more: str) -> None:
        assert await self.order(deed, at, **more) == (200, "")

    async def supervise(self, deed: str) -> None:
        """By 6002, in the conversation of 6001."""
        (talking,) = (await (await self._ask("GET", "")).json())["talking"]
        await self.done(deed, SECOND, of=FIRST, session=talking["session"])

    async def shows(self, at: str = FIRST) -> dict[str, Any]:
        answer = await self._ask("GET", at)
        return dict(await answer.json())

    async def _ask(self, method: str, at: str, json: Any = None) -> aiohttp.ClientResponse:
        url = self.url(f"/desks/{at}/call" if at else "/desks")
        return await self.client.request(method, url, json=json, headers={DESK: self.secret})

    def leg(self, extension: str, mark: str = "agent") -> str:
        """Of the phone that was rung last."""
        beginning = f"{mark}.{extension}."
        return [name for name in self.asterisk.channels if name.startswith(beginning)][-1]

    async def rung(self, extension: str, mark: str = "agent") -> str:
        beginning = f"{mark}.{extension}."
        await self.asterisk.until(
            lambda: any(name.startswith(beginning) for name in self.asterisk.channels)
        )
        return self.leg(extension, mark)

    async def hear(self, room: str, *who: str) -> None:
        """Until exactly these hear each other there."""
        held = self.asterisk.bridges
        await self.asterisk.until(
            lambda: sorted(held.get(room, {}).get("channels", [])) == sorted(who)
        )
        await asyncio.sleep(0.05)  # what is told of it has been heard
        assert sorted(held[room]["channels"]) == sorted(who)

    def facts(self) -> list[tuple[str, str | None]]:
        return [(fact.deed, fact.to) for fact in self.line.notes.of(DeskActed)]


@asynccontextmanager
async def desks_of(line: Line) -> AsyncIterator[Desks]:
    app = web.Application()
    app.add_routes(Handling(line.hotline.conductor).routes())
    secret = desk_secret(line.hotline.conductor.reception.means.settings)
    async with TestServer(app) as server, aiohttp.ClientSession() as client:
        yield Desks(line, client, server.make_url, secret)


Told = Callable[..., Line]
Story = Callable[[Desks, str], Awaitable[None]]


@pytest.fixture
def at_desks(tell: Told, monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], Line]:  # noqa: F811
    """Tell a story that begins with c1 talking to 6001, whose leg the story is given."""

    def told(story: Story) -> Line:
        async def whole(line: Line) -> None:
            leg = await _in_conversation(line, monkeypatch)
            line.asterisk.phones = frozenset({FIRST, SECOND})
            async with desks_of(line) as desks:
                await story(desks, leg)
                await line.asterisk.hang_up("c1")
                await line.over()
                await line.asterisk.until(lambda: not line.asterisk.bridges)
                await line.asterisk.until(lambda: not line.asterisk.channels)

        return tell(whole)

    return told


async def consulting(desks: Desks, leg: str) -> str:
    """6002 is asked and has answered; the colleague's leg."""
    await desks.done("consult", to=SECOND)
    colleague = await desks.rung(SECOND)
    await desks.asterisk.pick_up(colleague)
    await desks.hear(leg, leg, colleague)
    return colleague


# --- the agent's own call -----------------------------------------------------------------------


def test_held_hears_music_and_is_back(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.done("hold")
        await desks.hear(leg, leg)
        assert desks.asterisk.asked("POST channels/c1/moh")
        assert (await desks.shows())["call"]["held"]
        assert (await desks.order("hold"))[0] == 409
        await desks.done("retrieve")
        await desks.hear(leg, "c1", leg)
        assert not (await desks.shows())["call"]["held"]
        assert (await desks.order("retrieve"))[0] == 409
        assert desks.facts() == [("hold", None), ("retrieve", None)]

    at_desks(story)


async def _caller(desks: Desks, *, away: bool) -> None:
    """The caller's own telephone puts the line on hold, or takes it back."""
    told = "ChannelHold" if away else "ChannelUnhold"
    await desks.asterisk.send(told, channel=desks.asterisk.channels["c1"])


def test_who_is_joined_with_a_caller_who_has_the_line_on_hold_hears_music(
    at_desks: Callable[[Story], Line],
) -> None:
    """Asterisk plays it to who is in the bridge when the hold begins, and to nobody later."""

    async def story(desks: Desks, leg: str) -> None:
        asterisk = desks.asterisk
        await desks.done("hold")
        await _caller(desks, away=True)
        assert not asterisk.asked(f"POST channels/{leg}/moh"), "the caller is not in the room"
        await desks.done("retrieve")
        await asterisk.until(lambda: asterisk.asked(f"POST channels/{leg}/moh"))
        await _caller(desks, away=False)
        await asterisk.until(lambda: asterisk.asked(f"DELETE channels/{leg}/moh"))

    at_desks(story)


def test_who_is_left_alone_with_a_caller_on_hold_hears_music_and_two_hear_each_other(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        asterisk = desks.asterisk
        colleague = await consulting(desks, leg)
        await _caller(desks, away=True)
        await desks.done("join")
        assert not asterisk.asked(f"POST channels/{leg}/moh"), "there is somebody to talk to"
        await asterisk.hang_up(leg)
        await asterisk.until(lambda: asterisk.asked(f"POST channels/{colleague}/moh"))

    at_desks(story)


def test_who_asks_a_colleague_hears_them_though_the_caller_has_the_line_on_hold(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await _caller(desks, away=True)
        await consulting(desks, leg)
        assert desks.asterisk.asked(f"DELETE channels/{leg}/moh")

    at_desks(story)


def test_the_agent_who_hangs_up_on_a_held_caller_does_not_leave_them_with_music(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.done("hold")
        await desks.asterisk.hang_up(leg)
        await desks.line.hears("c1", "contentment.menu")
        assert desks.asterisk.asked("DELETE channels/c1/moh")

    at_desks(story)


def test_mute_and_keys_are_the_agents_own(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.done("mute")
        assert desks.asterisk.asked(f"POST channels/{leg}/mute")
        assert (await desks.shows())["call"]["muted"]
        await desks.done("unmute")
        assert desks.asterisk.asked(f"DELETE channels/{leg}/mute")
        await desks.done("keys", keys="12#")
        assert desks.asterisk.keys_sent == {"c1": "12#"}
        assert "12#" not in str(desks.line.notes.facts), "keys may be an ID number"
        for keys in ("", "12a", "1" * 21, "1 2"):
            assert (await desks.order("keys", keys=keys))[0] == 422

    at_desks(story)


def test_a_colleague_is_asked_while_the_caller_hears_music_and_then_gets_the_caller(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        colleague = await consulting(desks, leg)
        assert (await desks.shows())["call"]["held"]
        assert (await desks.shows(SECOND))["call"]["charge"] is False
        assert (await desks.order("hold", SECOND))[0] == 409, "who is asked has no say"
        await desks.done("hand_over")
        await desks.hear(leg, "c1", colleague)
        assert leg not in desks.asterisk.channels
        assert (await desks.shows())["call"] is None
        assert (await desks.shows(SECOND))["call"]["charge"]
        await desks.done("hold", SECOND)
        await desks.done("retrieve", SECOND)
        await desks.asterisk.hang_up(colleague)
        await desks.line.hears("c1", "contentment.menu")
        assert desks.facts()[:2] == [("consult", "二号坐席"), ("hand_over", "二号坐席")]

    line = at_desks(story)
    (fact,) = line.notes.of(Contented)
    assert fact.agent == "二号坐席", "who talked last is judged"
    assert [fact.outcome for fact in line.notes.of(Transferred)] == ["answered"]


def test_who_hangs_up_while_asking_has_handed_over(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        colleague = await consulting(desks, leg)
        await desks.asterisk.hang_up(leg)
        await desks.hear(leg, "c1", colleague)
        assert desks.facts()[-1] == ("hand_over", "二号坐席")

    at_desks(story)


def test_three_together_and_either_agent_may_go(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        colleague = await consulting(desks, leg)
        await desks.done("join")
        await desks.hear(leg, "c1", leg, colleague)
        assert (await desks.order("join"))[0] == 409
        await desks.asterisk.hang_up(colleague)
        await desks.hear(leg, "c1", leg)
        colleague = await consulting(desks, leg)
        await desks.done("join")
        await desks.asterisk.hang_up(leg)
        await desks.hear(leg, "c1", colleague)

    at_desks(story)


@pytest.mark.parametrize(
    ("deed", "writes"), [("drop", [FIRST]), ("hand_over", [FIRST, SECOND]), ("", [SECOND, FIRST])]
)
def test_who_was_in_charge_has_something_to_write_and_who_was_asked_has_not(
    at_desks: Callable[[Story], Line], deed: str, writes: list[str]
) -> None:
    """Without a deed: the supervisor has taken the call over, and hangs up last."""

    async def story(desks: Desks, leg: str) -> None:
        told: list[Moved] = []
        desks.line.hotline.conductor.reception.means.switchboard.desks.told = told.append
        other = await (consulting if deed else listening)(desks, leg)
        if deed:
            await desks.done(deed)
        else:
            await desks.supervise("take_over")
        for each in (other, leg):
            await desks.asterisk.hang_up(each)
        await desks.line.hears("c1", "contentment.menu")
        ends = [moved.talked for moved in told if moved.ends_a_talk]
        assert {each.talk.split(".")[1] for each in ends if each} == {*writes}
        assert len(ends) == len(writes), "once each"

    at_desks(story)


@pytest.mark.parametrize("answered", [True, False])
def test_who_asks_no_more_has_the_caller_back(
    at_desks: Callable[[Story], Line], answered: bool
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        if answered:
            colleague = await consulting(desks, leg)
        else:
            await desks.done("consult", to=SECOND)
            colleague = await desks.rung(SECOND)
        await desks.done("drop")
        await desks.hear(leg, "c1", leg)
        await desks.asterisk.until(lambda: colleague not in desks.asterisk.channels)
        assert (await desks.order("drop"))[0] == 409

    at_desks(story)


def test_a_colleague_who_does_not_answer_leaves_the_agent_with_the_held_caller(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.done("consult", to=SECOND)
        assert (await desks.shows())["call"]["asked"] == ["二号坐席"]
        await desks.asterisk.hang_up(await desks.rung(SECOND), cause=19)
        await desks.asterisk.until(lambda: True)
        await asyncio.sleep(0.05)
        assert (await desks.shows())["call"]["asked"] == []
        await desks.done("retrieve")
        await desks.hear(leg, "c1", leg)

    at_desks(story)


def test_passed_on_without_a_word_rings_the_colleague_alone(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.done("pass_on", to=SECOND)
        colleague = await desks.rung(SECOND)
        assert leg not in desks.asterisk.channels
        await desks.asterisk.pick_up(colleague)
        await desks.hear(colleague, "c1", colleague)
        await desks.asterisk.hang_up(colleague)
        await desks.line.hears("c1", "contentment.menu")

    line = at_desks(story)
    told = [(fact.agent, fact.outcome) for fact in line.notes.of(Transferred)]
    assert told == [("一号坐席", "answered"), ("二号坐席", "answered")]
    assert [fact.standing for fact in line.notes.of(QueueEntered)][-1] == "passed_on"


def test_a_colleague_who_is_not_there_gets_nobody(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        desks.asterisk.phones = frozenset({FIRST})
        for deed in ("consult", "pass_on"):
            status, why = await desks.order(deed, to=SECOND)
            assert (status, "现在不能接" in why) == (409, True)
            assert (await desks.order(deed, to=FIRST))[0] == 409, "oneself"
            assert (await desks.order(deed, to="6999"))[0] == 404
        await desks.hear(leg, "c1", leg)

    at_desks(story)


@pytest.mark.parametrize(
    ("place", "heard"), [("contentment", "contentment.menu"), ("account.menu", "account.menu")]
)
def test_sent_back_into_the_line(at_desks: Callable[[Story], Line], place: str, heard: str) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.done("send_to", place=place)
        await desks.line.hears("c1", heard)
        assert leg not in desks.asterisk.channels
        assert (await desks.order("send_to", place=place))[0] == 409

    line = at_desks(story)
    assert [fact.place for fact in line.notes.of(DeskActed)] == [place]


@pytest.mark.parametrize("place", ["", "agent", "welcome", "../x"])
def test_not_everything_is_a_place_to_send_to(
    at_desks: Callable[[Story], Line], place: str
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        assert (await desks.order("send_to", place=place))[0] == 422
        await desks.hear(leg, "c1", leg)

    at_desks(story)


# --- whatever Asterisk says -----------------------------------------------------------------------

REFUSALS = {
    "hold": "removeChannel",
    "mute": "mute",
    "keys": "dtmf",
    "consult": r"POST channels/agent\.6002",
}


@pytest.mark.parametrize("status", [404, 409, 500])
@pytest.mark.parametrize("deed", REFUSALS)
def test_an_order_that_asterisk_refuses_leaves_them_talking(
    at_desks: Callable[[Story], Line], deed: str, status: int
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        desks.asterisk.refusals.append((REFUSALS[deed], status))
        status_, why = await desks.order(deed, to=SECOND, keys="1")
        assert (status_, "没有办成" in why) == (502, True)
        assert desks.facts() == [], "what was not done is no fact"
        held = (await desks.shows())["call"]["held"]
        assert held is (deed == "consult"), "the caller was on hold before anybody was rung"
        if held:
            await desks.done("retrieve")
        await desks.hear(leg, "c1", leg)
        await desks.done("hold")
        await desks.done("retrieve")

    at_desks(story)


@pytest.mark.parametrize("status", [404, 409, 500])
def test_a_caller_who_cannot_be_retrieved_can_be_tried_again(
    at_desks: Callable[[Story], Line], status: int
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.done("hold")
        desks.asterisk.refusals.append(("addChannel", status))
        assert (await desks.order("retrieve"))[0] == 502
        assert (await desks.shows())["call"]["held"]
        await desks.done("retrieve")
        await desks.hear(leg, "c1", leg)

    at_desks(story)


def test_a_colleague_who_cannot_be_joined_is_let_go(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.done("consult", to=SECOND)
        colleague = await desks.rung(SECOND)
        desks.asterisk.refusals.append(("addChannel", 500))
        await desks.asterisk.pick_up(colleague)
        await desks.asterisk.until(lambda: colleague not in desks.asterisk.channels)
        await desks.done("retrieve")
        await desks.hear(leg, "c1", leg)

    at_desks(story)


def test_music_that_cannot_be_played_leaves_the_caller_in_the_conversation(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        desks.asterisk.refusals.append(("POST channels/c1/moh", 500))
        assert (await desks.order("hold"))[0] == 502
        await desks.hear(leg, "c1", leg)
        assert not (await desks.shows())["call"]["held"]

    at_desks(story)


def test_a_room_that_is_destroyed_ends_it_for_all(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        colleague = await consulting(desks, leg)
        await desks.asterisk.break_bridge(leg)
        await desks.line.hears("c1", "contentment.menu")
        await desks.asterisk.until(lambda: not {leg, colleague} & desks.asterisk.channels.keys())

    at_desks(story)


def test_a_caller_who_hangs_up_on_hold_leaves_no_phone_and_no_room(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await consulting(desks, leg)

    at_desks(story)


def test_an_order_for_a_call_that_is_over_is_said_so(
    at_desks: Callable[[Story], Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "ORDER_SECONDS", 0.2)

    async def story(desks: Desks, leg: str) -> None:
        await desks.asterisk.hang_up(leg)
        await desks.line.hears("c1", "contentment.menu")
        assert (await desks.order("hold"))[0] == 409

    at_desks(story)


def test_only_the_console_is_answered(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        desks.secret = "guessed"
        answer = await desks._ask("GET", FIRST)
        assert answer.status == 403
        assert (await desks._ask("POST", FIRST, {"deed": "hold"})).status == 403
        await desks.hear(leg, "c1", leg)

    at_desks(story)


# --- the supervisor -------------------------------------------------------------------------------


async def listening(desks: Desks, leg: str) -> str:
    await desks.supervise("listen")
    watcher = await desks.rung(SECOND, "watch")
    await desks.asterisk.pick_up(watcher)
    await desks.hear(watcher, f"ear.{watcher}", watcher)
    return watcher


def test_a_supervisor_listens_whispers_and_takes_over(at_desks: Callable[[Story], Line]) -> None:
    async def story(desks: Desks, leg: str) -> None:
        session = desks.line.hotline.calls["c1"].call.session
        assert (await desks.order("whisper", SECOND, of=FIRST, session=session))[0] == 409
        watcher = await listening(desks, leg)
        assert desks.asterisk.ears == {f"ear.{watcher}": (leg, "out")}, "the caller hears nothing"
        assert desks.asterisk.channels[watcher]["channelvars"]["HOTLINE_MUTED"] == "1"
        await desks.hear(leg, "c1", leg)
        assert (await desks.shows(SECOND))["watches"]["listens"]
        assert (await desks.shows())["call"]["inside"] == [], "announced to nobody"
        await desks.supervise("whisper")
        assert desks.asterisk.channels[watcher]["channelvars"]["HOTLINE_MUTED"] == ""
        await desks.supervise("hush")
        assert (await desks.order("hold", SECOND))[0] == 409, "not the supervisor's call yet"
        await desks.supervise("take_over")
        await desks.hear(leg, "c1", watcher)
        assert leg not in desks.asterisk.channels
        assert f"ear.{watcher}" not in desks.asterisk.channels
        await desks.done("hold", SECOND)
        await desks.done("retrieve", SECOND)

    at_desks(story)


def test_who_listens_is_told_to_nobody(
    at_desks: Callable[[Story], Line], caplog: pytest.LogCaptureFixture
) -> None:
    """Not by a fact, a state, the live page, the other desk or a line of the log."""
    caplog.set_level(logging.DEBUG)

    async def seen(desks: Desks) -> object:
        overlooking = Overlooking(desks.line.hotline.conductor, _both_online)
        overview = await overlooking.look()
        return overview["agents"], overview["queue"], (await desks.shows())["call"]

    async def story(desks: Desks, leg: str) -> None:
        before, facts = await seen(desks), len(desks.line.notes.facts)
        caplog.clear()
        await desks.supervise("listen")
        watcher = await desks.rung(SECOND, "watch")
        assert await seen(desks) == before, "while the phone rings"
        await desks.asterisk.pick_up(watcher)
        await desks.hear(watcher, f"ear.{watcher}", watcher)
        assert await seen(desks) == before, "while somebody listens"
        assert (await desks.order("consult", to=SECOND))[0] == 409, "that phone is taken"
        await desks.supervise("whisper")
        desks.asterisk.refusals.append(("mute", 500))
        session = desks.line.hotline.calls["c1"].call.session
        assert (await desks.order("hush", SECOND, of=FIRST, session=session))[0] == 502
        await desks.supervise("leave")
        assert await seen(desks) == before
        assert desks.line.notes.facts[facts:] == []
        told = " ".join(
            record.getMessage() for record in caplog.records if record.name.startswith("ivr")
        ).lower()
        assert "an order was not done" in told
        assert not [word for word in ("watch.", "snoop", "ear.", SECOND, "mute") if word in told]
        await desks.done("consult", to=SECOND)
        await desks.done("drop")

    at_desks(story)


async def _both_online() -> frozenset[str]:
    return frozenset({FIRST, SECOND})


def test_a_take_over_is_no_deed_of_the_desk_and_the_next_call_is_not_meant(
    at_desks: Callable[[Story], Line],
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        for session in ("", "19700101T000000-00000000"):
            asked = await desks.order("listen", SECOND, of=FIRST, session=session)
            assert (asked[0], "已经结束" in asked[1]) == (409, True)
        watcher = await listening(desks, leg)
        await desks.supervise("take_over")
        await desks.hear(leg, "c1", watcher)
        assert desks.facts() == []

    at_desks(story)


@pytest.mark.parametrize("how", ["leave", "hangs up", "agent hangs up"])
def test_a_supervisor_goes_unnoticed(at_desks: Callable[[Story], Line], how: str) -> None:
    async def story(desks: Desks, leg: str) -> None:
        watcher = await listening(desks, leg)
        if how == "leave":
            await desks.supervise("leave")
        elif how == "hangs up":
            await desks.asterisk.hang_up(watcher)
        else:
            await desks.asterisk.hang_up(leg)
        await desks.asterisk.until(
            lambda: not {watcher, f"ear.{watcher}"} & desks.asterisk.channels.keys()
        )
        if how != "agent hangs up":
            await desks.hear(leg, "c1", leg)

    at_desks(story)


@pytest.mark.parametrize("refused", ["snoop", "POST bridges/watch", "addChannel", "mute"])
def test_a_supervisor_who_cannot_be_let_in_disturbs_nobody(
    at_desks: Callable[[Story], Line], refused: str
) -> None:
    async def story(desks: Desks, leg: str) -> None:
        await desks.supervise("listen")
        watcher = await desks.rung(SECOND, "watch")
        desks.asterisk.refusals.append((refused, 500))
        await desks.asterisk.pick_up(watcher)
        await desks.asterisk.until(lambda: watcher not in desks.asterisk.channels)
        await desks.hear(leg, "c1", leg)

    at_desks(story)


def test_a_supervisors_ear_may_come_a_moment_after_it_was_made(
    at_desks: Callable[[Story], Line],
) -> None:
    """Asterisk has made the snooping channel, and no thread has brought it to us yet."""

    async def story(desks: Desks, leg: str) -> None:
        desks.asterisk.refusals += [("addChannel", 422), ("addChannel", 422)]
        watcher = await listening(desks, leg)
        assert not desks.asterisk.refusals
        await desks.hear(watcher, watcher, f"ear.{watcher}")
        await desks.hear(leg, "c1", leg)

    at_desks(story)


# --- killed in the midst of it --------------------------------------------------------------------


def found(
    asterisk: FakeAsterisk, *, held: bool = False, colleague: str = "", ringing: str = ""
) -> str:
    """What a service that died has left in Asterisk; the leg of 6001."""
    leg = "agent.6001.aaaa.c1"
    asterisk.phones = frozenset({FIRST, SECOND})
    asterisk.sound_seconds = 0.02
    shown = {"HOTLINE_PATH": "main > loan.menu", "HOTLINE_ID_TAIL": "002X"}
    members = {leg: "6001"} | ({"agent.6002.bbbb.c1": "6002"} if colleague else {})
    for name, extension in members.items():
        asterisk.channels[name] = channel_json(name, name=f"PJSIP/{extension}-1", state="Up")
    asterisk.channels[leg]["channelvars"] = shown
    if ringing:
        asterisk.channels[ringing] = channel_json(ringing, state="Ringing", app=False)
    inside = [*members] + ([] if held else ["c1"])
    asterisk.bridges[leg] = {
        "id": leg, "channels": inside, "creationtime": asterisk.channels[leg]["creationtime"],
    }  # fmt: skip
    return leg


@pytest.mark.parametrize("case", ["talking", "held", "asking", "three", "ringing"])
def test_a_service_that_died_finds_everybody_where_they_were(
    tell: Told,  # noqa: F811
    case: str,
) -> None:
    second = "agent.6002.bbbb.c1"

    async def before(line: Line) -> None:
        found(
            line.asterisk,
            held=case in {"held", "asking", "ringing"},
            colleague=second if case in {"asking", "three"} else "",
            ringing=second if case == "ringing" else "",
        )

    async def story(line: Line) -> None:
        leg = "agent.6001.aaaa.c1"
        async with desks_of(line) as desks:
            calls = line.hotline.calls
            await line.asterisk.until(lambda: "c1" in calls and calls["c1"].call.talk is not None)
            await asyncio.sleep(0.2)
            shown = (await desks.shows())["call"]
            assert shown["held"] is (case in {"held", "asking", "ringing"})
            assert shown["path"][:2] == ["main", "loan.menu"]
            assert shown["tail"] == "002X"
            if case == "held":
                await desks.done("retrieve")
                await desks.hear(leg, "c1", leg)
            elif case == "ringing":
                await line.asterisk.pick_up(second)
                await desks.hear(leg, leg, second)
            elif case == "asking":
                await desks.done("hand_over")
                await desks.hear(leg, "c1", second)
            elif case == "three":
                await desks.hear(leg, "c1", leg, second)
            await line.asterisk.hang_up("c1")
            await line.over_again()
            await line.asterisk.until(lambda: not line.asterisk.channels)

    tell(story, left_over("c1", "agent"), first=before)
