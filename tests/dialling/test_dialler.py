"""How calls that the line makes go, and which are not made; in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ivr.agents.desks import Desks
from ivr.agents.presence import State
from ivr.agents.switchboard import Switchboard
from ivr.config import Agent, Settings
from ivr.desk.orders import Deed, NotDone, Order
from ivr.dialling.dialler import Dialler, Going
from ivr.dialling.ledger import Ledger
from ivr.dialling.names import bridge_name, leg_name
from ivr.dialling.outward import AgentAway, DiallingFailed, Held
from ivr.dialling.taped import Taping
from ivr.dialling.wanted import Called, NotDialled, Wanted
from ivr.hours import BEIJING
from ivr.people.audit import Entry
from ivr.people.sensitive import Sensitive
from ivr.records.facts import Dialled, DialOutcome
from tests.calls.test_recorded_talk import Tape, Tapes
from tests.virtual import run

AGENT = Agent(name="一号坐席", extension="6001")
SECOND = Agent(name="二号坐席", extension="6002")
ALL = (AGENT, SECOND)
NUMBER = "13800138000"
WEDNESDAY = datetime(2026, 11, 25, 10, tzinfo=BEIJING)
TRUNKS = [{"name": "carrier", "hosts": ["192.0.2.1"]}]


@dataclass
class ScriptedOutward:
    """Rings what it is told to, and remembers it."""

    rung: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    refuses: str = ""
    away: bool = False
    gone: bool = False

    async def ring_agent(self, attempt: str, agent: Agent, reference: str) -> None:
        if self.away:
            raise AgentAway("as ordered")
        self._do(f"agent {agent.extension} {reference}")

    async def ring_number(self, attempt: str, number: Sensitive[str]) -> None:
        self._do(f"number {number.reveal()}")

    async def say_it_is_recorded(self, attempt: str) -> None:
        self._do("say")

    async def channel(self, attempt: str) -> str:
        self._do("channel")
        return "PJSIP/trunk-carrier-1"

    async def join(self, attempt: str) -> bool:
        self._do("join")
        return not self.gone

    async def stop(self, attempt: str) -> None:
        self.stopped.append(attempt)

    def _do(self, what: str) -> None:
        if self.refuses and what.startswith(self.refuses):
            raise DiallingFailed("as ordered")
        self.rung.append(what)


@dataclass
class Stage:
    """A dialler on which everything around it is played."""

    home: Path
    dialling: dict[str, Any] = field(default_factory=dict)
    now: datetime = WEDNESDAY
    outward: ScriptedOutward = field(default_factory=ScriptedOutward)
    facts: list[Dialled] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    agents: dict[str, Any] = field(default_factory=dict)
    is_full: bool = False
    recordings: dict[str, Any] = field(default_factory=dict)
    tape: Tape = field(default_factory=Tape)
    tapes: Tapes = field(default_factory=Tapes)

    def dialler(self) -> Dialler:
        settings = self.settings()
        return Dialler(
            settings=lambda: settings,
            outward=self.outward,
            ledger=Ledger.read(self.home / "dialled.jsonl", self.now),
            token=lambda number: f"token of …{number[-2:]}",
            note=self.facts.append,  # type: ignore[arg-type]
            trail=self._write,
            switchboard=self.switchboard,
            taping=Taping(self.tapes, lambda _: self.tape),
            clock=lambda: self.now,
        )

    def _write(self, entry: Entry) -> None:
        if self.is_full:
            raise OSError("no space left")
        self.entries.append(entry)

    def settings(self) -> Settings:
        dialling = {"trunk": "carrier", **self.dialling}
        told = {
            "trunks": TRUNKS,
            "dialling": dialling,
            "agents": self.agents,
            "recordings": self.recordings,
        }
        return Settings.model_validate(told)

    @cached_property
    def switchboard(self) -> Switchboard:
        return Switchboard(Desks(self.settings().agents, lambda: asyncio.get_running_loop().time()))

    @property
    def talking(self) -> set[str]:
        """Agents on a call."""
        return {a.extension for a in ALL if self.state(a) is State.TALKING}

    def state(self, agent: Agent) -> State:
        return self.switchboard.desks.of(agent).state


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time does not wait for them."""

    async def at_once(work: Callable[..., Any], *given: Any) -> Any:
        return work(*given)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def wanted(
    reference: str = "01000017", number: str = NUMBER, agent: Agent | None = AGENT
) -> Wanted:
    return Wanted("case", reference, Sensitive(number), agent, by="王敏", reason="回复投诉")


async def begun(dialler: Dialler, what: Wanted | None = None) -> Going:
    going = await dialler.begin(what or wanted())
    assert isinstance(going, Going), going
    await asyncio.sleep(0.01)
    return going


def leg(going: Going, side: Any) -> str:
    return leg_name(going.attempt.name, side)


Story = Callable[[Dialler, Going], Awaitable[None]]


async def both_answer(dialler: Dialler, going: Going) -> None:
    dialler.answered(leg(going, "agent"))
    await asyncio.sleep(3)
    dialler.answered(leg(going, "number"))
    await asyncio.sleep(0.01)


def test_agent_first_then_the_number_then_they_talk(stage: Stage) -> None:
    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler)
        assert stage.outward.rung == ["agent 6001 01000017"]
        desks = stage.switchboard.desks
        assert not desks.is_free(AGENT), "nobody else's call rings there"
        assert stage.state(AGENT) is State.FREE, "but nobody talks yet"
        await both_answer(dialler, going)
        assert stage.outward.rung[1:] == [f"number {NUMBER}", "join"]
        await asyncio.sleep(60)
        dialler.over(going.attempt.name, "number", 16)
        called = await going.done
        assert called.outcome == "answered"
        assert called.ring_ms == pytest.approx(3000, abs=100)
        assert called.talk_ms == pytest.approx(60_000, abs=100)
        assert stage.outward.stopped == [going.attempt.name]
        assert stage.talking == set()
        (fact,) = stage.facts
        assert (fact.purpose, fact.reference, fact.agent) == ("case", "01000017", "一号坐席")
        assert fact.outcome == "answered"
        (entry,) = stage.entries
        assert (entry.action, entry.token, entry.operator) == ("called", "01000017", "王敏")
        assert NUMBER not in (stage.home / "dialled.jsonl").read_text()

    run(story)


async def _agent_up(dialler: Dialler, going: Going) -> None:
    dialler.answered(leg(going, "agent"))
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("side", "cause", "outcome", "agent_up"),
    [
        ("agent", 17, "agent_busy", False),
        ("agent", 19, "agent_no_answer", False),
        ("agent", 20, "agent_away", False),
        ("number", 17, "busy", True),
        ("number", 21, "busy", True),
        ("number", 19, "no_answer", True),
        ("number", 1, "not_reached", True),
        ("number", 34, "not_reached", True),
        ("agent", 16, "abandoned", True),
    ],
)
def test_each_end_is_told_as_what_it_is(
    stage: Stage, side: Any, cause: int, outcome: DialOutcome, agent_up: bool
) -> None:
    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler)
        if agent_up:
            await _agent_up(dialler, going)
        dialler.over(going.attempt.name, side, cause)
        assert (await going.done).outcome == outcome
        assert stage.facts[0].outcome == outcome
        assert stage.talking == set()

    run(story)


# --- recorded ---------------------------------------------------------------------------------


def test_a_conversation_is_recorded_once_the_number_has_heard_so(stage: Stage) -> None:
    stage.recordings = {"talks": True}

    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler)
        await both_answer(dialler, going)
        assert stage.outward.rung[-1] == "say", "and the agent is not joined before its end"
        await asyncio.sleep(6)
        assert not stage.tape.runs
        dialler.said(going.attempt.name, whole=True)
        await asyncio.sleep(0.01)
        assert stage.outward.rung[-2:] == ["join", "channel"]
        assert stage.tape.runs
        assert dialler.sessions() == {bridge_name(going.attempt.name)}, "nobody files it meanwhile"
        await asyncio.sleep(60)
        dialler.over(going.attempt.name, "number", 16)
        assert (await going.done).talk_ms == pytest.approx(60_000, abs=100)
        (slip,) = stage.tapes.ended
        assert (slip.session, slip.agents) == (bridge_name(going.attempt.name), (AGENT.name,))
        assert not stage.tape.runs
        assert not dialler.sessions()

    run(story)


async def ordered(going: Going, deed: Deed) -> str:
    """By the agent; why not."""
    order = Order(deed, AGENT)
    going.inbox.put_nowait(order)
    try:
        await order.done
    except NotDone as why:
        return str(why).partition(" · ")[2]
    return ""


def test_the_agent_pauses_the_recording_while_a_number_is_spoken(stage: Stage) -> None:
    stage.recordings = {"talks": True}

    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler)
        assert dialler.talk_of(AGENT) is None, "it rings only"
        await both_answer(dialler, going)
        dialler.said(going.attempt.name, whole=True)
        await asyncio.sleep(10)
        assert dialler.talk_of(AGENT) is going
        assert await ordered(going, Deed.PAUSE) == ""
        assert not stage.tape.runs
        assert await ordered(going, Deed.PAUSE) == "paused already"
        assert await ordered(going, Deed.HOLD) == "only the recording"
        await asyncio.sleep(20)
        assert await ordered(going, Deed.RESUME) == ""
        await asyncio.sleep(0.01)
        assert stage.tape.runs
        assert await ordered(going, Deed.RESUME) == "not paused"
        dialler.over(going.attempt.name, "number", 16)
        await going.done
        (slip,) = stage.tapes.ended
        assert [gap.why for gap in slip.gaps] == ["pause"]

    run(story)


def test_where_nothing_is_recorded_nothing_is_paused(stage: Stage) -> None:
    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler)
        await both_answer(dialler, going)
        assert await ordered(going, Deed.PAUSE) == "not recorded"
        dialler.over(going.attempt.name, "number", 16)
        assert (await going.done).outcome == "answered"

    run(story)


@pytest.mark.parametrize("side", ["agent", "number"])
def test_who_hangs_up_while_it_is_said_is_not_recorded(stage: Stage, side: Any) -> None:
    stage.recordings = {"talks": True}

    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler)
        await both_answer(dialler, going)
        dialler.over(going.attempt.name, side, 16)
        assert (await going.done).outcome == "abandoned"
        assert "join" not in stage.outward.rung
        assert not stage.tape.begun

    run(story)


@pytest.mark.parametrize("what", ["refused", "broken", "never told", "switched off", "alone"])
def test_who_has_not_heard_so_is_not_recorded_and_talks_all_the_same(
    stage: Stage, what: str
) -> None:
    stage.recordings = {"talks": what != "switched off"}
    stage.outward.refuses = "say" if what == "refused" else ""

    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler, wanted(agent=None if what == "alone" else AGENT))
        await both_answer(dialler, going)
        if what == "broken":
            dialler.said(going.attempt.name, whole=False)
        await asyncio.sleep(31)
        assert ("join" in stage.outward.rung) is (what != "alone")
        dialler.over(going.attempt.name, "number", 16)
        assert (await going.done).outcome == "answered"
        assert not stage.tape.begun

    run(story)


@pytest.mark.parametrize("fault", ["full", "channel", "tape"])
def test_where_nothing_can_be_kept_they_talk_all_the_same(stage: Stage, fault: str) -> None:
    stage.recordings = {"talks": True}
    stage.tapes.is_full = fault == "full"
    stage.outward.refuses = "channel" if fault == "channel" else ""
    stage.tape.refuses = {"start"} if fault == "tape" else set()

    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler)
        await both_answer(dialler, going)
        dialler.said(going.attempt.name, whole=True)
        await asyncio.sleep(1)
        stage.tape.refuses = set()
        await asyncio.sleep(60)
        assert bool(stage.tape.begun) is (fault == "tape"), "it is tried again after a while"
        assert stage.tapes.refused == {"full": ["no_room"], "channel": ["lost"], "tape": []}[fault]
        dialler.over(going.attempt.name, "agent", 16)
        assert (await going.done).outcome == "answered"

    run(story)


def test_a_service_started_anew_goes_on_with_the_recording_and_ends_it(stage: Stage) -> None:
    stage.recordings = {"talks": True}

    async def story() -> None:
        before = stage.dialler()
        going = await begun(before)
        await both_answer(before, going)
        before.said(going.attempt.name, whole=True)
        await asyncio.sleep(0.01)
        await before.suspend()
        assert stage.tape.runs, "Asterisk goes on with it"
        after, name = stage.dialler(), going.attempt.name
        assert after.sessions() == {bridge_name(name)}, "before it is found, too"
        await after.adopt(Held(frozenset({name}), {name: stage.now}))
        await asyncio.sleep(5)
        assert stage.tape.begun == ["1"], "in the same piece"
        after.over(name, "number", 16)
        await asyncio.sleep(0.01)
        assert [slip.room for slip in stage.tapes.ended] == [bridge_name(name)]

    run(story)


@pytest.mark.parametrize(("agent_up", "outcome"), [(False, "agent_no_answer"), (True, "no_answer")])
def test_what_asterisk_never_tells_the_end_of_ends_all_the_same(
    stage: Stage, agent_up: bool, outcome: DialOutcome
) -> None:
    async def story() -> None:
        dialler = stage.dialler()
        going = await begun(dialler)
        if agent_up:
            await _agent_up(dialler, going)
        assert (await going.done).outcome == outcome
        assert stage.outward.stopped == [going.attempt.name]

    run(story)


@pytest.mark.parametrize("refuses", ["agent", "number", "join"])
def test_what_asterisk_refuses_has_failed(stage: Stage, refuses: str) -> None:
    async def story() -> None:
        stage.outward.refuses = refuses
        dialler = stage.dialler()
        going = await begun(dialler)
        if not going.done.done():
            await both_answer(dialler, going)
        assert (await going.done).outcome == "failed"

    run(story)


def test_an_agent_whose_phone_is_not_there_is_away(stage: Stage) -> None:
    stage.outward.away = True
    called = run(lambda: stage.dialler().dial(wanted()))
    assert called == Called("agent_away")
    assert stage.outward.rung == []


def test_an_agent_who_hangs_up_just_as_the_number_answers_has_given_up(stage: Stage) -> None:
    async def story() -> None:
        stage.outward.gone = True
        dialler = stage.dialler()
        going = await begun(dialler)
        await both_answer(dialler, going)
        assert (await going.done).outcome == "abandoned"

    run(story)


# --- refused -----------------------------------------------------------------------------------


async def refusal(dialler: Dialler, what: Wanted | None = None) -> str:
    refused = await dialler.begin(what or wanted())
    assert isinstance(refused, NotDialled)
    assert refused.words
    return refused.reason


def test_off_unless_a_trunk_is_named(stage: Stage) -> None:
    stage.dialling = {"trunk": None}
    assert run(lambda: refusal(stage.dialler())) == "off"
    assert stage.outward.rung == []
    assert stage.facts[0].refused == "off"
    assert stage.entries == []


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 25, 8, 59, tzinfo=BEIJING),
        datetime(2026, 11, 25, 12, 30, tzinfo=BEIJING),
        datetime(2026, 11, 25, 18, 0, tzinfo=BEIJING),
        datetime(2026, 11, 28, 10, 0, tzinfo=BEIJING),
    ],
    ids=["early", "at noon", "late", "Saturday"],
)
def test_not_out_of_hours(stage: Stage, now: datetime) -> None:
    stage.now = now
    assert run(lambda: refusal(stage.dialler())) == "hours"


def test_not_what_may_not_be_dialled(stage: Stage) -> None:
    for number in ("", "0012025550123", "95588"):
        assert run(lambda number=number: refusal(stage.dialler(), wanted(number=number))) == (
            "number"
        )
    assert stage.outward.rung == []


async def missed(dialler: Dialler, what: Wanted) -> Called:
    going = await begun(dialler, what)
    dialler.over(going.attempt.name, "agent", 19)
    return await going.done


def test_one_number_only_so_often_a_day_also_after_a_restart(stage: Stage) -> None:
    stage.agents = {"unanswered_calls": 0}

    async def story() -> None:
        for case in ("1", "2", "3"):
            await missed(stage.dialler(), wanted(case))
        assert await refusal(stage.dialler(), wanted("4")) == "tries"
        assert (await missed(stage.dialler(), wanted("4", "13900139009"))).outcome
        stage.now += timedelta(days=1)
        assert (await missed(stage.dialler(), wanted("4"))).outcome == "agent_no_answer"

    run(story)


def test_a_days_cap(stage: Stage) -> None:
    stage.dialling = {"calls_per_day": 2}

    async def story() -> None:
        await missed(stage.dialler(), wanted("1", "13800138001"))
        await missed(stage.dialler(), wanted("2", "13800138002"))
        assert await refusal(stage.dialler(), wanted("3", "13800138003")) == "cap"

    run(story)


def test_two_at_once_are_one_call(stage: Stage) -> None:
    async def story() -> None:
        dialler = stage.dialler()
        both = await asyncio.gather(dialler.begin(wanted()), dialler.begin(wanted()))
        assert sorted(type(each).__name__ for each in both) == ["Going", "NotDialled"]
        assert await refusal(dialler, wanted(number="13900139009")) == "going_on", "the same case"
        assert await refusal(dialler, wanted("7", agent=SECOND)) == "going_on", "the same number"
        with stage.switchboard.talks(SECOND):
            what = wanted("8", "13900139009", SECOND)
            assert await refusal(dialler, what) == "going_on", "an agent who talks"
        assert stage.outward.rung.count("agent 6001 01000017") == 1
        await dialler.suspend()

    run(story)


def test_nobody_is_called_unwritten(stage: Stage) -> None:
    stage.is_full = True
    assert run(lambda: refusal(stage.dialler())) == "unwritten"
    assert stage.outward.rung == []


# --- a service that ends -------------------------------------------------------------------------


def test_a_successor_calls_nobody_again_and_tells_that_the_try_was_lost(stage: Stage) -> None:
    async def story() -> None:
        before = stage.dialler()
        going = await begun(before)
        await before.suspend()
        assert stage.facts == []
        after = stage.dialler()
        name = going.attempt.name
        await after.adopt(Held(frozenset({name}), {}))
        await asyncio.sleep(1)
        assert stage.outward.rung == ["agent 6001 01000017"]
        assert stage.outward.stopped == [name]
        assert [fact.outcome for fact in stage.facts] == ["lost"]
        assert stage.dialler().ledger.begun() == ()

    run(story)


def test_who_talks_goes_on_and_is_noted_once_by_the_successor(stage: Stage) -> None:
    async def story() -> None:
        before = stage.dialler()
        going = await begun(before)
        await both_answer(before, going)
        await before.suspend()
        name = going.attempt.name
        after = stage.dialler()
        held = Held(frozenset({name}), {name: stage.now - timedelta(seconds=30)})
        await after.adopt(held)
        await after.adopt(held)  # a second look changes nothing
        await asyncio.sleep(10)
        assert stage.outward.stopped == []
        after.over(name, "agent", 16)
        await asyncio.sleep(1)
        (fact,) = stage.facts
        assert fact.outcome == "answered"
        assert fact.talk_ms == pytest.approx(40_000, abs=200)

    run(story)


def test_a_link_that_comes_back_finds_the_same_call_and_whoever_waits_for_it(stage: Stage) -> None:
    async def story() -> None:
        dialler = stage.dialler()
        waiting = asyncio.create_task(dialler.dial(wanted()))
        await asyncio.sleep(0.01)
        (attempt,) = dialler.ledger.begun()
        going = dialler.going(attempt.name)
        assert going is not None
        await both_answer(dialler, going)
        await dialler.suspend()
        await dialler.adopt(Held(frozenset({attempt.name}), {attempt.name: stage.now}))
        await asyncio.sleep(5)
        dialler.over(attempt.name, "number")
        called = await waiting
        assert isinstance(called, Called)
        assert called.outcome == "answered"
        assert len(stage.facts) == 1

    run(story)


def test_legs_of_a_try_that_nobody_knows_are_stopped(stage: Stage) -> None:
    run(lambda: stage.dialler().adopt(Held(frozenset({"ab12"}), {})))
    assert stage.outward.stopped == ["ab12"]


def test_a_torn_line_of_the_ledger_costs_nobody_the_others(stage: Stage) -> None:
    run(lambda: missed(stage.dialler(), wanted("1")))
    path = stage.home / "dialled.jsonl"
    path.write_bytes(path.read_bytes() + b'{"name": "torn')
    ledger = Ledger.read(path, stage.now)
    (attempt,) = ledger.of("case", "1")
    assert attempt.outcome == "agent_no_answer"
    assert all(json.loads(line) for line in path.read_text().splitlines())
    assert path.stat().st_mode & 0o777 == 0o600


# --- the agents' desks ---------------------------------------------------------------------------


def test_who_does_not_answer_has_not_talked_and_is_away_after_two(stage: Stage) -> None:
    async def story() -> None:
        dialler, desks = stage.dialler(), stage.switchboard.desks
        heard = desks.heard_of()
        for case in ("1", "2"):
            await missed(dialler, wanted(case))
            assert desks.heard_of() == heard, "nobody was there"
        assert stage.state(AGENT) is State.AWAY

    run(story)


def test_who_declines_is_there(stage: Stage) -> None:
    async def story() -> None:
        dialler = stage.dialler()
        for case in ("1", "2", "3"):
            going = await begun(dialler, wanted(case))
            dialler.over(going.attempt.name, "agent", 17)
            assert (await going.done).outcome == "agent_busy"
        assert stage.state(AGENT) is State.FREE

    run(story)


def test_after_call_work_follows_a_conversation_only(stage: Stage) -> None:
    stage.agents = {"after_call_seconds": 30}

    async def story() -> None:
        dialler = stage.dialler()
        await missed(dialler, wanted("1"))
        assert stage.state(AGENT) is State.FREE
        going = await begun(dialler, wanted("2"))
        await both_answer(dialler, going)
        assert stage.talking == {"6001"}
        dialler.over(going.attempt.name, "number", 16)
        await going.done
        assert stage.state(AGENT) is State.WRAP_UP

    run(story)


def test_an_agent_who_talks_stays_so_over_a_kill(stage: Stage) -> None:
    """The look through Asterisk's lists finds the conversation, before the successor goes on."""

    async def story() -> None:
        before = stage.dialler()
        going = await begun(before)
        await both_answer(before, going)
        await before.suspend()
        assert stage.talking == {"6001"}
        after, name = stage.dialler(), going.attempt.name
        held = Held(frozenset({name}), {name: stage.now})
        desks = stage.switchboard.desks
        desks.found_talking(after.talking(held))
        assert stage.talking == {"6001"}
        await after.adopt(held)
        await asyncio.sleep(1)
        desks.found_talking(())
        assert stage.talking == {"6001"}, "the successor looks after it"
        after.over(name, "agent", 16)
        await asyncio.sleep(1)
        assert stage.talking == set()

    run(story)


@pytest.mark.parametrize(
    ("came", "stage_then", "outcome"),
    [("nobody", "agent", "lost"), ("agent", "number", "lost"), ("both", "talking", "answered")],
)
def test_what_is_gone_after_a_kill_is_told_by_how_far_it_had_come(
    stage: Stage, came: str, stage_then: str, outcome: DialOutcome
) -> None:
    """Who had talked has talked, also when both hung up before the successor looked."""

    async def story() -> None:
        before = stage.dialler()
        going = await begun(before)
        if came == "agent":
            await _agent_up(before, going)
        if came == "both":
            await both_answer(before, going)
        await before.suspend()
        after = stage.dialler()
        (attempt,) = after.ledger.begun()
        assert attempt.stage == stage_then
        await after.adopt(Held(frozenset(), {}))
        await asyncio.sleep(1)
        assert [fact.outcome for fact in stage.facts] == [outcome]
        kept = stage.dialler().ledger.attempt(attempt.name)
        assert kept is not None
        assert kept.stage == stage_then

    run(story)
