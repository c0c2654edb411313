"""Rather than wait: a number keyed, heard again and confirmed; and the question after a talk."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.agents.wishes import Wish, Wishes
from ivr.calls.asked import Asked
from ivr.calls.calling_back import may_be_called_back
from ivr.config import DiallingSettings, Settings
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.records.facts import CallbackWished, Contented, Fact, Step
from ivr.speech.prompts import PromptSet
from tests import test_conversations
from tests.scripted import written
from tests.virtual import run

ASKED = """
PHONES 6001 6002
IVR main.greeting
IVR main.menu
KEY 0
IVR agent.transferring
IVR agent.waiting_hint
RINGS 6001
BUSY 6001
RINGS 6002
BUSY 6002
CUT queue.next queue.keys
KEY 1
IVR callback.ask
"""
CONFIRM = "IVR callback.number callback.confirm\n"
KEPT = "KEY 1\nIVR callback.kept\nIVR main.menu\nHANGUP\n"


class Book(Wishes):
    """On the disk, without a thread: virtual time has none."""

    async def leave(self, number: Sensitive[str], **told: Any) -> bool:
        now: datetime = told.pop("now")
        person = self._tokens.caller(number.reveal())
        return self.keep(
            Wish(person, told["since"], told["standing"], told["session"], now), number
        )


@pytest.fixture
def book(tmp_path: Path) -> Book:
    keys = Keys(b"k" * 32, b"v" * 32)
    return Book(tmp_path / "callbacks.jsonl", Vault(tmp_path / "vault.sqlite", keys), Tokens(keys))


@pytest.fixture
def told(
    prompt_set: PromptSet, settings: Settings, book: Book, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Hold a conversation on a line that may call out; its facts."""
    dialling = DiallingSettings(trunk="carrier")
    calling = settings.model_copy(update={"dialling": dialling})
    staged = test_conversations.on_stage

    def on_stage(prompts: PromptSet, given: Settings, facts: list[Fact]) -> Any:
        call = staged(prompts, given, facts)
        call.means = replace(call.means, wishes=book)
        return call

    monkeypatch.setattr(test_conversations, "on_stage", on_stage)

    def tell(script: str) -> list[Fact]:
        return run(lambda: test_conversations.hold(written(script), prompt_set, calling))[1]

    return tell


@pytest.mark.parametrize(
    ("dialling", "offers"),
    [
        ({"trunk": "carrier"}, True),
        ({}, False),
        ({"trunk": "carrier", "callbacks": False}, False),
    ],
    ids=["a line that may call out", "one that may not", "switched off"],
)
def test_nobody_is_promised_a_call_that_nobody_makes(
    prompt_set: PromptSet,
    settings: Settings,
    book: Book,
    dialling: dict[str, Any],
    offers: bool,
) -> None:
    calling = settings.model_copy(update={"dialling": DiallingSettings(**dialling)})

    async def offered() -> bool:
        call = test_conversations.on_stage(prompt_set, calling, [])
        call.means = replace(call.means, wishes=book)
        return may_be_called_back(call)

    assert run(offered) is offers


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ("13800138000", "13800138000"),
        ("05718888666#", "05718888666"),
        ("01088886666#", "01088886666"),
    ],
)
def test_a_number_of_this_country_is_kept_when_it_is_confirmed(
    told: Any, book: Book, keys: str, number: str
) -> None:
    facts = told(f"{ASKED}KEY {keys}\n{CONFIRM}{KEPT}")
    (wish,) = book.open()
    assert book.number(wish) == Sensitive(number)
    assert wish.standing == "usual"
    assert [f.person for f in facts if isinstance(f, CallbackWished)] == [wish.person]
    assert number not in repr(facts)
    assert {f.key for f in facts if isinstance(f, Step) and f.prompt == "callback.ask"} == {None}


@pytest.mark.parametrize("keys", ["008613800138000#", "110#", "12329#", "4008108888#", "88886666#"])
def test_what_may_not_be_dialled_is_refused_at_once(told: Any, book: Book, keys: str) -> None:
    told(f"{ASKED}KEY {keys}\nIVR callback.wrong\nIVR callback.ask\nKEY *\nIVR main.menu\nHANGUP\n")
    assert not book.all()


def test_a_vault_that_refuses_is_said_and_ends_no_call(
    told: Any, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Vault, "keep", full)
    told(
        f"{ASKED}KEY 13800138000\n{CONFIRM}KEY 1\nIVR callback.cannot_keep\nIVR main.menu\nHANGUP\n"
    )
    assert not book.all()


def test_a_wrong_number_is_keyed_again_and_a_second_wish_is_the_first(
    told: Any, book: Book
) -> None:
    told(
        f"{ASKED}KEY 13800138009\n{CONFIRM}KEY 2\nIVR callback.ask\n"
        f"KEY 13800138000\n{CONFIRM}{KEPT}"
    )
    (wish,) = book.open()
    told(f"{ASKED}KEY 13800138000\n{CONFIRM}KEY 1\nIVR callback.known\nIVR main.menu\nHANGUP\n")
    assert book.open() == (wish,)


def test_who_turns_back_has_the_old_place_when_asking_again(told: Any, book: Book) -> None:
    told(
        f"{ASKED}KEY *\nIVR main.menu\nKEY 0\nRINGS 6001\nBUSY 6001\nRINGS 6002\n"
        "BUSY 6002\nIVR queue.next queue.keys\nKEY *\n"
        "IVR main.menu\nHANGUP\n"
    )
    assert not book.all()


def test_contentment_is_tied_to_the_agent_and_the_call(told: Any) -> None:
    path = Path(test_conversations.__file__).parent / "conversations" / "agent_contentment.txt"
    facts = told(path.read_text(encoding="utf-8"))
    assert [fact for fact in facts if isinstance(fact, Contented)] == [
        Contented(session="s", agent="一号坐席", caller=None, person=None, choice=2)
    ]


@pytest.mark.parametrize(("then", "choice"), [("KEY *", 0), ("WAIT 30", None), ("HANGUP", None)])
def test_whatever_comes_of_the_question_it_was_asked(
    told: Any, then: str, choice: int | None
) -> None:
    goes_on = "" if then == "HANGUP" else "IVR agent.ended\nIVR main.menu\nHANGUP\n"
    facts = told(
        "PHONES 6001\nIVR main.greeting\nIVR main.menu\nKEY 0\nIVR agent.transferring\n"
        "IVR agent.waiting_hint\nRINGS 6001\nANSWERS 6001\nLEAVES 6001\n"
        f"IVR contentment.menu\n{then}\n{goes_on}"
    )
    assert [fact.choice for fact in facts if isinstance(fact, Contented)] == [choice]


def test_nobody_is_asked_twice_a_day_by_any_token() -> None:
    asked, today = Asked(), datetime(2026, 11, 27).date()  # noqa: DTZ001  a day
    asked.add(today, ("s1", "caller", None))
    assert asked.knows(today, ("s2", "caller", "person"))
    assert not asked.knows(today, ("s2", None, None))
    assert not asked.knows(today.replace(day=28), ("s1", "caller", None))
