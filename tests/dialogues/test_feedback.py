"""Key 6: what the records know of a complaint, a suggestion, a message and a vote."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.cases.numbers import numbered
from ivr.config import Settings
from ivr.records.facts import ABSTAINED, Fact, Recorded, RecordingMoved, Step, Voted
from ivr.speech.prompts import PromptSet
from tests.scripted import directions
from tests.test_conversations import CONVERSATIONS, hold
from tests.virtual import run


@pytest.fixture
def held(prompt_set: PromptSet, settings: Settings):
    """The facts of a conversation file."""
    known = {path.stem: path for path in CONVERSATIONS}

    def hold_it(name: str) -> list[Fact]:
        script = directions(Path(known[name]))
        return run(lambda: hold(script, prompt_set, settings))[1]

    return hold_it


def recordings(facts: list[Fact]) -> list[tuple[str, str | None, int]]:
    return [
        (fact.kind, fact.person, fact.ms // 1000) for fact in facts if isinstance(fact, Recorded)
    ]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("complaint", [("complaint", "token-0127", 20)]),
        ("complaint_hung_up", [("complaint", "token-0127", 30)]),
        ("complaint_hung_up_silent", [("complaint", "token-0127", 0)]),
        ("complaint_silence", [("complaint", "token-0127", 8)]),
        ("complaint_nothing_heard", []),
        ("complaint_five_minutes", [("complaint", "token-0127", 300)]),
        ("complaint_again", [("complaint", "token-0127", 5), ("complaint", "token-0127", 9)]),
        ("complaint_disk_full", [("complaint", "token-0127", 5)]),
        ("complaint_id_entry", []),
        ("complaint_impatient", [("complaint", "token-0127", 4)]),
        ("suggestion", [("suggestion", "token-0127", 12)]),
        ("message", [("message", None, 12)]),
    ],
)
def test_what_was_said_is_in_the_records(held, name: str, known: list) -> None:
    assert recordings(held(name)) == known


def test_each_recording_of_a_call_has_a_number_of_its_own(held) -> None:
    facts = [fact for fact in held("complaint_again") if isinstance(fact, Recorded)]
    assert [fact.reference for fact in facts] == [numbered(1, 1), numbered(1, 2)]
    assert [fact.path for fact in facts] == [
        f"2026-11-25/complaint/{numbered(1, 1)}.wav",
        f"2026-11-25/complaint/{numbered(1, 2)}.wav",
    ]


def test_votes_are_in_the_records_and_an_abstention_is_one_of_them(held) -> None:
    votes = [(fact.person, fact.choice) for fact in held("survey") if isinstance(fact, Voted)]
    assert votes == [("token-0127", 1), ("token-002X", 5), ("token-0127", ABSTAINED)]
    assert not [fact for fact in held("survey_errors") if isinstance(fact, Voted)]


def test_how_a_recording_ended_is_a_step(held) -> None:
    def heard(name: str) -> list[str]:
        return [
            fact.heard for fact in held(name) if isinstance(fact, Step) and fact.verb == "record"
        ]

    assert heard("complaint") == ["finished"]
    assert heard("complaint_nothing_heard") == ["no_input"]
    assert heard("complaint_disk_full") == ["invalid", "finished"]


def test_nothing_is_marked_before_it_is_spoken_anew(held) -> None:
    assert not [fact for fact in held("complaint") if isinstance(fact, RecordingMoved)]
