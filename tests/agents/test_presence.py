"""Every event in every state of an agent: what it leads to, cell by cell."""

from __future__ import annotations

import itertools

import pytest

from ivr.agents.presence import CUT_OFF, WISHES, Event, Presence, State, after

TABLE = """
event       free        talking        wrap_up     not_ready   away        signed_out
sign_in     free        talk>free   free        free        free        free
ready       free        talk>free   free        free        free        signed_out
not_ready   not_ready   talk>not_ready not_ready not_ready  not_ready   signed_out
sign_out    signed_out  talk>signed_out signed_out signed_out signed_out signed_out
answered    talk>free talk>free  talk>free talk>not_ready talk>free talk>signed_out
hung_up     free        wrap_up>free   wrap_up>free not_ready  away        signed_out
vanished    free        talk>away   wrap_up>free not_ready  away        signed_out
wrapped_up  free        talk>free   free        not_ready   away        signed_out
neglected   free        talk>free   not_ready   not_ready   away        signed_out
unanswered  away        talk>free   wrap_up>free not_ready  away        signed_out
back        free        talk>free   wrap_up>free not_ready  free        signed_out
"""
(_, *STATES), *ROWS = (line.split() for line in TABLE.strip().splitlines())
CELLS = [
    (before, row[0], expected)
    for row in ROWS
    for before, expected in zip(STATES, row[1:], strict=True)
]


def test_the_table_has_every_cell() -> None:
    assert {(state, event) for state, event, _ in CELLS} == set(itertools.product(State, Event))


@pytest.mark.parametrize(("before", "event", "expected"), CELLS, ids=str)
def test_cell(before: str, event: str, expected: str) -> None:
    reason = "休息" if before == "not_ready" else ""
    found = after(Presence(State(before), reason), Event(event), reason="培训", wraps_up=True)
    state, _, then = expected.replace("talk>", "talking>").partition(">")
    assert (found.state, found.then) == (State(state), State(then or "free"))
    if "not_ready" in expected:
        gives_one = event == "not_ready" or (before, event) == ("wrap_up", "neglected")
        assert found.reason == ("培训" if gives_one else "休息")
    else:
        assert found.reason == (CUT_OFF if expected == "talk>away" else "")


@pytest.mark.parametrize("wraps_up", [True, False])
@pytest.mark.parametrize(
    ("wish", "end"),
    [
        (Event.READY, State.FREE),
        (Event.NOT_READY, State.NOT_READY),
        (Event.SIGN_OUT, State.SIGNED_OUT),
    ],
)
def test_a_wish_while_talking_is_kept_for_the_end(
    wish: Event, end: State, *, wraps_up: bool
) -> None:
    talking = after(after(Presence(), Event.ANSWERED), wish, reason="会议")
    over = after(talking, Event.HUNG_UP, wraps_up=wraps_up)
    if wraps_up and end is not State.SIGNED_OUT:
        assert over.state is State.WRAP_UP
        over = after(over, Event.WRAPPED_UP)
    assert over == Presence(end, "会议" if end is State.NOT_READY else "")


@pytest.mark.parametrize("wraps_up", [True, False])
def test_whose_phone_vanishes_is_away_and_not_at_work(*, wraps_up: bool) -> None:
    """But for who wanted to go anyway."""
    gone = after(after(Presence(), Event.ANSWERED), Event.VANISHED)
    assert after(gone, Event.HUNG_UP, wraps_up=wraps_up) == Presence(State.AWAY, CUT_OFF)
    back = after(Presence(State.AWAY, CUT_OFF), Event.SIGN_IN)
    assert back == Presence(State.FREE)
    goes = after(after(Presence(), Event.ANSWERED), Event.SIGN_OUT)
    left = after(after(goes, Event.VANISHED), Event.HUNG_UP, wraps_up=wraps_up)
    assert left == Presence(State.SIGNED_OUT)


def test_the_last_wish_while_talking_counts() -> None:
    talking = after(Presence(), Event.ANSWERED)
    for wish in (Event.NOT_READY, Event.SIGN_OUT, Event.READY):
        talking = after(talking, wish, reason="会议")
    assert after(talking, Event.HUNG_UP) == Presence(State.FREE)


def test_who_answers_while_not_ready_is_not_ready_afterwards() -> None:
    """Rung for a colleague, or in the moment of the wish."""
    talking = after(Presence(State.NOT_READY, "休息"), Event.ANSWERED)
    assert after(talking, Event.HUNG_UP) == Presence(State.NOT_READY, "休息")


def test_only_who_is_free_may_be_rung() -> None:
    assert [state for state in State if Presence(state).may_be_rung] == [State.FREE]


def test_every_state_and_wish_has_its_words() -> None:
    assert [state.words for state in State] == ["空闲", "通话", "整理", "示忙", "离开", "离线"]
    assert len(set(WISHES.values())) == len(WISHES)
