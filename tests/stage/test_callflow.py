"""The map of the script is made by walking it, and knows every place, key and way out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.config import Settings
from ivr.dialogues import all_places
from ivr.dialogues.place import End
from ivr.speech.prompts import Node, PromptSet
from ivr.stage.callflow import Flow, Way, explore
from ivr.stage.rehearsal import Moment


@pytest.fixture(scope="module")
def otherwise(spoken: PromptSet) -> Flow:
    """A city's own: 0 is no agent everywhere, and 3 has two branches where we ship three."""
    settings, third = Settings(), spoken.information["3"]
    children = {"1": third.children["1"], "2": Node("information.3.2", "新", {})}
    grown = {**spoken.information, "3": replace(third, children=children)}
    agents = settings.agents.model_copy(update={"zero_from_every_menu": False})
    return explore(
        replace(spoken, information=grown), settings.model_copy(update={"agents": agents})
    )


def ways_of(flow: Flow) -> list[tuple[str, Way]]:
    return [(place, way) for place, ways in flow.ways.items() for way in ways]


def test_every_place_of_the_code_and_of_the_content_is_on_the_map(
    flow: Flow, spoken: PromptSet
) -> None:
    nodes = [node for branch in spoken.information.values() for node in branch.walk()]
    assert set(flow.ways) == {each.name for each in all_places()} | {each.prompt for each in nodes}


def test_a_key_or_a_circumstance_leads_to_every_place_but_where_calls_begin(flow: Flow) -> None:
    assert set(flow.begins) == {
        "welcome",
        "limits.line_full",
        "limits.caller_busy",
        "attendance",
        "follow_up",
    }


def test_every_key_that_a_sentence_names_is_taken(flow: Flow, spoken: PromptSet) -> None:
    for place, way in ways_of(flow):
        assert "line.no_match" not in way.said, f"{place}: {way.answer} is named, but not taken"
    asked = {way.asked for _, way in ways_of(flow) if way.asked is not None}
    assert {moment.question[-1] for moment in asked} >= {"main.menu", "information.4.2"}
    for moment in asked:
        answers = {
            answer
            for place, way in ways_of(flow)
            if way.asked == moment and place == moment.place
            for answer in way.answer.split("、")
        }
        if moment.meanwhile == "":
            assert answers >= set(spoken.keys.get(moment.question[-1], "*")), moment


def test_from_every_place_there_is_a_way_to_an_end(flow: Flow) -> None:
    ending = {place for place, way in ways_of(flow) if isinstance(way.leads, End)}
    while more := {p for p, way in ways_of(flow) if way.leads in ending and p not in ending}:
        ending |= more
    assert ending == set(flow.ways)


def test_what_depends_on_the_day_is_found(flow: Flow) -> None:
    answers = {place: {way.words: way for way in ways} for place, ways in flow.ways.items()}
    assert answers["welcome"]["热线停开"].leads == "not_open"
    assert answers["agent"]["人工服务时间以外"].leads == "agent.closed"
    assert answers["agent"]["排队已满"].said[-1] == "agent.busy"
    waits = answers["agent"]["坐席都在通话"].leads
    assert isinstance(waits, Moment)
    assert waits.question[0] == "queue.next"
    assert answers["agent"]["坐席都在通话：一直没有轮到"].said == ("queue.too_long",)
    assert answers["agent"]["坐席话机都不在线"].said[-1] == "agent.no_answer"


def test_what_the_accounts_say_is_found(flow: Flow) -> None:
    said = {way.answer: way.said for way in flow.ways["loan.inquiry"]}
    assert said["证件号（没有录入）"] == ("loan.not_found",)
    assert said["证件号（有多个账号）"] == ("loan.several",)
    assert said["证件号（余额为空）"] == ("loan.empty",), "no loan query tells of closed ones"
    assert any("已销户" in way.answer for way in flow.ways["account.inquiry"])
    found = next(way for way in flow.ways["loan.inquiry"] if way.answer == "证件号（查到）")
    assert isinstance(found.leads, Moment)
    assert found.leads.question[0] == "loan.readout"


def test_what_holds_everywhere_is_told_once(flow: Flow) -> None:
    assert {way.answer: way.leads for way in flow.everywhere} == {
        "0": "agent",
        "一直没有按对": "giving_up",
    }


def test_where_0_is_no_agent_nothing_says_so(otherwise: Flow) -> None:
    assert [way.answer for way in otherwise.everywhere] == ["一直没有按对"]
    leaf = {way.asked and way.asked.question for way in otherwise.ways["information.3.1"]}
    assert leaf == {None, ("nav.replay_or_back",)}


def test_the_map_is_of_the_branches_that_the_editor_has(flow: Flow, otherwise: Flow) -> None:
    assert set(flow.ways) - set(otherwise.ways) == {"information.3.3"}
    assert "information.3.2" in otherwise.ways


def test_what_callers_leave_is_kept_or_they_are_told(flow: Flow) -> None:
    answers = {place: {way.words: way for way in ways} for place, ways in flow.ways.items()}
    assert answers["feedback.complaint"]["磁盘已满：证件号"].said == ("feedback.cannot_record",)
    assert answers["survey"]["磁盘已满：1、2、3、4、5、*"].said == ("survey.busy",)
    assert answers["feedback.recording"]["#、讲完停顿"].leads == "feedback.saved"


def test_where_it_matters_how_one_came_the_map_says_so(flow: Flow) -> None:
    silent = {
        way.words: way.leads
        for way in flow.ways["feedback.recording"]
        if way.said == ("feedback.nothing_heard",)
    }
    assert silent == {
        "一直没有讲话": "main",
        "从 feedback.complaint 来：一直没有讲话": "feedback.kind_menu",
    }


def test_a_query_password_is_on_the_map_though_few_lines_want_one(flow: Flow) -> None:
    answers = {way.words: way for way in flow.ways["account.inquiry"]}
    asked = answers["要查询密码：证件号"].leads
    assert isinstance(asked, Moment)
    assert asked.question == ("password.ask",)
    assert answers["要查询密码：密码（错）"].said == ("password.wrong",)
    assert answers["要查询密码：密码（错）"].leads == asked
    locked = answers["要查询密码：密码（一错再错）"].leads
    assert isinstance(locked, Moment)
    assert locked.question[0] == "password.locked"
