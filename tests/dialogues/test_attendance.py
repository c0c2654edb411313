"""An agent signs in, is busy for a while, and signs out, on their own phone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from ivr.agents.desks import Moved
from ivr.config import AgentsSettings, Settings
from ivr.dialogues import ATTENDANCE
from ivr.records.facts import Fact, Step
from ivr.speech.prompts import PromptSet
from tests import test_conversations as stage
from tests.scripted import written
from tests.virtual import run

PIN = "271828"
WRONG = "314159"


@pytest.fixture
def attends(
    prompt_set: PromptSet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Hold the conversation; what the desks tell, what the records know, and how it ended."""

    def hold(
        told: str, *, before: Callable[[Any], None] | None = None, phone: int = 0, **agents: object
    ) -> tuple[list[Moved], list[Fact]]:
        rules = AgentsSettings(**{"sign_in": True, **agents})  # type: ignore[arg-type]
        chosen = settings.model_copy(update={"agents": rules})
        moves: list[Moved] = []
        real = stage.on_stage

        def staged(*given: Any) -> Any:
            call = real(*given)
            call.agent = rules.phones[phone] if phone >= 0 else None
            desks = call.means.switchboard.desks
            if before is not None:
                before(desks)
            desks.told = moves.append
            return call

        monkeypatch.setattr(stage, "on_stage", staged)
        script = written(told)
        _, facts = run(lambda: stage.hold(script, prompt_set, chosen, start=ATTENDANCE))
        return moves, facts

    return hold


def moved(moves: list[Moved]) -> list[tuple[str, str, str]]:
    return [(str(each.now.state), each.now.reason, each.by) for each in moves]


def test_signing_in_and_out(attends: Callable[..., Any]) -> None:
    moves, facts = attends(f"""
        IVR attendance.ask_pin
        KEY {PIN}
        IVR attendance.signed_out attendance.menu
        KEY 1
        IVR attendance.free attendance.menu
        KEY 3
        IVR attendance.signed_out attendance.menu
        KEY *
        IVR line.goodbye
        END completed
    """)
    assert moved(moves) == [("free", "", "phone"), ("signed_out", "", "phone")]
    steps = [fact for fact in facts if isinstance(fact, Step)]
    assert steps[0].keys == 6
    assert steps[0].key is None
    assert PIN not in repr(facts)


def test_not_ready_for_a_reason_by_its_number(attends: Callable[..., Any]) -> None:
    moves, _ = attends(f"""
        IVR attendance.ask_pin
        KEY {PIN}
        IVR attendance.signed_out attendance.menu
        KEY 1
        IVR attendance.free attendance.menu
        KEY 2
        IVR attendance.ask_reason
        KEY 9
        IVR attendance.no_reason
        IVR attendance.ask_reason
        KEY 2
        IVR attendance.not_ready attendance.menu
        KEY 2
        IVR attendance.ask_reason
        KEY *
        IVR attendance.not_ready attendance.menu
        KEY 1
        IVR attendance.free attendance.menu
        HANGUP
    """)
    assert moved(moves) == [
        ("free", "", "phone"),
        ("not_ready", "会议", "phone"),
        ("free", "", "phone"),
    ]


def test_where_there_is_one_reason_it_is_not_asked_for(attends: Callable[..., Any]) -> None:
    moves, _ = attends(
        f"""
        IVR attendance.ask_pin
        KEY {PIN}
        IVR attendance.free attendance.menu_without_sign_out
        KEY 2
        IVR attendance.not_ready attendance.menu_without_sign_out
        HANGUP
        """,
        not_ready_reasons=("小休",),
        sign_in=False,
    )
    assert moved(moves) == [("not_ready", "小休", "phone")]


def test_who_has_missed_calls_is_told_so(attends: Callable[..., Any]) -> None:
    def misses_two(desks: Any) -> None:
        first = desks.settings.phones[0]
        for _ in range(2):
            desks.rang_out(first)

    moves, _ = attends(
        f"""
        IVR attendance.ask_pin
        KEY {PIN}
        IVR attendance.away attendance.menu_without_sign_out
        KEY 1
        IVR attendance.free attendance.menu_without_sign_out
        HANGUP
        """,
        before=misses_two,
        sign_in=False,
    )
    assert moved(moves) == [("free", "", "phone")]


def test_wrong_digits_are_refused_and_lock_the_phone_for_the_day(
    attends: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        moves, facts = attends(f"""
            IVR attendance.ask_pin
            KEY {WRONG}
            IVR attendance.wrong_pin
            IVR attendance.ask_pin
            KEY {WRONG}
            IVR attendance.wrong_pin
            IVR attendance.ask_pin
            KEY {WRONG}
            IVR attendance.locked
            END refused
        """)
    assert not moves
    assert WRONG not in caplog.text + repr(facts)


def test_too_few_digits_are_no_try(attends: Callable[..., Any]) -> None:
    attends("""
        IVR attendance.ask_pin
        KEY 27#
        IVR attendance.wrong_pin
        IVR attendance.ask_pin
        KEY *
        IVR line.goodbye
        END completed
    """)


def test_who_has_no_digits_is_told_where_to_get_them(attends: Callable[..., Any]) -> None:
    moves, _ = attends("IVR attendance.no_pin\nEND completed", phone=1)
    assert not moves


def test_a_call_from_no_desk_ends(attends: Callable[..., Any]) -> None:
    """A phone that was taken away meanwhile."""
    moves, _ = attends("IVR line.goodbye\nEND completed", phone=-1)
    assert not moves
