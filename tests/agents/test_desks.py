"""Who is free for a caller: states, skills, order, time, and what a next service knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.agents.book import FILE, Book
from ivr.agents.desks import Desks, Moved, Remembered
from ivr.agents.notes import Talked
from ivr.agents.presence import UNWRITTEN, Event, Presence, State
from ivr.config import Agent, AgentsSettings

BEGAN = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
PHONES = (
    Agent(name="甲", extension="6001", skills=("loan",)),
    Agent(name="乙", extension="6002", skills=("account", "complaint")),
    Agent(name="丙", extension="6003"),
)
ALL = frozenset({"6001", "6002", "6003"})


class Office:
    """Desks with a clock of their own; everything that they tell is kept."""

    def __init__(self, *before: Remembered, **settings: object) -> None:
        self.seconds = 1000.0
        self.told: list[Moved] = []
        self.woken = 0
        self.desks = Desks(
            AgentsSettings(**{"phones": PHONES, **settings}),  # type: ignore[arg-type]
            lambda: self.seconds,
            self.told.append,
            lambda: BEGAN + timedelta(seconds=self.seconds - 1000.0),
            self.wake,
        )
        self.desks.remember(before)

    def wake(self) -> None:
        self.woken += 1

    def talks(self, agent: Agent, seconds: float, talked: Talked | None = None) -> None:
        with self.desks.talks(agent, talked):
            self.seconds += seconds
        self.desks.hung_up(agent)

    def states(self) -> list[str]:
        return [str(state) for _, state, _ in self.desks.states(ALL)]

    def present(self, skill: str | None = None) -> str:
        return "".join(agent.name for agent in self.desks.present(ALL, skill))  # type: ignore[arg-type]


FIRST, SECOND, THIRD = PHONES


def test_without_sign_in_every_registered_phone_is_on_duty() -> None:
    office = Office()
    assert office.present() == "甲乙丙"
    assert [agent.name for agent in office.desks.present(frozenset({"6003"}))] == ["丙"]
    assert office.states() == ["free"] * 3


def test_with_sign_in_nobody_is_there_who_has_not_signed_in() -> None:
    office = Office(sign_in=True)
    assert office.present() == ""
    assert office.states() == ["signed_out"] * 3
    office.desks.wishes(SECOND, Event.SIGN_IN, "phone")
    assert office.present() == "乙"
    assert office.woken == 1, "who waits hears of it"
    office.desks.wishes(SECOND, Event.SIGN_OUT, "console")
    assert office.present() == ""
    assert [(each.now.state, each.by) for each in office.told] == [
        ("free", "phone"),
        ("signed_out", "console"),
    ]


def test_who_signs_out_while_talking_is_gone_afterwards() -> None:
    office = Office(sign_in=True)
    office.desks.wishes(FIRST, Event.SIGN_IN, "phone")
    with office.desks.talks(FIRST):
        assert office.desks.wishes(FIRST, Event.SIGN_OUT, "phone").state is State.TALKING
        assert office.present() == "甲"
    office.desks.hung_up(FIRST)
    assert office.states()[0] == "signed_out"


def test_after_call_work_takes_its_time_and_no_caller() -> None:
    office = Office(after_call_seconds=30)
    office.talks(FIRST, 60)
    assert office.states()[0] == "wrap_up"
    assert office.desks.is_engaged(FIRST)
    assert not office.desks.may_come(FIRST)
    assert office.present("loan") == "甲丙", "who is nearly ready is worth waiting for"
    office.seconds += 29
    assert office.states()[0] == "wrap_up"
    office.seconds += 1
    assert office.states()[0] == "free"
    assert [each.seconds for each in office.told] == [None, 60, 30]


def test_after_call_work_that_is_done_early() -> None:
    office = Office(after_call_seconds=30)
    office.talks(FIRST, 60)
    office.desks.wishes(FIRST, Event.READY, "console")
    assert office.states()[0] == "free"
    office.seconds += 60
    assert office.states()[0] == "free"
    assert len(office.told) == 3


# --- what is written after a call -----------------------------------------------------------------

CALL = Talked("agent.6001.aaaa.c1", "s1")
MUST = {"notes_required": True, "notes_longest_seconds": 300.0, "after_call_seconds": 30}


def test_after_call_work_lasts_until_the_note_is_written_that_must_be() -> None:
    office = Office(**MUST)
    office.talks(FIRST, 60, CALL)
    office.seconds += 299
    assert office.states()[0] == "wrap_up"
    assert office.desks.owes(FIRST) == CALL
    office.desks.noted("agent.6002.bbbb.c1")
    assert office.states()[0] == "wrap_up", "another's note"
    office.desks.noted(CALL.talk)
    assert (office.states()[0], office.desks.owes(FIRST)) == ("free", None)


def test_a_note_that_must_be_written_gives_after_call_work_a_time_where_there_was_none() -> None:
    office = Office(**{**MUST, "after_call_seconds": 0})
    office.talks(FIRST, 60, CALL)
    assert office.states()[0] == "wrap_up"
    office.talks(SECOND, 60)
    assert office.states()[1] == "free", "nothing to write about"


def test_who_does_not_write_for_too_long_is_not_ready_and_keeps_nobody_waiting() -> None:
    office = Office(**MUST)
    office.talks(FIRST, 60, CALL)
    assert "甲" in office.present("loan")
    office.seconds += 300
    assert office.states()[0] == "not_ready"
    assert office.desks.of(FIRST).reason == UNWRITTEN
    assert "甲" not in office.present("loan"), "no caller waits for who does not write"
    office.desks.noted(CALL.talk)
    assert office.desks.owes(FIRST) is None
    assert office.told[-1].talked is None, "a next service knows that it is written"
    assert office.states()[0] == "not_ready", "the agent says when to go on"


def test_a_note_that_may_be_written_ends_after_call_work_early() -> None:
    office = Office(after_call_seconds=30)
    office.talks(FIRST, 60, CALL)
    assert office.desks.owes(FIRST) is None
    office.desks.noted(CALL.talk)
    assert office.states()[0] == "free"
    office.talks(FIRST, 60, CALL)
    office.seconds += 30
    assert office.states()[0] == "free", "and nobody must"


def test_a_wish_for_the_end_of_a_call_waits_for_its_note() -> None:
    office = Office(**MUST)
    with office.desks.talks(FIRST, CALL):
        office.desks.wishes(FIRST, Event.NOT_READY, "console", "会议")
    office.desks.hung_up(FIRST)
    assert office.states()[0] == "wrap_up"
    office.desks.noted(CALL.talk)
    assert office.desks.of(FIRST) == Presence(State.NOT_READY, "会议")


def test_who_answered_nobody_has_nothing_to_write() -> None:
    office = Office(**{**MUST, "after_call_seconds": 0})
    with office.desks.talks(FIRST, CALL):
        office.seconds += 1
    office.desks.missed(FIRST)
    assert office.states()[0] == "free"
    assert not [each for each in office.told if each.ends_a_talk]


def test_notes_that_must_be_written_no_more_end_as_they_would_have() -> None:
    office = Office(**MUST)
    office.talks(FIRST, 60, CALL)
    office.seconds += 29
    office.desks.adopt(AgentsSettings(phones=PHONES, after_call_seconds=30))
    assert office.states()[0] == "wrap_up"
    office.seconds += 1
    assert office.states()[0] == "free"


def test_a_next_service_knows_what_is_still_to_be_written(book: Book, tmp_path: Path) -> None:
    office = Office(**MUST)
    office.talks(FIRST, 60, CALL)
    for moved in office.told:
        book.keep(kept_by(moved))
    book.close()
    (held,) = Book(tmp_path).last()
    assert held.talked == CALL
    later = Office(held, **MUST)
    assert later.desks.owes(FIRST) == CALL
    later.desks.noted(CALL.talk)
    assert later.states()[0] == "free"


def test_who_is_not_ready_says_why_and_is_not_rung() -> None:
    office = Office()
    office.desks.wishes(FIRST, Event.NOT_READY, "console", "休息")
    assert (office.states()[0], office.present()) == ("not_ready", "乙丙")
    office.seconds += 60
    office.desks.wishes(FIRST, Event.NOT_READY, "console", "会议")
    office.desks.wishes(FIRST, Event.READY, "phone")
    assert [(each.before.reason, each.now.reason, each.seconds) for each in office.told] == [
        ("", "休息", None),
        ("休息", "会议", 60),
        ("会议", "", 0),
    ]


@pytest.mark.parametrize(
    ("skill", "found"),
    [("loan", "甲丙"), ("account", "乙丙"), ("complaint", "乙丙"), ("information", "丙"),
     (None, "甲乙丙")],
)  # fmt: skip
def test_callers_are_given_to_those_who_know_about_it(skill: str | None, found: str) -> None:
    assert Office().present(skill) == found


def test_where_nobody_is_there_who_knows_everybody_else_will_do() -> None:
    office = Office(phones=PHONES[:2])
    assert office.present("information") == "甲乙"
    office.desks.wishes(FIRST, Event.NOT_READY, "console", "休息")
    assert office.present("loan") == "乙", "better a colleague than nobody"


def test_longest_idle_first_counts_from_the_moment_they_became_free() -> None:
    office = Office(strategy="longest_idle")
    for agent in (THIRD, FIRST, SECOND):
        office.talks(agent, 10)
    assert [agent.name for agent in office.desks.in_order(PHONES)] == ["丙", "甲", "乙"]
    office.desks.wishes(THIRD, Event.NOT_READY, "console", "休息")
    office.seconds += 10
    office.desks.wishes(THIRD, Event.READY, "console")
    assert [agent.name for agent in office.desks.in_order(PHONES)] == ["甲", "乙", "丙"]


@pytest.mark.parametrize("sign_in", [True, False])
def test_who_does_not_answer_twice_is_away(*, sign_in: bool) -> None:
    """Where people sign in, until they come back; where nobody does, for a while."""
    office = Office(sign_in=sign_in, passed_over_seconds=300)
    office.desks.wishes(FIRST, Event.SIGN_IN, "phone")
    office.desks.rang_out(FIRST)
    assert office.states()[0] == "free"
    office.desks.rang_out(FIRST)
    assert office.states()[0] == "away"
    assert office.desks.away() == ((FIRST, None if sign_in else 300),)
    office.seconds += 300
    assert office.states()[0] == ("away" if sign_in else "free")
    office.desks.wishes(FIRST, Event.READY, "console")
    assert office.states()[0] == "free"
    office.desks.rang_out(FIRST)
    assert office.states()[0] == ("free"), "who has come back begins anew"


def test_a_ringing_phone_is_not_rung_twice_and_a_wish_counts_at_once() -> None:
    office = Office()
    office.desks.rings(FIRST)
    assert (office.states()[0], office.desks.is_free(FIRST)) == ("ringing", False)
    assert office.desks.may_come(FIRST)
    office.desks.wishes(FIRST, Event.NOT_READY, "phone", "休息")
    office.desks.rings_no_more(FIRST)
    assert not office.desks.may_come(FIRST)


def test_a_conversation_that_is_lost_without_a_word_ends_for_the_agent() -> None:
    """The link to Asterisk was down when it ended: nobody told us."""
    office = Office()
    with office.desks.talks(FIRST):
        pass  # suspended: the call is not settled
    assert office.states()[0] == "talking"
    office.desks.found_talking(["6001"])
    assert office.states()[0] == "talking"
    office.desks.found_talking([])
    assert office.states()[0] == "free"


def test_settings_that_change_leave_agents_as_they_are() -> None:
    office = Office()
    office.desks.wishes(FIRST, Event.NOT_READY, "phone", "休息")
    office.desks.wishes(SECOND, Event.NOT_READY, "phone", "休息")
    office.desks.adopt(AgentsSettings(phones=PHONES[:1]))
    assert office.states() == ["not_ready"]
    office.desks.adopt(AgentsSettings(phones=PHONES))
    assert office.states() == ["not_ready", "free", "free"]


def test_where_nobody_signs_in_any_more_everybody_is_there() -> None:
    office = Office(sign_in=True)
    office.desks.wishes(FIRST, Event.SIGN_IN, "phone")
    office.desks.wishes(FIRST, Event.SIGN_OUT, "phone")
    office.desks.adopt(AgentsSettings(phones=PHONES))
    assert office.present() == "甲乙丙"


# --- what outlives the service ---------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    kept = Book(tmp_path)
    yield kept
    kept.close()


def kept_by(moved: Moved) -> Remembered:
    return Remembered(moved.agent.extension, moved.now, moved.since, moved.talked)


def test_a_next_service_knows_how_everybody_was(book: Book, tmp_path: Path) -> None:
    office = Office(sign_in=True, after_call_seconds=60, strategy="longest_idle")
    for agent in PHONES:
        office.desks.wishes(agent, Event.SIGN_IN, "phone")
        office.seconds += 100
    office.desks.wishes(SECOND, Event.NOT_READY, "phone", "会议")
    office.talks(THIRD, 20)
    for moved in office.told:
        book.keep(kept_by(moved))
    book.close()
    again = Book(tmp_path)
    office.seconds += 40
    held = again.last()
    later = Office(*held, sign_in=True, after_call_seconds=60)
    later.seconds = 5000.0
    later.desks.now = lambda: BEGAN + timedelta(seconds=360)
    later.desks.remember(held)
    assert later.states() == ["free", "not_ready", "wrap_up"]
    assert later.desks.of(SECOND).reason == "会议"
    assert later.desks.states(ALL)[0][2] == 5000.0 - 360
    later.seconds += 20
    assert later.states()[2] == "free", "after-call work goes on where it was"
    again.close()


def test_who_talked_when_the_service_was_killed_is_free_once_nobody_is_found(book: Book) -> None:
    before = Remembered("6001", Presence(State.TALKING, "休息", State.NOT_READY), BEGAN)
    office = Office(before)
    assert not office.desks.may_come(FIRST), "perhaps they talk still"
    office.desks.found_talking([])
    assert office.desks.of(FIRST) == Presence(State.NOT_READY, "休息")


def test_a_torn_line_costs_one_change_and_nothing_else(book: Book, tmp_path: Path) -> None:
    book.keep(Remembered("6001", Presence(State.NOT_READY, "休息"), BEGAN))
    book.keep(Remembered("6002", Presence(State.AWAY), BEGAN))
    book.keep(Remembered("6001", Presence(), BEGAN + timedelta(seconds=5)))
    book.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    again = Book(tmp_path)
    held = {each.extension: each.presence.state for each in again.taken_over()}
    assert held == {"6001": State.NOT_READY, "6002": State.AWAY}
    assert len(path.read_bytes().splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    again.keep(Remembered("6002", Presence(), BEGAN))
    again.close()
    assert len(path.read_bytes().splitlines()) == 3
