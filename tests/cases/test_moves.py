"""Who may do what with a case: every cell of the table, written out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ivr.cases.case import Case, Event, Filed, event_of, possible, told
from ivr.cases.moves import RULES, Deed, Move, Office, Refused, State, permits

NOON = datetime(2026, 11, 25, 4, tzinfo=UTC)
FILED = Filed("01000018", "complaint", "s", "token", NOON, "2026-11-25/complaint/x.wav", 1, "")
LEADER, HANDLER, AGENT = (
    frozenset({each}) for each in (Office.LEADER, Office.HANDLER, Office.AGENT)
)

# P 待受理 A 已受理 D 已派单 W 办理中 S 挂起 R 已答复 C 已办结 F 已回访 X 不予受理 M 已并单
LETTERS = dict(
    zip(
        "PADWSRCFXM",
        (
            State.PENDING,
            State.ACCEPTED,
            State.ASSIGNED,
            State.WORKING,
            State.SUSPENDED,
            State.ANSWERED,
            State.CLOSED,
            State.FOLLOWED_UP,
            State.REJECTED,
            State.MERGED,
        ),
        strict=True,
    )
)
TABLE = {
    #            值班长       承办人      坐席        热线
    "accept":    ("P",         "",          "",         ""),
    "reject":    ("PA",        "",          "",         ""),
    "assign":    ("A",         "",          "",         ""),
    "reassign":  ("DWS",       "",          "",         ""),
    "take":      ("",          "AD",        "",         ""),
    "return":    ("",          "DW",        "",         ""),
    "ask":       ("",          "DW",        "",         ""),
    "grant":     ("DWS",       "",          "",         ""),
    "deny":      ("DWS",       "",          "",         ""),
    "suspend":   ("DW",        "DW",        "",         ""),
    "resume":    ("S",         "S",         "",         ""),
    "merge":     ("PADWS",     "",          "",         "PADWS"),
    "answer":    ("",          "W",         "",         ""),
    "close":     ("R",         "",          "",         ""),
    "call":      ("C",         "",          "C",        "C"),
    "called":    ("C",         "",          "C",        "C"),
    "follow_up": ("C",         "",          "C",        "C"),
    "redo":      ("F",         "",          "",         "F"),
    "spare":     ("PADWSRCFXM", "PADWSRCFXM", "PADWSRCFXM", "PADWSRCFXM"),
    "unspare":   ("PADWSRCFXM", "",          "",         ""),
    "note":      ("PADWSRCFXM", "PADWSRCFXM", "PADWSRCFXM", "PADWSRCFXM"),
    "hold":      ("PADWSRCFXM", "",          "",         ""),
    "release":   ("PADWSRCFXM", "",          "",         ""),
    "open":      ("",          "",          "",         ""),
}  # fmt: skip


@pytest.mark.parametrize("move", Move)
def test_every_cell(move: Move) -> None:
    for office, letters in zip(Office, TABLE[move], strict=True):
        for letter, state in LETTERS.items():
            assert permits(office, move, state) is (letter in letters), (office, state)


def test_the_table_of_this_test_is_whole() -> None:
    assert set(TABLE) == set(Move)
    assert set(LETTERS.values()) == set(State)


def grown(*deeds: Deed) -> Case:
    """The case after these deeds, a minute each."""
    case = told(FILED, [Event(1, NOON, Move.OPEN, "热线", Office.LINE)])
    for minute, deed in enumerate(deeds, start=1):
        event = event_of(case, deed, NOON + timedelta(minutes=minute))
        case = told(FILED, [*case.events, event])
    return case


def lead(move: str, **given: object) -> Deed:
    return Deed(Move(move), "王敏", LEADER, **given)


def handle(move: str, by: str = "李强", **given: object) -> Deed:
    return Deed(Move(move), by, HANDLER, **given)


ASSIGNED = (lead("accept"), lead("assign", handler="李强"))
CLOSED = (*ASSIGNED, handle("take"), handle("answer", text="已补缴"), lead("close"))


def test_the_whole_way_to_the_caller_who_is_content() -> None:
    case = grown(*CLOSED, Deed(Move.FOLLOW_UP, "赵静", AGENT, content="content"))
    assert case.state is State.FOLLOWED_UP
    assert (case.handler, case.answer, case.content) == ("李强", "已补缴", "content")
    assert possible(case, "王敏", LEADER) == (
        Move.NOTE,
        Move.HOLD,
        Move.SPARE,
    ), "who is content needs no 重办"


def test_discontent_leads_back_to_the_same_handler() -> None:
    case = grown(*CLOSED, lead("follow_up", content="discontent"), lead("redo", text="回访不满意"))
    assert (case.state, case.handler, case.reopened) == (State.ASSIGNED, "李强", 1)


def test_a_case_that_comes_back_is_anybodys() -> None:
    case = grown(*ASSIGNED, handle("return", text="不是我的业务"))
    assert (case.state, case.handler) == (State.ACCEPTED, "")
    assert Move.TAKE in possible(case, "周红", HANDLER)


def test_the_case_of_another_is_not_ones_own() -> None:
    case = grown(*ASSIGNED)
    assert possible(case, "周红", HANDLER) == (Move.NOTE, Move.SPARE)
    with pytest.raises(Refused, match="李强"):
        event_of(case, handle("take", by="周红"), NOON)
    assert grown(
        *ASSIGNED, lead("reassign", handler="周红"), handle("take", by="周红")
    ).handler == ("周红")


def test_an_extension_is_asked_for_once_and_decided_by_another() -> None:
    asked = grown(*ASSIGNED, handle("ask", days=3, text="等银行回函"))
    assert Move.ASK not in possible(asked, "李强", HANDLER)
    assert Move.GRANT not in possible(asked, "李强", HANDLER)
    assert {Move.GRANT, Move.DENY} <= set(possible(asked, "王敏", LEADER))
    assert grown(*ASSIGNED, handle("ask", days=3, text="等"), lead("grant")).extra_days == 3
    denied = grown(*ASSIGNED, handle("ask", days=3, text="等"), lead("deny", text="不必"))
    assert (denied.extra_days, denied.asked_days) == (0, 0)
    assert Move.GRANT not in possible(grown(*ASSIGNED), "王敏", LEADER), "nobody has asked"


@pytest.mark.parametrize("first", [(), (handle("take"),)])
def test_what_was_suspended_goes_on_where_it_was(first: tuple[Deed, ...]) -> None:
    before = grown(*ASSIGNED, *first)
    suspended = (*ASSIGNED, *first, handle("suspend", text="等来电人补材料"))
    assert grown(*suspended).state is State.SUSPENDED
    assert grown(*suspended, handle("resume")).state is before.state
    assert grown(*suspended, lead("reassign", handler="周红")).state is State.ASSIGNED


@pytest.mark.parametrize(
    ("deeds", "deed"),
    [
        ((), lead("reject")),
        ((), lead("reject", text="  ")),
        ((lead("accept"),), lead("assign")),
        (ASSIGNED, handle("return")),
        (ASSIGNED, handle("ask", text="等")),
        (ASSIGNED, handle("ask", text="等", days=61)),
        (ASSIGNED, handle("suspend")),
        ((), lead("merge")),
        ((), lead("merge", number=FILED.number)),
        ((*ASSIGNED, handle("take")), handle("answer")),
        (CLOSED, lead("follow_up", content="maybe")),
        ((), lead("note", text="他的证件号是11010519491231002X")),
        ((), lead("note", text="回电13800138000")),
        ((), lead("note", text="长" * 4001)),
        ((), lead("hold")),
        ((), lead("release", text="没有保全过")),
        ((lead("hold", text="诉讼"),), lead("hold", text="又一次")),
        ((lead("hold", text="诉讼"),), lead("release")),
    ],
)
def test_what_a_move_cannot_do_without(deeds: tuple[Deed, ...], deed: Deed) -> None:
    case = grown(*deeds)
    with pytest.raises(Refused):
        event_of(case, deed, NOON)


def test_who_holds_two_offices_may_what_either_may() -> None:
    both = LEADER | HANDLER
    case = told(FILED, [Event(1, NOON, Move.OPEN, "热线", Office.LINE)])
    event = event_of(case, Deed(Move.ACCEPT, "王敏", both), NOON)
    assert event.office is Office.LEADER
    assert set(possible(grown(lead("accept")), "王敏", both)) >= {Move.ASSIGN, Move.TAKE}


def test_every_move_and_state_has_its_words() -> None:
    words = [each.words for each in (*Move, *State)]
    assert all(words)
    assert set(RULES) == set(Move) - {Move.OPEN}
