"""回电: who left a number is called by a free agent, at their place; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.agents.presence import Event
from ivr.agents.queue import Waiting
from ivr.agents.wishes import Move, Wish, Wishes
from ivr.dialling.callbacks import Callbacks, after
from ivr.dialling.dialler import Dialler
from ivr.dialling.ledger import Attempt
from ivr.dialling.names import leg_name
from ivr.dialling.outward import Held
from ivr.dialling.wanted import NotDialled
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.records.facts import CallbackOver, Dialled, DialOutcome
from tests.dialling.test_dialler import AGENT, NUMBER, SECOND, WEDNESDAY, Stage
from tests.virtual import run

NOBODY = Held(frozenset(), {})
KEYS = Keys(b"k" * 32, b"v" * 32)


@dataclass
class Desk(Stage):
    """A stage with wishes, on which services follow each other."""

    is_open: bool = True
    online: frozenset[str] = frozenset({"6001"})
    dialler_now: Dialler = field(init=False)
    callbacks: Callbacks = field(init=False)

    @property
    def wishes(self) -> Wishes:
        vault = Vault(self.home / "vault.sqlite", KEYS)
        return Wishes(self.home / "callbacks.jsonl", vault, Tokens(KEYS))

    def leaves(self, number: str = NUMBER, minutes_ago: float = 5) -> Wish:
        """A caller rather leaves a number than waits."""
        since = self.now - timedelta(minutes=minutes_ago)
        wish = Wish(Tokens(KEYS).caller(number), since, "usual", "s", self.now)
        assert self.wishes.keep(wish, Sensitive(number))
        return wish

    async def serve(self, held: Held = NOBODY) -> None:
        """A service begins, and finds what Asterisk has."""
        self.dialler_now = self.dialler()
        self.dialler_now.token = Tokens(KEYS).caller
        self.callbacks = Callbacks(
            self.wishes,
            self.dialler_now,
            self.switchboard,
            settings=self.settings,
            online=self._online,
            note=self.facts.append,  # type: ignore[arg-type]
            is_open=lambda: self.is_open,
            clock=lambda: self.now,
        )
        self.switchboard.desks.found_talking(self.dialler_now.talking(held))
        await self.dialler_now.adopt(held)
        self.callbacks.begin()
        await asyncio.sleep(0.1)

    async def die(self) -> None:
        """It leaves all as it is; what it would have done afterwards does not happen."""
        await self.callbacks.stop()
        await self.dialler_now.suspend()

    async def later(self, **time: float) -> None:
        """By the calendar, and one look of the service."""
        self.now += timedelta(**time)
        await asyncio.sleep(6)

    async def _online(self) -> frozenset[str]:
        return self.online

    @property
    def attempt(self) -> str:
        """The try that goes on."""
        (attempt,) = self.dialler_now.ledger.begun()
        return attempt.name

    def rings(self) -> list[str]:
        """Whose phones have rung."""
        return [each.partition(" wish")[0] for each in self.outward.rung]

    async def answers(self, side: Any) -> None:
        self.dialler_now.answered(leg_name(self.attempt, side))
        await asyncio.sleep(0.1)

    async def ends(self, side: Any, cause: int = 16) -> None:
        self.dialler_now.over(self.attempt, side, cause)
        await asyncio.sleep(0.1)

    def wish(self) -> Wish:
        (wish,) = self.wishes.all()
        return wish

    def of(self, kind: type[Any]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def places(self) -> list[str]:
        return [place.who for place in self.switchboard.queue.in_order()]


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(work: Callable[..., Any], *given: Any) -> Any:
        return work(*given)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


@pytest.fixture
def held(tmp_path: Path) -> Callable[..., Desk]:
    """Hold a story at a desk, and leave nothing behind."""

    def hold(story: Callable[[Desk], Awaitable[None]], **told: Any) -> Desk:
        desk = Desk(tmp_path, **told)

        async def work() -> None:
            try:
                await story(desk)
            finally:
                await desk.die()

        run(work)
        return desk

    return hold


Held_ = Callable[..., Desk]


def test_agent_first_then_exactly_the_confirmed_number_then_it_is_fulfilled(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        await desk.serve()
        assert desk.rings() == ["agent 6001"]
        assert desk.wish().state == "calling"
        await desk.answers("agent")
        await desk.answers("number")
        assert desk.rings() == ["agent 6001", f"number {NUMBER}", "join"]
        assert desk.places() == [desk.wish().name]
        assert desk.switchboard.queue.waiting() == (), "it wants no other phone meanwhile"
        await desk.ends("number")
        assert desk.wish().state == "reached"
        assert desk.places() == []
        await desk.later(days=1)
        assert len(desk.rings()) == 3, "nobody is called again"

    desk = held(story)
    (tried,) = desk.of(Dialled)
    assert (tried.purpose, tried.reference, tried.outcome) == ("wish", desk.wish().name, "answered")
    (over,) = desk.of(CallbackOver)
    assert (over.ending, over.tries, over.ms) == ("reached", 0, 300_000)
    assert [entry.operator for entry in desk.entries] == ["line"]
    for path in desk.home.rglob("*"):
        assert NUMBER.encode() not in path.read_bytes()


def test_a_wish_waits_until_an_agent_is_free_and_comes_before_who_came_later(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        await desk.serve()
        desks = desk.switchboard.desks
        with desks.talks(AGENT):
            wish = desk.leaves()
            later = Waiting("caller", desks.clock())
            with desk.switchboard.waiting(later):
                await desk.later()
                assert desk.places() == [wish.name, "caller"]
                assert desk.rings() == []
        desks.hung_up(AGENT)
        desk.switchboard.look_again()
        await asyncio.sleep(0.1)
        assert desk.rings() == ["agent 6001"]
        assert await desk.switchboard.claim(later) == (), "the phone rings for the wish"

    held(story)


def test_who_waits_on_the_line_and_came_before_is_served_before(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves(minutes_ago=5)
        await desk.serve()
        await desk.ends("agent", 20)
        earlier = Waiting("caller", desk.switchboard.desks.clock() - 600)
        with desk.switchboard.waiting(earlier):
            await asyncio.sleep(60)
            assert desk.rings() == ["agent 6001"], "the phone is the caller's, who has not taken it"

    held(story)


def test_one_agent_is_enough_where_all_phones_ring_at_once(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.online = frozenset({"6001", "6002"})
        desk.leaves()
        await desk.serve()
        assert desk.rings() == ["agent 6001"]
        assert desk.switchboard.desks.is_free(SECOND)

    held(story, agents={"strategy": "all_at_once"})


@pytest.mark.parametrize(
    ("cause", "outcome"), [(17, "busy"), (19, "no_answer"), (1, "not_reached")]
)
def test_three_tries_at_sensible_times_then_it_is_given_up(
    held: Held_, cause: int, outcome: str
) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        await desk.serve()
        for tries, minutes in ((1, 20), (2, 120)):
            await desk.answers("agent")
            await desk.ends("number", cause)
            wish = desk.wish()
            assert (wish.state, wish.tries, wish.outcome) == ("open", tries, outcome)
            assert desk.places() == [], "it holds nobody back before it is due"
            await desk.later(minutes=minutes - 1)
            assert len(desk.rings()) == 2 * tries
            await desk.later(minutes=1)
            assert len(desk.rings()) == 2 * tries + 1
            (place,) = desk.switchboard.queue.in_order()
            assert place.standing == "called_back", "before others, at the place of old"
        await desk.answers("agent")
        await desk.ends("number", cause)
        assert desk.wish().state == "given_up"
        await desk.later(days=2)
        assert len(desk.rings()) == 6

    desk = held(story, now=WEDNESDAY.replace(hour=9))
    (over,) = desk.of(CallbackOver)
    assert (over.ending, over.tries, over.outcome) == ("given_up", 3, outcome)


def test_a_try_that_is_due_out_of_hours_waits_for_them(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        await desk.serve()
        await desk.answers("agent")
        await desk.ends("number", 17)
        await desk.later(minutes=20)
        assert desk.rings() == ["agent 6001", f"number {NUMBER}"], "it is noon"
        await desk.later(hours=2)
        assert desk.rings()[2:] == ["agent 6001"]

    held(story, now=WEDNESDAY.replace(hour=11, minute=50))


@pytest.mark.parametrize("cause", [17, 19, 20], ids=["declines", "does not answer", "gone"])
def test_an_agent_who_does_not_come_costs_no_try_and_no_place(held: Held_, cause: int) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        await desk.serve()
        await desk.ends("agent", cause)
        wish = desk.wish()
        assert (wish.state, wish.tries, wish.due) == ("open", 0, None)
        assert desk.places() == [wish.name]
        await asyncio.sleep(15)
        assert desk.rings() == ["agent 6001"], "the same phone does not ring again at once"
        await asyncio.sleep(15)
        assert desk.rings() == ["agent 6001"] * 2

    held(story)


def test_another_agent_is_asked_at_once(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.online = frozenset({"6001", "6002"})
        desk.leaves()
        await desk.serve()
        await desk.ends("agent", 17)
        assert desk.rings() == ["agent 6001", "agent 6002"]

    held(story)


def test_an_agent_who_puts_down_too_early_costs_no_try(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        await desk.serve()
        await desk.answers("agent")
        await desk.ends("agent")
        wish = desk.wish()
        assert (wish.state, wish.tries) == ("open", 0)
        assert wish.due == desk.now + timedelta(minutes=20), "a number that rang does not at once"

    held(story)


# --- a service that is killed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("came", "tries", "rings_again"),
    [("written", 0, True), ("agent", 0, True), ("number", 1, False), ("talking", 0, False)],
)
def test_a_kill_at_any_point_neither_loses_it_nor_has_it_called_twice(
    held: Held_, came: str, tries: int, rings_again: bool
) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        if came == "written":  # the kill came before anything was in the ledger
            assert desk.wishes.move(desk.wish(), Move("calling"), now=desk.now)
        else:
            await desk.serve()
            if came in ("number", "talking"):
                await desk.answers("agent")
            if came == "talking":
                await desk.answers("number")
            await desk.die()
        rung = len(desk.rings())
        await desk.serve()  # and nothing of the call is left in Asterisk
        await asyncio.sleep(10)
        wish = desk.wish()
        assert wish.tries == tries
        assert wish.state == {"number": "open", "talking": "reached"}.get(came, "calling")
        assert desk.rings()[rung:] == (["agent 6001"] if rings_again else [])
        if came == "number":
            await desk.later(minutes=20)
            assert desk.rings()[rung:] == ["agent 6001"], "it is not lost either"

    held(story)


def test_a_conversation_outlives_the_service_and_fulfils_the_wish(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        await desk.serve()
        await desk.answers("agent")
        await desk.answers("number")
        name = desk.attempt
        await desk.die()
        await desk.serve(Held(frozenset({name}), {name: desk.now}))
        await asyncio.sleep(60)
        assert desk.wish().state == "calling"
        assert len(desk.rings()) == 3
        await desk.ends("number")
        await desk.later()
        assert desk.wish().state == "reached"
        assert len(desk.of(CallbackOver)) == 1

    held(story)


def test_a_link_that_breaks_while_it_rings_is_no_different(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        await desk.serve()
        await desk.die()
        await desk.dialler_now.adopt(NOBODY)
        desk.callbacks.begin()
        await asyncio.sleep(1)
        assert desk.rings() == ["agent 6001"] * 2
        assert desk.wish().state == "calling"

    held(story)


# --- when nobody is called ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        {"dialling": {"trunk": None}},
        {"now": WEDNESDAY.replace(hour=20)},
        {"now": WEDNESDAY + timedelta(days=3)},
        {"is_open": False},
        {"online": frozenset()},
    ],
    ids=["off", "late", "Saturday", "the line is closed", "no phone is there"],
)
def test_nobody_is_called(held: Held_, told: dict[str, Any]) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        await desk.serve()
        await asyncio.sleep(60)
        assert desk.rings() == []
        assert desk.wish().state == "open"

    desk = held(story, **told)
    assert not desk.of(Dialled), "what cannot be is not even tried"


def test_what_may_not_be_called_today_holds_nobody_back(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.leaves()
        other = desk.leaves("13900139009", 4)
        await desk.serve()
        await desk.answers("agent")
        await desk.answers("number")
        await desk.ends("number")
        await asyncio.sleep(60)
        assert len(desk.rings()) == 3, "the day's cap"
        assert desk.places() == []
        await desk.later(days=1)
        assert desk.rings()[3:] == ["agent 6001"]
        assert desk.wishes.living(other.person) is not None

    held(story, dialling={"calls_per_day": 1})


def test_an_old_wish_is_given_up_and_so_is_a_number_that_may_not_be_dialled(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        old = desk.leaves("13900139009", minutes_ago=6 * 24 * 60)
        desk.leaves("0012025550123")
        await desk.serve()
        await asyncio.sleep(10)
        assert desk.rings() == []
        assert {wish.state for wish in desk.wishes.all()} == {"given_up"}
        assert desk.wishes.of(old.person) is not None

    assert len(held(story).of(CallbackOver)) == 2


def test_a_number_that_was_forgotten_is_given_up(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        Vault(desk.home / "vault.sqlite", KEYS).let_go(desk.leaves().person)
        await desk.serve()
        assert (desk.rings(), desk.wish().state) == ([], "given_up")

    held(story)


def test_nothing_can_be_written_nobody_is_called_until_it_can(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.is_full = True
        desk.leaves()
        await desk.serve()
        await asyncio.sleep(30)
        assert desk.rings() == []
        assert desk.switchboard.desks.is_free(AGENT), "no phone is kept for a call that is not made"
        desk.is_full = False
        await desk.later(minutes=1)
        assert desk.rings() == ["agent 6001"]

    held(story)


# --- what agents want -----------------------------------------------------------------------------


def test_an_agent_may_call_before_it_is_due_and_in_the_trail_by_name(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        wish = desk.leaves()
        await desk.serve()
        await desk.answers("agent")
        await desk.ends("number", 17)
        begun = await desk.callbacks.call_now(wish.person, AGENT, "王敏")
        assert not isinstance(begun, NotDialled)
        await asyncio.sleep(0.1)
        assert desk.rings()[2:] == ["agent 6001"]
        twice = await desk.callbacks.call_now(wish.person, AGENT, "王敏")
        assert twice == NotDialled("going_on")

    assert [entry.operator for entry in held(story).entries] == ["line", "王敏"]


def test_a_wish_that_is_withdrawn_is_called_no_more(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        desk.switchboard.desks.wishes(AGENT, Event.NOT_READY, "console", "休息")
        wish = desk.leaves()
        await desk.serve()
        assert await desk.callbacks.withdraw(wish.person, "王敏", "来电人说不用了")
        assert not await desk.callbacks.withdraw(wish.person, "王敏", "再来一次")
        desk.switchboard.desks.wishes(AGENT, Event.READY, "console")
        await asyncio.sleep(30)
        assert desk.rings() == []
        assert desk.places() == []

    desk = held(story)
    assert [(e.action, e.operator) for e in desk.entries] == [("callback withdrawn", "王敏")]
    assert [over.ending for over in desk.of(CallbackOver)] == ["withdrawn"]


def test_the_caller_who_is_on_the_line_again_is_not_called(held: Held_) -> None:
    async def story(desk: Desk) -> None:
        wish = desk.leaves()
        with desk.switchboard.waiting(Waiting("caller", 0.0, person=wish.person)):
            await desk.serve()
            await asyncio.sleep(30)
            assert desk.rings() == []
        await asyncio.sleep(1)
        assert desk.rings() == ["agent 6001"], "who left again without being served is called"

    held(story)


@pytest.mark.parametrize(
    ("outcome", "tries_before", "state", "tries", "minutes"),
    [
        ("answered", 2, "reached", 2, None),
        ("busy", 0, "open", 1, 20),
        ("busy", 1, "open", 2, 120),
        ("busy", 2, "given_up", 3, None),
        ("failed", 2, "open", 2, 120),
        ("failed", 0, "open", 0, 20),
        ("agent_away", 2, "open", 2, None),
        (None, 2, "open", 2, None),
    ],
)
def test_what_becomes_of_a_wish(
    outcome: DialOutcome | None, tries_before: int, state: str, tries: int, minutes: int | None
) -> None:
    now: datetime = WEDNESDAY
    wish = Wish("p", now, "usual", "s", now, "calling", tries_before)
    tried = Attempt("a", "wish", "r", "n", "g", now, outcome, "number")
    what = after(wish, None if outcome is None else tried, Stage(Path()).settings().dialling, now)
    due = None if minutes is None else now + timedelta(minutes=minutes)
    assert (what.state, what.tries if what.tries is not None else tries_before, what.due) == (
        state,
        tries,
        due,
    )
