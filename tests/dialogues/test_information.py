"""The information tree: each node a place, found again after a restart, heard to its end or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.config import Settings
from ivr.dialogues import place_named
from ivr.records.facts import DialogueEntered, Fact, Informed
from ivr.speech.prompts import PromptSet
from tests.scripted import written
from tests.test_conversations import hold
from tests.virtual import run


def told(
    script: str, prompt_set: PromptSet, settings: Settings, start: str = "welcome"
) -> list[Fact]:
    return run(lambda: hold(written(script), prompt_set, settings, start=start))[1]


def informed(facts: list[Fact]) -> list[tuple[str, bool]]:
    return [(fact.leaf, fact.complete) for fact in facts if isinstance(fact, Informed)]


def test_what_was_heard_to_its_end_is_noted_each_time(
    prompt_set: PromptSet, settings: Settings
) -> None:
    facts = told(
        """
        IVR information.4.1.2
        IVR nav.replay_back_agent
        KEY 1
        CUT information.4.1.2
        KEY 1
        CUT information.4.1.2
        WAIT 3
        HANGUP
        """,
        prompt_set,
        settings,
        start="information.4.1.2",
    )
    assert informed(facts) == [("4.1.2", True), ("4.1.2", False), ("4.1.2", False)]
    first, second, third = (fact for fact in facts if isinstance(fact, Informed))
    assert first.ms > 20_000 > third.ms >= 3_000 > second.ms


def test_every_node_is_a_place_in_the_records(prompt_set: PromptSet, settings: Settings) -> None:
    facts = told(
        """
        IVR information.5
        KEY 2
        IVR information.5.2
        KEY 1
        IVR information.5.2.1
        IVR nav.replay_back_agent
        KEY *
        IVR information.5.2
        HANGUP
        """,
        prompt_set,
        settings,
        start="information.5",
    )
    assert [fact.dialogue for fact in facts if isinstance(fact, DialogueEntered)] == [
        "information.5",
        "information.5.2",
        "information.5.2.1",
        "information.5.2",
    ]


def test_the_question_names_key_0_only_where_it_leads_to_an_agent(
    prompt_set: PromptSet, settings: Settings
) -> None:
    agents = settings.agents.model_copy(update={"zero_from_every_menu": False})
    facts = told(
        "IVR information.3.3\nIVR nav.replay_or_back\nHANGUP",
        prompt_set,
        settings.model_copy(update={"agents": agents}),
        start="information.3.3",
    )
    assert informed(facts) == [("3.3", True)]


@pytest.mark.parametrize("key", ["3", "4", "5"])
def test_every_node_of_the_catalog_is_found_and_leads_up(prompt_set: PromptSet, key: str) -> None:
    for node in prompt_set.information[key].walk():
        place = place_named(node.prompt, prompt_set)
        assert place.name == node.prompt
        depth = 0
        while place.name != "main":
            place, depth = place_named(place.up, prompt_set), depth + 1
        assert depth == node.prompt.count(".")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("information.4.1.9", "information.4.1"),
        ("information.4.9.2.1", "information.4"),
        ("information.4.1.2.7", "information.4.1.2"),
        ("information.6.1", "main"),
        ("information", "main"),
        ("account.menu", "account.menu"),
        ("gone", "main"),
    ],
)
def test_a_place_that_is_gone_is_resumed_at_the_nearest_above(
    prompt_set: PromptSet, name: str, found: str
) -> None:
    assert place_named(name, prompt_set).name == found


def test_a_call_goes_on_in_a_set_without_its_branch(prompt_set: PromptSet) -> None:
    kept = {key: node for key, node in prompt_set.information.items() if key != "5"}
    assert place_named("information.5.1.2", replace(prompt_set, information=kept)).name == "main"
