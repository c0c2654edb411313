"""A conversation is recorded only after the caller has heard so; whatever fails, it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.agents.desks import Desks
from ivr.agents.switchboard import Switchboard
from ivr.calls.inbox import Ordered
from ivr.config import Agent, AgentsSettings, Settings
from ivr.desk.orders import Deed, Failed, NotDone, Order
from ivr.hours import BEIJING
from ivr.recordings.archive import CannotKeep
from ivr.recordings.talks import TalkSlip
from ivr.recordings.taping import NothingTaped, TapeFailed
from ivr.records.facts import TalkOutcome
from ivr.speech.prompts import PromptSet
from tests.calls.test_transfer import Desk
from tests.scripted import NORMAL, ScriptedLine
from tests.virtual import run

NOON = datetime(2026, 11, 25, 12, tzinfo=BEIJING)


@dataclass
class Tape:
    """The caller's line: which pieces were begun, and whether one goes on."""

    begun: list[str] = field(default_factory=list)
    runs: bool = False
    refuses: set[str] = field(default_factory=set)

    async def start(self, caller: Path, agent: Path) -> None:
        assert not self.runs, "two recordings at once"
        if "start" in self.refuses:
            raise TapeFailed("no")
        self.begun.append(caller.name)
        self.runs = True

    async def stop(self) -> None:
        if "stop" in self.refuses:
            raise TapeFailed("no")
        self.runs = False


class Tapes(NothingTaped):
    """In memory, in virtual time."""

    def __init__(self) -> None:
        self.open: TalkSlip | None = None
        self.ended: list[TalkSlip] = []
        self.refused: list[TalkOutcome] = []
        self.is_full = False

    def _may(self) -> None:
        if self.is_full:
            raise CannotKeep("full")

    async def begin(self, session: str, room: str, agent: str) -> TalkSlip:
        self._may()
        self.open = TalkSlip("r", session, room, self.now(), (agent,))
        return self.open

    def found(self, session: str, room: str) -> TalkSlip | None:
        return self.open

    async def check_room(self) -> None:
        self._may()

    async def keep(self, slip: TalkSlip) -> None:
        self._may()
        self.open = slip

    async def has_begun(self, slip: TalkSlip) -> bool:
        return True

    def tracks(self, slip: TalkSlip, piece: int) -> tuple[Path, Path]:
        return Path(f"{piece}"), Path(f"{piece}")

    def over(self, slip: TalkSlip) -> None:
        self.open = None
        self.ended.append(slip)

    def not_recorded(self, session: str, agent: str, outcome: TalkOutcome, why: str) -> None:
        self.refused.append(outcome)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=asyncio.get_running_loop().time())


class Talking:
    """A caller who asks for an agent, on a line that records."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.tape, self.tapes = desk, Tape(), Tapes()
        desk.call.tape = self.tape
        desk.call.means = replace(desk.call.means, tapes=self.tapes)

    @property
    def said(self) -> list[str]:
        assert isinstance(self.desk.call.line, ScriptedLine)
        return self.desk.call.line.texts

    @property
    def agents(self) -> tuple[Agent, ...]:
        return self.desk.call.means.settings.agents.phones

    async def begin(self) -> asyncio.Task[str]:
        wish = self.desk.wish()
        await self.desk.exchange.rung.get()
        self.desk.exchange.picks_up("6001")
        await asyncio.sleep(1)
        return wish

    async def order(self, deed: Deed, *, to: Agent | None = None) -> None:
        order = Order(deed, self.agents[0], to)
        self.desk.call.inbox.put(Ordered(order))
        await order.done
        await asyncio.sleep(0.1)

    async def end(self, wish: asyncio.Task[str]) -> TalkSlip | None:
        self.desk.exchange.goes("6001", NORMAL)
        assert await wish == "answered"
        return self.tapes.ended[-1] if self.tapes.ended else None


@pytest.fixture
def held(prompt_set: PromptSet, settings: Settings) -> Callable[..., None]:
    """Hold a story in virtual time, with these settings of recordings."""

    def hold(story: Callable[[Talking], Awaitable[Any]], **recordings: object) -> None:
        async def work() -> None:
            agents = AgentsSettings(queue=False)
            told = settings.recordings.model_copy(update={"talks": True, **recordings})
            chosen = settings.model_copy(update={"agents": agents, "recordings": told})
            switchboard = Switchboard(Desks(agents, asyncio.get_running_loop().time))
            await story(Talking(Desk(prompt_set, chosen, switchboard)))

        run(work)

    return hold


def test_the_caller_hears_it_to_its_end_and_then_it_is_recorded(held: Callable[..., None]) -> None:
    async def story(talking: Talking) -> None:
        wish = talking.desk.wish()
        await asyncio.sleep(0.5)
        talking.desk.press("5")
        await asyncio.sleep(0.5)
        assert talking.said == ["为了保证服务质量，您的通话将被录音。"]
        assert talking.desk.exchange.rung.empty(), "nobody is rung before"
        await talking.desk.exchange.rung.get()
        assert not talking.tape.runs, "nothing is recorded while it rings"
        talking.desk.exchange.picks_up("6001")
        await asyncio.sleep(1)
        assert talking.tape.runs
        slip = await talking.end(wish)
        assert slip is not None
        assert (slip.agents, slip.pieces, slip.gaps) == (("一号坐席",), 1, ())
        assert not talking.tape.runs

    held(story)


def test_off_nothing_is_said_and_nothing_is_recorded(held: Callable[..., None]) -> None:
    async def story(talking: Talking) -> None:
        wish = await talking.begin()
        with pytest.raises(NotDone, match="没有录音"):
            await talking.order(Deed.PAUSE)
        assert await talking.end(wish) is None
        assert talking.said == []
        assert talking.tape.begun == []

    held(story, talks=False)


def test_who_has_not_heard_of_it_is_not_recorded(held: Callable[..., None]) -> None:
    """The setting is turned on in the midst of a conversation of which a service died."""

    async def story(talking: Talking) -> None:
        wish = await talking.begin()
        assert await talking.end(wish) is not None
        talking.desk.call.knows_of_tape = False
        talking.tape.begun.clear()
        talking.desk.call.means = replace(
            talking.desk.call.means,
            settings=talking.desk.call.means.settings.model_copy(
                update={
                    "recordings": talking.desk.call.means.settings.recordings.model_copy(
                        update={"talks": False}
                    )
                }
            ),
        )
        wish = await talking.begin()
        talking.desk.exchange.goes("6001", NORMAL)
        assert await wish == "answered"
        assert talking.tape.begun == []

    held(story)


def test_a_pause_and_a_hold_leave_a_gap_and_the_agent_is_told_only_when_it_holds(
    held: Callable[..., None],
) -> None:
    async def story(talking: Talking) -> None:
        wish = await talking.begin()
        await talking.order(Deed.PAUSE)
        assert not talking.tape.runs
        with pytest.raises(NotDone):
            await talking.order(Deed.PAUSE)
        await asyncio.sleep(20)
        await talking.order(Deed.HOLD)
        assert not talking.tape.runs, "on hold it is paused all the same"
        await talking.order(Deed.RESUME)
        assert not talking.tape.runs, "the caller is on hold still"
        await asyncio.sleep(5)
        await talking.order(Deed.RETRIEVE)
        assert talking.tape.runs
        with pytest.raises(NotDone, match="没有暂停"):
            await talking.order(Deed.RESUME)
        slip = await talking.end(wish)
        assert slip is not None
        assert [gap.why for gap in slip.gaps] == ["pause", "hold"]
        assert slip.left_out_ms("pause") == pytest.approx(20_000, abs=500)
        assert slip.left_out_ms("hold") == pytest.approx(5_000, abs=500)
        assert talking.tape.begun == ["1", "2"]

    held(story)


def test_it_goes_on_with_a_colleague_who_is_named_and_what_was_asked_before_is_not_in_it(
    held: Callable[..., None],
) -> None:
    async def story(talking: Talking) -> None:
        wish = await talking.begin()
        await talking.order(Deed.CONSULT, to=talking.agents[1])
        talking.desk.exchange.picks_up("6002")
        await asyncio.sleep(5)
        assert not talking.tape.runs, "the caller hears music"
        await talking.order(Deed.HAND_OVER)
        assert talking.tape.runs
        await asyncio.sleep(5)
        talking.desk.exchange.goes("6002", NORMAL)
        assert await wish == "answered"
        (slip,) = talking.tapes.ended
        assert slip.agents == ("一号坐席", "二号坐席")
        assert [gap.why for gap in slip.gaps] == ["hold"]
        assert talking.tape.begun == ["1", "2"]

    held(story)


def test_a_pause_that_is_forgotten_ends(held: Callable[..., None]) -> None:
    async def story(talking: Talking) -> None:
        wish = await talking.begin()
        await talking.order(Deed.PAUSE)
        await asyncio.sleep(29)
        assert not talking.tape.runs
        await asyncio.sleep(2)
        assert talking.tape.runs
        slip = await talking.end(wish)
        assert slip is not None
        assert slip.left_out_ms("pause") == pytest.approx(30_000, abs=500)

    held(story, pause_seconds=30.0)


def test_a_recording_that_does_not_stop_is_said_to_who_paused_it(
    held: Callable[..., None],
) -> None:
    async def story(talking: Talking) -> None:
        wish = await talking.begin()
        talking.tape.refuses = {"stop"}
        with pytest.raises(Failed, match="没有停住"):
            await talking.order(Deed.PAUSE)
        assert not is_paused(talking), "the desk does not show a pause that is none"
        talking.tape.refuses = set()
        await talking.order(Deed.PAUSE)
        assert is_paused(talking)
        await talking.end(wish)

    held(story)


def is_paused(talking: Talking) -> bool:
    talk = talking.desk.call.talk
    assert talk is not None
    assert talk.room.recorder is not None
    return talk.room.recorder.is_paused


def test_a_full_disk_costs_the_recording_and_not_the_conversation(
    held: Callable[..., None],
) -> None:
    async def story(talking: Talking) -> None:
        talking.tapes.is_full = True
        wish = await talking.begin()
        assert talking.tapes.refused == ["no_room"]
        assert await talking.end(wish) is None
        assert talking.tape.begun == []

    held(story)


def test_a_disk_that_fills_up_does_not_keep_a_pause_from_being_one(
    held: Callable[..., None],
) -> None:
    async def story(talking: Talking) -> None:
        wish = await talking.begin()
        talking.tapes.is_full = True
        await talking.order(Deed.PAUSE)
        assert not talking.tape.runs
        await talking.order(Deed.RESUME)
        assert not talking.tape.runs, "there is no room to go on"
        talking.tapes.is_full = False
        await asyncio.sleep(31)
        assert talking.tape.runs, "there is again, and nobody had to do anything"
        slip = await talking.end(wish)
        assert slip is not None
        assert [gap.why for gap in slip.gaps] == ["pause", "fault"]

    held(story)


def test_asterisk_that_does_not_begin_is_asked_again(held: Callable[..., None]) -> None:
    async def story(talking: Talking) -> None:
        talking.tape.refuses = {"start"}
        wish = await talking.begin()
        assert not talking.tape.runs
        talking.tape.refuses = set()
        await asyncio.sleep(31)
        assert talking.tape.runs
        slip = await talking.end(wish)
        assert slip is not None
        assert [gap.why for gap in slip.gaps] == ["fault"]

    held(story)
