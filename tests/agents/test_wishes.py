"""Wishes to be called back: durable, one for each number, no number in the file."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.agents.wishes import Move, Wish, Wishes
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


def moved(wishes: Wishes, wish: Wish, to: Move) -> Wish:
    then = wishes.move(wish, to, now=NOW)
    assert then is not None
    return then


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
    calling = moved(wishes, wish, Move("calling"))
    assert not left(wishes)
    moved(wishes, calling, Move("reached"))
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
    moved(wishes, first, Move("open", tries=1, outcome="busy"))
    again = wishes.living(first.person)
    assert again is not None
    assert (again.tries, again.outcome, again.since) == (1, "busy", first.since)


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
    moved(wishes, wishes.open()[0], Move("given_up"))
    assert wishes.forget_before(NOW) == 0
    assert wishes.forget_before(NOW + timedelta(days=1)) == 1
    assert len(wishes.all()) == 1


def test_whoever_is_second_changes_nothing(wishes: Wishes, tmp_path: Path) -> None:
    """An agent withdraws it as the line begins to call: one of the two is too late."""
    left(wishes)
    (wish,) = wishes.open()
    moved(opened(tmp_path), wish, Move("withdrawn"))
    assert wishes.move(wish, Move("calling"), now=NOW) is None
    assert wishes.living(wish.person) is None


def test_what_is_forgotten_takes_no_wish_that_is_left_meanwhile(
    wishes: Wishes, tmp_path: Path
) -> None:
    """`ivr retention` is another program: no line may be lost between its reading and writing."""
    others = [Sensitive(f"139001390{n:02}") for n in range(20)]
    for number in others[:10]:
        left(wishes, number)
    for wish in wishes.open():
        moved(wishes, wish, Move("reached"))
    with ThreadPoolExecutor(2) as pool:
        forgetting = pool.submit(opened(tmp_path).forget_before, NOW + timedelta(days=1))
        leaving = pool.submit(lambda: [left(wishes, number) for number in others[10:]])
    assert forgetting.result() == 10
    assert leaving.result() == [True] * 10
    assert len(wishes.open()) == 10


def test_a_line_of_before_is_read_as_a_wish_that_is_due_now(wishes: Wishes, tmp_path: Path) -> None:
    line = {"person": "p", "since": NOW.isoformat(), "standing": "usual", "session": "s"}
    told = {**line, "at": NOW.isoformat(), "state": "open", "tries": 0}
    (tmp_path / "callbacks.jsonl").write_text(json.dumps(told) + "\n")
    (wish,) = wishes.open()
    assert wish.due is None


def test_when_it_is_due_outlives_the_service(wishes: Wishes, tmp_path: Path) -> None:
    left(wishes)
    later = NOW + timedelta(minutes=20)
    moved(wishes, wishes.open()[0], Move("open", tries=1, due=later))
    (wish,) = opened(tmp_path).open()
    assert wish.due == later
