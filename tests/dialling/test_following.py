"""回访: who is called when, what becomes of trying in vain, and who is left in peace."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.cases.case import Case, Filed
from ivr.cases.followup import RegisterFollowUps, end_calling
from ivr.cases.late import LateRegister
from ivr.cases.moves import Deed, Move, Office, Refused, State
from ivr.cases.opening import CannotReach
from ivr.cases.opinions import Said
from ivr.cases.store import Cases
from ivr.config import Settings
from ivr.dialling.dialler import Dialler
from ivr.dialling.following import Following, due
from ivr.dialling.ledger import Attempt
from ivr.people.sensitive import Sensitive
from tests.cases.test_moves import CLOSED, FILED, LEADER, lead
from tests.dialling.test_dialler import NUMBER, TRUNKS, WEDNESDAY, Stage, no_threads, stage
from tests.virtual import run

__all__ = ["no_threads", "stage"]
LEFT = replace(FILED, caller="token of …00")
CALL = Deed(Move.CALL, "王敏", LEADER)


@dataclass
class Centre:
    """A register, and the numbers that are kept of its callers."""

    register: LateRegister
    numbers: dict[str | None, str]

    def wanted(self) -> Sequence[Case]:
        return self.register.to_call("01")

    def number(self, filed: Filed) -> Sensitive[str] | None:
        number = self.numbers.get(filed.caller)
        return None if number is None else Sensitive(number)

    def spared_by(self, filed: Filed) -> str | None:
        return self.register.spared_by(filed)

    def stop(self, number: str, why: str) -> None:
        end_calling(self.register, number, why)


@dataclass
class Evening:
    """A centre, and the line that calls for it."""

    stage: Stage
    centre: Centre
    dialler: Dialler
    following: Following

    def closed(self, filed: Filed = LEFT) -> None:
        register = self.centre.register
        register.enter(filed, None)
        for deed in CLOSED:
            register.act(filed.number, deed)

    def case(self, number: str = FILED.number) -> Case:
        return self.centre.register.case(number)

    def act(self, deed: Deed) -> None:
        self.centre.register.act(FILED.number, deed)

    async def look(self, cause: int | None = None) -> None:
        """The line looks; whoever is called ends it with that cause, or answers and hangs up."""
        task = asyncio.create_task(self.following.look())
        await asyncio.sleep(0.01)
        for attempt in self.dialler.ledger.begun():
            if cause is None:
                self.dialler.answered(f"dial.{attempt.name}.number")
                await asyncio.sleep(5)
            self.dialler.over(attempt.name, "number", cause or 16)
        await task

    @property
    def rung(self) -> int:
        return len(self.stage.outward.rung)


@pytest.fixture
def evening(stage: Stage, tmp_path: Path) -> Evening:
    dialling = {"trunk": "carrier"}
    settings = Settings.model_validate({"home": tmp_path, "trunks": TRUNKS, "dialling": dialling})
    (tmp_path / "spool").mkdir()
    centre = Centre(LateRegister(settings), {LEFT.caller: NUMBER})
    dialler = stage.dialler()
    following = Following(
        centre, dialler, lambda: settings, is_open=lambda: True, clock=lambda: stage.now
    )
    centre.register._register().cases._clock = lambda: stage.now
    return Evening(stage, centre, dialler, following)


def tried(*outcomes: Any) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(str(n), "follow_up", "1", "t", None, WEDNESDAY + timedelta(hours=n), outcome)
        for n, outcome in enumerate(outcomes)
    )


def test_three_tries_at_sensible_times() -> None:
    dialling = Settings().dialling
    first, second = due(tried(), dialling), due(tried("busy"), dialling)
    third = due(tried("busy", "no_answer"), dialling)
    assert first is not None
    assert first < WEDNESDAY
    assert second == WEDNESDAY + timedelta(hours=2)
    assert third == WEDNESDAY + timedelta(hours=1 + 18), "not on the same day"
    assert due(tried("busy", "busy", "lost"), dialling) is None


def test_nobody_is_called_of_whom_nobody_asked_it(evening: Evening) -> None:
    evening.closed()
    run(evening.look)
    assert evening.rung == 0


def test_three_in_vain_and_then_a_person_is_told(evening: Evening) -> None:
    evening.closed()
    evening.act(CALL)

    async def story() -> None:
        await evening.look(cause=17)
        await evening.look(cause=17)
        assert evening.rung == 1, "not again at once"
        evening.stage.now += timedelta(hours=4)
        await evening.look(cause=19)
        evening.stage.now += timedelta(hours=19)
        await evening.look()  # answers and presses nothing
        assert evening.rung == 3
        evening.stage.now += timedelta(days=1)
        await evening.look()

    run(story)
    assert evening.rung == 3
    case = evening.case()
    assert (case.state, case.call_wanted) == (State.CLOSED, None)
    assert case.events[-1].text == (
        "电话回访 3 次没有结果（占线 1 次、没有人接 1 次、接通没有按键 1 次），请人工回访"
    )
    assert {entry.operator for entry in evening.stage.entries} == {"line"}
    evening.act(CALL)
    run(evening.look)
    assert evening.rung == 4, "asked for anew, three more"


@pytest.mark.parametrize(
    ("opinion", "state", "moves"),
    [
        ("content", State.FOLLOWED_UP, ["follow_up"]),
        ("discontent", State.ASSIGNED, ["follow_up", "redo"]),
        ("declined", State.CLOSED, ["spare"]),
        ("abstained", State.CLOSED, ["called"]),
    ],
)
def test_who_has_answered_is_not_called_again(
    evening: Evening, opinion: Any, state: State, moves: list[str]
) -> None:
    evening.closed()
    evening.act(CALL)

    async def story() -> None:
        await evening.look()
        told = RegisterFollowUps(evening.centre.register)
        assert await told.is_wanted(FILED.number)
        assert await told.keep(FILED.number, opinion)
        assert not await told.is_wanted(FILED.number)
        evening.stage.now += timedelta(days=7)
        await evening.look()

    run(story)
    assert evening.rung == 1
    case = evening.case()
    assert case.state is state
    last = case.events[-len(moves) :]
    assert [(event.move, event.by, event.office) for event in last] == [
        (move, "热线", Office.LINE) for move in moves
    ]


def test_what_is_said_of_a_case_that_moved_on_meanwhile_is_a_note(evening: Evening) -> None:
    evening.closed()
    evening.act(CALL)
    evening.act(lead("follow_up", content="content"))
    told = RegisterFollowUps(evening.centre.register)
    assert run(lambda: told.keep(FILED.number, "discontent"))
    case = evening.case()
    assert case.state is State.FOLLOWED_UP
    assert case.events[-1].text == "电话回访时来电人按键：不满意"


class Door:
    """Whether the database of cases can be reached; `loses`: its next answers are lost."""

    def __init__(self, evening: Evening, patch: pytest.MonkeyPatch) -> None:
        self.shut, self.loses = False, 0
        evening.centre.register._register().cases._is_away = lambda: self.shut
        acts = Cases.act

        def act(cases: Cases, *given: Any, **told: Any) -> Case:
            case = acts(cases, *given, **told)
            if self.loses:
                self.loses -= 1
                raise CannotReach("as ordered")
            return case

        patch.setattr(Cases, "act", act)

    @staticmethod
    def brought(evening: Evening) -> int:
        """By the service when it looks again."""
        return evening.centre.register._register().open_waiting(lambda: "")


@pytest.fixture
def door(evening: Evening, monkeypatch: pytest.MonkeyPatch) -> Door:
    evening.closed()
    evening.act(CALL)
    return Door(evening, monkeypatch)


def follow_ups(evening: Evening) -> RegisterFollowUps:
    return RegisterFollowUps(evening.centre.register, clock=lambda: evening.stage.now)


@pytest.mark.parametrize("opinion", ["content", "discontent", "declined", "abstained"])
def test_what_is_said_while_the_database_is_away_waits_sealed_and_comes_once(
    evening: Evening, door: Door, tmp_path: Path, opinion: Any
) -> None:
    """Nobody who has answered is called again, though the case does not know it yet."""
    before, said_at = evening.case().version, evening.stage.now
    door.shut = True

    async def story() -> None:
        told = follow_ups(evening)
        assert await told.keep(FILED.number, opinion), "the caller hears that it is kept"
        assert not await told.is_wanted(FILED.number)
        door.shut = False
        evening.stage.now += timedelta(days=7)
        await evening.look()

    run(story)
    assert evening.rung == 0
    (file,) = (tmp_path / "waiting cases").iterdir()
    assert opinion.encode() not in file.read_bytes()
    shutil.copytree(tmp_path / "waiting cases", tmp_path / "before")
    assert (door.brought(evening), door.brought(evening)) == (1, 0)
    events = evening.case().events[before:]
    assert {event.at for event in events} == {said_at}, "when it was said"
    shutil.copytree(tmp_path / "before", tmp_path / "waiting cases", dirs_exist_ok=True)
    assert door.brought(evening) == 1, "brought, and a kill before it was struck off"
    assert evening.case().events[before:] == events


@pytest.mark.parametrize("moved", [False, True])
def test_what_came_and_nobody_heard_of_it_is_not_done_twice(
    evening: Evening, door: Door, *, moved: bool
) -> None:
    """The answer of each of its moves is lost in turn; with a case that has moved on, a note's."""
    if moved:
        evening.act(lead("follow_up", content="content"))
    before = evening.case().version
    door.loses = 1
    assert run(lambda: follow_ups(evening).keep(FILED.number, "discontent"))
    door.loses = 1
    with suppress(CannotReach):
        door.brought(evening)
    door.loses = 0
    door.brought(evening)
    moves = [event.move for event in evening.case().events[before:]]
    assert moves == ([Move.NOTE] if moved else [Move.FOLLOW_UP, Move.REDO])
    assert evening.centre.register.waiting() == 0


def test_what_nobody_can_keep_is_said_so(evening: Evening, door: Door, tmp_path: Path) -> None:
    (tmp_path / "waiting cases").write_bytes(b"")  # no folder
    told = follow_ups(evening)
    door.shut = True
    assert not run(lambda: told.keep(FILED.number, "content"))
    door.shut = False
    assert run(lambda: told.keep(FILED.number, "content"))


def test_an_opinion_on_a_case_that_is_gone_holds_nothing_up(evening: Evening, door: Door) -> None:
    evening.centre.register.keep_said(Said("01999990", "content", evening.stage.now))
    assert door.brought(evening) == 1
    assert evening.centre.register.waiting() == 0


def test_who_wished_not_to_be_called_is_not_for_any_case(evening: Evening) -> None:
    evening.closed()
    other = replace(LEFT, number="01000026", person=None)
    evening.closed(other)
    evening.act(lead("spare", text="来电人说不用回访"))
    with pytest.raises(Refused):
        evening.act(CALL)
    evening.centre.register.act(other.number, CALL)
    run(evening.look)
    assert evening.rung == 0
    assert evening.case(other.number).events[-1].text == f"来电人谢绝回访（工单 {FILED.number}）"
    evening.act(lead("unspare", text="来电人又愿意了"))
    evening.centre.register.act(other.number, CALL)
    run(evening.look)
    assert evening.rung == 1


@pytest.mark.parametrize(
    ("number", "told"),
    [(None, "来电时的号码没有留下，请人工回访"), ("95588", "来电时的号码不能拨打，请人工回访")],
)
def test_who_cannot_be_called_is_told_to_a_person(
    evening: Evening, number: str | None, told: str
) -> None:
    evening.centre.numbers = {} if number is None else {LEFT.caller: number}
    evening.closed()
    evening.act(CALL)
    run(evening.look)
    assert evening.rung == 0
    assert evening.case().events[-1].text == told


def test_a_night_leaves_nothing_in_the_records(evening: Evening) -> None:
    evening.closed()
    evening.act(CALL)
    evening.stage.now = evening.stage.now.replace(hour=22)
    run(evening.look)
    assert (evening.rung, evening.stage.facts) == (0, [])
    assert evening.case().call_wanted is not None


def test_a_restart_in_the_midst_of_a_call_calls_nobody_beside_it(evening: Evening) -> None:
    evening.closed()
    evening.act(CALL)

    async def story() -> None:
        looking = asyncio.create_task(evening.following.look())
        await asyncio.sleep(0.01)
        await evening.dialler.suspend()
        looking.cancel()
        successor = evening.stage.dialler()
        evening.following.dialler = successor
        await evening.following.look()

    run(story)
    assert evening.rung == 1


def test_a_case_without_a_number_cannot_be_asked_for(evening: Evening) -> None:
    evening.closed(FILED)
    with pytest.raises(Refused):
        evening.act(CALL)


def test_by_a_setting_every_caller_is_asked(tmp_path: Path) -> None:
    dialling = {"trunk": "carrier", "follow_up": "all"}
    settings = Settings.model_validate({"home": tmp_path, "trunks": TRUNKS, "dialling": dialling})
    (tmp_path / "spool").mkdir()
    register = LateRegister(settings)
    unknown = replace(FILED, number="01000026")
    for filed in (LEFT, unknown):
        register.enter(filed, None)
        for deed in CLOSED:
            register.act(filed.number, deed)
    assert [case.number for case in register.to_call("01")] == [LEFT.number]
    assert register.to_call("02") == (), "of another node"
    asked = register.case(LEFT.number).events[-1]
    assert (asked.move, asked.office) == (Move.CALL, Office.LINE)


def test_where_nobody_can_be_called_nobody_can_be_asked_for(tmp_path: Path) -> None:
    register = LateRegister(Settings(home=tmp_path))
    (tmp_path / "spool").mkdir()
    register.enter(LEFT, None)
    for deed in CLOSED:
        register.act(LEFT.number, deed)
    with pytest.raises(Refused, match="没有开通外呼"):
        register.act(LEFT.number, CALL)
