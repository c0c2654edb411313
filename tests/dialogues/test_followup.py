"""回访 by a call of the line's: asked once, and kept before anybody is thanked for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ivr.cases.opinions import Opinion
from ivr.config import Settings
from ivr.dialogues import FOLLOW_UP
from ivr.records.facts import Step
from ivr.speech.prompts import PromptSet
from tests import test_conversations as stage
from tests.scripted import written
from tests.virtual import run

CASE = "01000018"


class Centre:
    """What is known of cases."""

    def __init__(self, *, wanted: bool = True, up: bool = True) -> None:
        self.wanted = wanted
        self.up = up
        self.kept: list[tuple[str, Opinion]] = []

    async def is_wanted(self, number: str) -> bool:
        return self.wanted

    async def keep(self, number: str, opinion: Opinion) -> bool:
        if self.up:
            self.kept.append((number, opinion))
        return self.up


@pytest.fixture
def called(
    prompt_set: PromptSet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Hold the conversation with who was called; what was said, and what the records know."""

    def hold(told: str, centre: Centre) -> tuple[Any, list[Any]]:
        real = stage.on_stage

        def staged(*given: Any) -> Any:
            call = real(*given)
            object.__setattr__(call.means, "follow_ups", centre)
            return call

        monkeypatch.setattr(stage, "on_stage", staged)
        script = written(told)
        return run(lambda: stage.hold(script, prompt_set, settings, start=FOLLOW_UP))

    return hold


@pytest.mark.parametrize(
    ("key", "opinion", "thanks"),
    [
        ("1", "content", "follow_up.content"),
        ("2", "discontent", "follow_up.discontent"),
        ("3", "declined", "follow_up.declined"),
        ("*", "abstained", "line.goodbye"),
    ],
)
def test_one_key_is_an_opinion(
    called: Callable[..., Any], key: str, opinion: str, thanks: str
) -> None:
    centre = Centre()
    line, facts = called(
        f"""
        IVR follow_up.opening follow_up.menu
        HEARD 零幺零零零零幺八
        KEY {key}
        IVR {thanks}
        END completed
        """,
        centre,
    )
    assert centre.kept == [(CASE, opinion)]
    assert line.texts
    assert [fact.key for fact in facts if isinstance(fact, Step) and fact.verb == "menu"] == [key]


def test_who_hangs_up_after_the_key_has_answered(called: Callable[..., Any]) -> None:
    centre = Centre()
    called("IVR follow_up.opening follow_up.menu\nTYPE 2\nCUT follow_up.discontent\nHANGUP", centre)
    assert centre.kept == [(CASE, "discontent")]


def test_who_hangs_up_without_one_has_not(called: Callable[..., Any]) -> None:
    centre = Centre()
    called("CUT follow_up.opening follow_up.menu\nHANGUP", centre)
    assert centre.kept == []


def test_a_wrong_key_and_silence_are_told_and_asked_again(called: Callable[..., Any]) -> None:
    centre = Centre()
    called(
        """
        IVR follow_up.opening follow_up.menu
        KEY 8
        IVR line.no_match
        IVR follow_up.menu
        IVR line.no_input
        IVR follow_up.menu
        KEY 1
        IVR follow_up.content
        END completed
        """,
        centre,
    )
    assert centre.kept == [(CASE, "content")]


def test_a_machine_that_answers_keeps_nothing(called: Callable[..., Any]) -> None:
    centre = Centre()
    called(
        """
        IVR follow_up.opening follow_up.menu
        IVR line.no_input
        IVR follow_up.menu
        IVR line.no_input
        IVR follow_up.menu
        IVR line.goodbye
        END gave_up
        """,
        centre,
    )
    assert centre.kept == []


def test_nobody_is_thanked_for_what_is_not_kept(called: Callable[..., Any]) -> None:
    called(
        "IVR follow_up.opening follow_up.menu\nKEY 1\nIVR follow_up.not_kept\nEND completed",
        Centre(up=False),
    )


def test_who_has_answered_before_a_restart_is_not_asked_again(called: Callable[..., Any]) -> None:
    centre = Centre(wanted=False)
    called("IVR line.goodbye\nEND completed", centre)
    assert centre.kept == []
