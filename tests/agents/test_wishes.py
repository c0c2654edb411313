"""Wishes to be called back: durable, one for each number, no number in the file."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.agents.wishes import Wish, Wishes
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault

NOW = datetime(2026, 11, 27, 2, tzinfo=UTC)
NUMBER = Sensitive("13800138000")


@pytest.fixture
def wishes(tmp_path: Path) -> Wishes:
    return opened(tmp_path)


def opened(home: Path) -> Wishes:
    keys = Keys(b"k" * 32, b"v" * 32)
    return Wishes(home / "callbacks.jsonl", Vault(home / "vault.sqlite", keys), Tokens(keys))


def left(wishes: Wishes, number: Sensitive[str] = NUMBER, minutes: int = 0) -> bool:
    since = NOW + timedelta(minutes=minutes)
    kept = wishes.leave(number, session="s", since=since, standing="usual", now=NOW)
    return asyncio.run(kept)


def test_it_outlives_the_service_and_tells_no_number(wishes: Wishes, tmp_path: Path) -> None:
    assert left(wishes)
    (wish,) = opened(tmp_path).open()
    assert wish.since == NOW
    assert opened(tmp_path).number(wish) == NUMBER
    assert NUMBER.reveal() not in (tmp_path / "callbacks.jsonl").read_text()
    assert NUMBER.reveal().encode() not in (tmp_path / "vault.sqlite").read_bytes()


def test_one_for_each_number_until_it_is_over(wishes: Wishes) -> None:
    assert left(wishes)
    assert not left(wishes, minutes=5), "the place that it had is the one that it keeps"
    (wish,) = wishes.open()
    assert wish.since == NOW
    calling = wishes.move(wish, "calling", now=NOW)
    assert not left(wishes)
    wishes.move(calling, "reached", now=NOW)
    assert wishes.open() == ()
    assert left(wishes, minutes=9)


def test_two_at_once_with_one_number_are_one(wishes: Wishes) -> None:
    wish = Wish(Tokens(Keys(b"k" * 32, b"v" * 32)).caller(NUMBER.reveal()), NOW, "usual", "s", NOW)
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda _: wishes.keep(wish, NUMBER), range(8)))
    assert kept.count(True) == 1


def test_the_longest_waiting_is_first_and_who_was_called_in_vain_is_known(wishes: Wishes) -> None:
    others = [Sensitive(f"1390013900{n}") for n in range(3)]
    for n, minutes in enumerate((3, 1, 2)):
        left(wishes, others[n], minutes)
    assert [wish.since.minute for wish in wishes.open()] == [1, 2, 3]
    first = wishes.open()[0]
    assert not wishes.was_called(first.person)
    wishes.move(first, "open", now=NOW, tries=1)
    assert wishes.was_called(first.person)


def test_a_line_that_a_power_cut_has_torn_takes_nobody_else_away(
    wishes: Wishes, tmp_path: Path
) -> None:
    left(wishes)
    with (tmp_path / "callbacks.jsonl").open("ab") as file:
        file.write(b'{"person": "half')
    assert left(opened(tmp_path), Sensitive("13900139000"))
    assert len(opened(tmp_path).open()) == 2


def test_what_is_over_is_forgotten_in_time(wishes: Wishes) -> None:
    left(wishes)
    left(wishes, Sensitive("13900139000"))
    wishes.move(wishes.open()[0], "given_up", now=NOW)
    assert wishes.forget_before(NOW) == 0
    assert wishes.forget_before(NOW + timedelta(days=1)) == 1
    assert len(wishes.all()) == 1
