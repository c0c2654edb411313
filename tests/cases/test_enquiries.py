"""Who is told of a case by telephone, and what: with a real register and a real vault."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ivr.cases.case import Filed
from ivr.cases.enquiries import Answer, NotThatPair, RegisterEnquiries, Standing, Unanswered
from ivr.cases.late import LateRegister
from ivr.cases.moves import Deed, Move, Office, State
from ivr.cases.numbers import numbered
from ivr.cases.register import Register
from ivr.config import Settings
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.vault import Vault

FILED_AT = datetime(2026, 11, 24, 2, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
PERSON, CALLER = "99010220001212012X", "13800138000"
ALL = frozenset({Office.LEADER, Office.HANDLER, Office.AGENT})
COMPLAINT, OTHER, MESSAGE, NOBODYS = (numbered(1, n) for n in range(1, 5))


@dataclass
class Centre:
    register: Register
    enquiries: RegisterEnquiries
    now: datetime = NOW

    def ask(self, number: str, tail: str) -> Answer:
        return asyncio.run(self.enquiries.ask(number, Sensitive(tail)))

    def standing(self, number: str = COMPLAINT, tail: str = "012X") -> Standing:
        answer = self.ask(number, tail)
        assert isinstance(answer, Standing), answer
        return answer

    def act(self, move: Move, **given: object) -> None:
        deed = Deed(move, "王敏", ALL, **given)  # type: ignore[arg-type]
        self.register.act(COMPLAINT, deed)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    settings = Settings(home=tmp_path)
    vault = Vault(tmp_path / "vault.sqlite", Keys(b"k" * 32, b"v" * 32))
    vault.keep("person", Sensitive(PERSON))
    vault.keep("caller", Sensitive(CALLER))
    register = Register.of(settings)
    complaint = Filed(COMPLAINT, "complaint", "s", "person", FILED_AT, "x.wav", 1, "0", "caller")
    register.enter(complaint)
    register.enter(replace(complaint, number=OTHER))
    register.enter(replace(complaint, number=MESSAGE, kind="message", person=None))
    register.enter(replace(complaint, number=NOBODYS, kind="message", person=None, caller=None))
    late = LateRegister(settings)
    made = Centre(register, RegisterEnquiries(late, vault, lambda: made.now))
    yield made
    late.close()
    register.cases.close()


def test_a_complaint_is_told_to_who_knows_the_end_of_the_id_number(centre: Centre) -> None:
    assert centre.standing().state is State.PENDING
    assert centre.standing().filed == date(2026, 11, 24)
    assert centre.standing(tail="012x").state is State.PENDING
    for wrong in ("0120", "8000", "", "012", "X210"):
        assert centre.ask(COMPLAINT, wrong) == NotThatPair()


def test_a_message_is_told_to_who_knows_the_end_of_the_number_it_was_left_from(
    centre: Centre,
) -> None:
    assert centre.standing(MESSAGE, "8000").state is State.PENDING
    assert centre.ask(MESSAGE, "012X") == NotThatPair()


def test_what_nobody_can_prove_and_what_is_not_there_are_the_same_answer(centre: Centre) -> None:
    for tail in ("", "8000", "012X", "0000"):
        assert centre.ask(NOBODYS, tail) == NotThatPair()
        assert centre.ask(numbered(1, 99), tail) == NotThatPair()


def test_a_person_who_was_forgotten_is_told_nothing(centre: Centre) -> None:
    centre.enquiries.vault.let_go("person")
    assert centre.ask(COMPLAINT, "012X") == NotThatPair()


def test_each_state_with_its_day_and_its_term(centre: Centre) -> None:
    told = [centre.standing()]
    for move, given in (
        (Move.ACCEPT, {}),
        (Move.ASSIGN, {"handler": "王敏"}),
        (Move.TAKE, {}),
        (Move.NOTE, {"text": "已联系"}),
        (Move.SUSPEND, {"text": "等银行"}),
        (Move.RESUME, {}),
        (Move.ANSWER, {"text": "已更正"}),
        (Move.CLOSE, {}),
        (Move.FOLLOW_UP, {"content": "discontent"}),
        (Move.REDO, {"text": "没有到账"}),
    ):
        centre.act(move, **given)
        told.append(centre.standing())
    assert [each.state.value for each in told] == [
        *("pending", "accepted", "assigned", "working", "working", "suspended", "working"),
        *("answered", "closed", "followed_up", "assigned"),
    ]
    assert [each.due is None for each in told] == [
        each.state in (State.SUSPENDED, State.FOLLOWED_UP) for each in told
    ]
    assert [each.reopened for each in told] == [False] * 10 + [True]


def test_a_term_that_is_past_is_not_told(centre: Centre) -> None:
    assert centre.standing().due is not None
    centre.now += timedelta(days=30)
    assert centre.standing().due is None


def test_of_a_merged_case_the_main_cases_state_is_told(centre: Centre) -> None:
    centre.act(Move.MERGE, number=OTHER)
    standing = centre.standing()
    assert (standing.state, standing.merged) == (State.PENDING, True)
    centre.register.act(OTHER, Deed(Move.ACCEPT, "王敏", ALL))
    assert centre.standing().state is State.ACCEPTED
    assert centre.ask(COMPLAINT, "0000") == NotThatPair()


def test_a_database_that_is_away_is_told_as_that(centre: Centre, tmp_path: Path) -> None:
    (tmp_path / "vault.sqlite").write_bytes(b"no database at all")
    assert centre.ask(COMPLAINT, "012X") == Unanswered()
