"""话术 beside what callers make of them: heard, cut short, and what came then."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest

from analytics.answering.asking import opened
from analytics.answering.course import following
from analytics.answering.questioning import Days
from analytics.loading.store import FactsFolder
from console.pages import words
from console.rights import Role
from ivr.config import Settings
from tests.console.visiting import Console

DAY = date(2026, 11, 24)


def test_what_comes_after_each_sentence(published: Settings) -> None:
    with opened(FactsFolder(published.home).published) as facts:
        found = following(facts, Days(DAY, DAY), most=9).records()
    told = {(e["prompt"], e["following"]): (e["times"], e["percent"]) for e in found}
    assert told["identity.ask", "account.readout"] == (6, 75.0), "six balances of eight entries"
    assert told["identity.ask", None] == (2, 25.0)
    assert told["nav.replay_or_back", "main.menu"] == (2, 25.0), "two come back from their loan"
    assert told["main.menu", "main.menu"] == (2, 11.1), "two wrong keys"
    whole: dict[str, float] = {}
    for each in found:
        whole[each["prompt"]] = whole.get(each["prompt"], 0.0) + float(each["percent"])
    assert all(abs(each - 100) < 1 for each in whole.values())


def test_it_stands_beside_the_sentence(
    published: Settings, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2026, 11, 25, 9, tzinfo=tz)  # type: ignore[arg-type]

    monkeypatch.setattr(words, "datetime", Then)
    told = json.loads(console.signed_in("编辑", Role.EDITOR).get("/words/usage").text)
    assert told["said"]["main.menu"]["played"] > 10
    assert told["keys"]["main.menu"]
    assert all(len(each) <= 3 for each in told["then"].values())
    assert told["then"]["identity.ask"] == [["account.readout", 75.0], [None, 25.0]]


def test_before_the_first_call(console: Console) -> None:
    told = json.loads(console.signed_in("编辑", Role.EDITOR).get("/words/usage").text)
    assert told["told"]
    assert (told["said"], told["keys"], told["then"]) == ({}, {}, {})
