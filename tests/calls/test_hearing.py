"""What the records know of a sentence: typed over, heard to its figures, left in its midst."""

from __future__ import annotations

import pytest

from ivr.config import Settings
from ivr.records.facts import Fact, LookedUp, Said, Step, Transferred
from ivr.speech.prompts import PromptSet
from tests.scripted import directions
from tests.test_conversations import LOOKUP_SECONDS, hold
from tests.virtual import run

ID = "990102200012120127"
TO_THE_READOUT = f"""CUT main.greeting
TYPE 11{ID}
CUT account.readout nav.replay_back_agent
"""


def held(prompts: PromptSet, settings: Settings, lines: str) -> list[Fact]:
    script = settings.home / "conversation.txt"
    script.write_text(lines)
    return run(lambda: hold(directions(script), prompts, settings))[1]


def steps(facts: list[Fact], prompt: str) -> list[Step]:
    return [fact for fact in facts if isinstance(fact, Step) and fact.prompt == prompt]


def test_what_was_typed_over_was_not_said(prompt_set: PromptSet, settings: Settings) -> None:
    facts = held(prompt_set, settings, f"{TO_THE_READOUT}HANGUP\n")
    (greeting,) = steps(facts, "main.greeting")
    assert (greeting.said, greeting.interrupted) == ("part", True)
    for prompt in ("main.menu", "account.menu", "identity.ask"):
        (step,) = steps(facts, prompt)
        assert (step.said, step.interrupted) == ("none", False)


@pytest.mark.parametrize(
    ("seconds", "figures", "said"),
    [(0.1, False, "none"), (8.0, False, "none"), (25.0, True, "part")],
    ids=["at once", "before the balance", "in the question after it"],
)
@pytest.mark.parametrize(("does", "heard"), [("HANGUP", "hung_up"), ("KEY *", "back")])
def test_a_readout_is_heard_as_far_as_it_was_said(
    prompt_set: PromptSet,
    settings: Settings,
    seconds: float,
    figures: bool,
    said: Said,
    does: str,
    heard: str,
) -> None:
    end = "" if does == "HANGUP" else "\nIVR account.menu\nHANGUP"
    facts = held(prompt_set, settings, f"{TO_THE_READOUT}WAIT {seconds}\n{does}{end}\n")
    (step,) = steps(facts, "nav.replay_back_agent")
    assert step.heard == heard
    assert step.opening == "account.readout"
    assert (step.figures, step.said) == (figures, said)


def test_who_waits_after_the_question_has_heard_it(
    prompt_set: PromptSet, settings: Settings
) -> None:
    facts = held(prompt_set, settings, "IVR main.greeting\nIVR main.menu\nWAIT 2\nHANGUP\n")
    assert [(step.verb, step.heard, step.said) for step in steps(facts, "main.menu")] == [
        ("menu", "hung_up", "whole")
    ]


def test_who_hangs_up_in_a_sentence_or_in_an_entry_is_known(
    prompt_set: PromptSet, settings: Settings
) -> None:
    greeted = held(prompt_set, settings, "CUT main.greeting\nWAIT 1\nHANGUP\n")
    assert [(step.verb, step.heard, step.said) for step in steps(greeted, "main.greeting")] == [
        ("say", "hung_up", "part")
    ]
    entering = held(
        prompt_set,
        settings,
        "IVR main.greeting\nIVR main.menu\nKEY 1\nIVR account.menu\nKEY 1\nIVR identity.ask\n"
        "KEY 990102\nHANGUP\n",
    )
    assert [(step.verb, step.heard, step.key) for step in steps(entering, "identity.ask")] == [
        ("collect", "hung_up", None)
    ]


def test_a_wish_for_an_agent_is_no_answer(prompt_set: PromptSet, settings: Settings) -> None:
    facts = held(
        prompt_set,
        settings,
        "IVR main.greeting\nIVR main.menu\nKEY 1\nIVR account.menu\nKEY 1\nIVR identity.ask\n"
        "KEY 0\nIVR agent.transferring\nIVR agent.waiting_hint\nIVR agent.no_answer\n"
        "IVR agent.leave_message_menu\nKEY *\nIVR main.menu\nKEY 3\nIVR information.3\nKEY 0\n"
        "CUT agent.transferring\nHANGUP\n",
    )
    assert [step.heard for step in steps(facts, "identity.ask")] == ["agent"]
    assert [step.heard for step in steps(facts, "information.3")] == ["agent"]


def test_who_wishes_for_an_agent_is_counted_also_out_of_hours_and_when_leaving_at_once(
    prompt_set: PromptSet, settings: Settings
) -> None:
    late = held(
        prompt_set,
        settings,
        "AT 2026-11-28T20:00\nIVR main.greeting\nIVR main.menu\nKEY 0\nIVR agent.closed\n"
        "IVR agent.leave_message_menu\nHANGUP\n",
    )
    at_once = held(
        prompt_set,
        settings,
        "IVR main.greeting\nIVR main.menu\nKEY 0\nCUT agent.transferring\nHANGUP\n",
    )
    assert [
        (fact.outcome, fact.agent)
        for facts in (late, at_once)
        for fact in facts
        if isinstance(fact, Transferred)
    ] == [("closed", None), ("abandoned", None)]


def test_a_lookup_is_as_long_as_its_source_takes(prompt_set: PromptSet, settings: Settings) -> None:
    facts = held(prompt_set, settings, f"{TO_THE_READOUT}HANGUP\n")
    assert [fact.ms for fact in facts if isinstance(fact, LookedUp)] == [LOOKUP_SECONDS * 1000]
    down = held(
        prompt_set,
        settings,
        f"DOWN\nCUT main.greeting\nTYPE 11{ID}\nIVR identity.looking_up\n"
        "IVR line.busy line.retry_menu\nHANGUP\n",
    )
    assert [fact.ms for fact in down if isinstance(fact, LookedUp)] == [3000]
