"""Waiting in the queue: who is next, what is said meanwhile, and each of its ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.agents.desks import Desks
from ivr.agents.exchange import ExchangeFailed
from ivr.agents.presence import CUT_OFF, Event, Presence, State
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.agents.wishes import Move, Wish, Wishes
from ivr.calls.call import Call
from ivr.calls.inbox import Inbox, Key, LegGone
from ivr.calls.transfer import transfer
from ivr.config import AgentsSettings, Settings
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.records.facts import CallbackOver, Fact, QueueEntered, QueueTold, Transferred
from ivr.records.queued import Queued
from ivr.speech.prompts import PromptSet
from tests.calls.transferring import means_of_a_transfer
from tests.scripted import ENGAGED, NORMAL, ScriptedExchange, ScriptedLine
from tests.virtual import run

NO_ANSWER = 19
BOTH = frozenset({"6001", "6002"})


class Desk:
    """One caller's call and phones, and the facts of it."""

    def __init__(
        self, name: str, prompts: PromptSet, settings: Settings, switchboard: Switchboard
    ) -> None:
        inbox = Inbox()
        self.facts: list[Fact] = []
        self.line = ScriptedLine(inbox)
        self.exchange = ScriptedExchange(inbox, BOTH, speaks=lambda: self.line.sounding is not None)
        self.call = Call(
            session=name,
            line=self.line,
            inbox=inbox,
            prompts=prompts,
            exchange=self.exchange,
            means=means_of_a_transfer(settings, switchboard, self.facts),
        )
        self.wish: asyncio.Task[str] | None = None

    def asks(self) -> Desk:
        self.wish = asyncio.create_task(transfer(self.call))
        return self

    async def outcome(self) -> str:
        assert self.wish is not None
        async with asyncio.timeout(3600):
            return await self.wish

    async def rung(self) -> str:
        async with asyncio.timeout(3600):
            return await self.exchange.rung.get()

    async def hears(self) -> tuple[str, ...]:
        async with asyncio.timeout(3600):
            return tuple(await self.line.said.get())

    async def talks_on(self, leg: str) -> None:
        self.exchange.picks_up(leg)
        await asyncio.sleep(0.1)
        assert self.exchange.bridged == leg

    async def cut_off(self) -> None:
        """The service dies, or loses the link: the call is found again with what it keeps."""
        assert self.wish is not None
        self.wish.cancel()
        await asyncio.gather(self.wish, return_exceptions=True)
        self.call.pending = None
        self.exchange.ringing.clear()
        self.exchange.bridged = None
        if self.line.sounding is not None:
            await self.line.stop(self.line.sounding)

    def press(self, key: str) -> None:
        self.call.inbox.put(Key(key, asyncio.get_running_loop().time()))

    def ahead(self) -> int:
        """How many are before, as the caller was told last."""
        told: int = self.of(QueueTold)[-1].ahead
        return told

    def of(self, kind: type[Any]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


Open = Callable[..., Desk]
Story = Callable[[Open], Awaitable[Any]]


@pytest.fixture
def held(prompt_set: PromptSet, settings: Settings) -> Callable[..., Any]:
    """Hold a story in virtual time with callers of one switchboard."""

    def hold(story: Story, **options: object) -> Any:
        async def work() -> Any:
            agents = AgentsSettings(**options)  # type: ignore[arg-type]
            chosen = settings.model_copy(update={"agents": agents})
            switchboard = Switchboard(Desks(agents, asyncio.get_running_loop().time))
            opened: list[Desk] = []

            def open_desk(name: str = "", **trail: object) -> Desk:
                desk = Desk(name or f"s{len(opened)}", prompt_set, chosen, switchboard)
                for key, value in trail.items():
                    setattr(desk.call.trail, key, value)
                opened.append(desk)
                return desk

            try:
                async with asyncio.timeout(20_000):
                    return await story(open_desk)
            finally:
                for desk in opened:
                    if desk.wish is not None:
                        desk.wish.cancel()
                tasks = [desk.wish for desk in opened if desk.wish is not None]
                await asyncio.gather(*tasks, return_exceptions=True)

        return run(work)

    return hold


async def both_talk(desk: Open) -> tuple[Desk, Desk]:
    """Both agents are on calls."""
    first, second = desk().asks(), desk().asks()
    for one, leg in ((first, "6001"), (second, "6002")):
        assert await one.rung() == leg
        await one.talks_on(leg)
    return first, second


def test_five_callers_and_two_agents_first_come_first_served(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        first, second = await both_talk(desk)
        third, fourth, fifth = (desk().asks() for _ in range(3))
        assert await third.hears() == ("queue.next", "queue.keys_message")
        assert await fourth.hears() == ("queue.ahead", "queue.keys_message")
        assert "前面还有一位" in fourth.line.texts[-1].replace("，", "")
        assert await fifth.hears() == ("queue.ahead", "queue.keys_message")
        assert "两位" in fifth.line.texts[-1]
        second.exchange.goes("6002", NORMAL)
        assert await third.rung() == "6002"
        await third.talks_on("6002")
        first.exchange.goes("6001", NORMAL)
        assert await fourth.rung() == "6001"
        await fourth.talks_on("6001")
        assert await fifth.hears() == ("queue.next",), "its place, without the keys again"
        third.exchange.goes("6002", NORMAL)
        assert await fifth.rung() == "6002"
        await fifth.talks_on("6002")
        fourth.exchange.goes("6001", NORMAL)
        fifth.exchange.goes("6002", NORMAL)
        for one in (first, second, third, fourth, fifth):
            assert await one.outcome() == "answered"
            one.exchange.assert_idle()
        assert [fact.ahead for fact in fifth.of(QueueEntered)] == [2]
        assert [fact.ahead for fact in fifth.of(QueueTold)] == [2, 0]

    held(story)


def test_who_is_65_comes_before_and_nobody_is_told_a_worse_place(
    held: Callable[..., Any],
) -> None:
    async def story(desk: Open) -> None:
        first, _ = await both_talk(desk)
        usual = desk().asks()
        assert await usual.hears() == ("queue.next", "queue.keys_message")
        old = desk(born=Sensitive(date(1949, 12, 31))).asks()
        younger = desk(born=Sensitive(date(1961, 11, 26))).asks()
        assert await old.hears() == ("queue.next", "queue.keys_message")
        await younger.hears()
        assert "两位" in younger.line.texts[-1], "65 tomorrow is not 65"
        assert await usual.hears() == ("queue.still",)
        first.exchange.goes("6001", NORMAL)
        assert await old.rung() == "6001"
        await old.talks_on("6001")
        assert await usual.hears() == ("queue.next",)

    held(story)


def test_nothing_is_said_of_time_before_five_conversations(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        said = []
        for n in range(6):
            first, second = await both_talk(desk)
            waits = desk().asks()
            said.append(await waits.hears())
            await asyncio.sleep(60)
            waits.press("*")
            assert await waits.outcome() == "abandoned"
            for one, leg in ((first, "6001"), (second, "6002")):
                one.exchange.goes(leg, NORMAL)
                await one.outcome()
            assert len(said) == n + 1
        assert said[:3] == [("queue.next", "queue.keys_message")] * 3
        assert said[3] == ("queue.next", "queue.within", "queue.keys_message")
        assert said[5] == said[3]

    held(story)


def test_each_key_and_none_before_it_was_said(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> list[str]:
        await both_talk(desk)
        outcomes = []
        for key in "2*":
            one = desk()
            one.press("1")
            one.press("2")
            await asyncio.sleep(0.5)
            one.asks()
            await one.hears()
            await one.line.silent()
            one.press("9")
            await asyncio.sleep(1)
            assert one.wish is not None
            assert not one.wish.done(), "keys that nobody has named do nothing"
            one.press(key)
            outcomes.append(await one.outcome())
            one.exchange.assert_idle()
        return outcomes

    assert held(story) == ["message", "abandoned"]


def test_as_many_wait_as_may_and_none_too_long(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        await both_talk(desk)
        waiting = [desk().asks() for _ in range(2)]
        await asyncio.sleep(1)
        assert await desk().asks().outcome() == "full"
        assert await waiting[0].outcome() == "too_long"
        assert waiting[0].of(Transferred)[0].ring_ms >= 300_000
        waiting[0].exchange.assert_idle()

    held(story, queue_most=2, queue_longest_seconds=300.0)


def test_nobody_there_is_told_as_without_a_queue(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        loop = asyncio.get_running_loop()
        nobody = desk()
        nobody.exchange.registered = frozenset()
        assert await nobody.asks().outcome() == "none_there"
        rings = desk().asks()
        assert await rings.outcome() == "no_answer"
        assert loop.time() <= 31
        unreached = desk().asks()
        for _ in range(2):
            unreached.exchange.goes(await unreached.rung(), 20)
        assert await unreached.outcome() == "none_there"

    held(story)


def test_who_declines_is_engaged_and_asked_again_after_a_while(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        loop = asyncio.get_running_loop()
        one = desk().asks()
        for leg in ("6001", "6002"):
            assert await one.rung() == leg
            one.exchange.goes(leg, ENGAGED)
        declined = loop.time()
        assert await one.hears() == ("queue.next", "queue.keys_message")
        assert await one.rung() == "6001"
        assert loop.time() - declined >= 20
        await one.talks_on("6001")
        one.exchange.goes("6001", NORMAL)
        assert await one.outcome() == "answered"

    held(story)


def test_the_last_agent_who_goes_is_noticed_and_one_who_comes_rings(
    held: Callable[..., Any],
) -> None:
    async def story(desk: Open) -> None:
        first, second = await both_talk(desk)
        waits = desk().asks()
        await waits.hears()
        for one in (first, second, waits):
            one.exchange.registered = frozenset()
        assert await waits.outcome() == "none_there"
        again = desk()
        again.exchange.registered = frozenset({"6001"})
        again.asks()
        await again.hears()
        again.exchange.registered = BOTH
        second.exchange.goes("6002", NORMAL)
        assert await again.rung() == "6002"

    held(story)


def test_an_agent_who_answers_while_a_word_is_said_cuts_it_short(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        first, _ = await both_talk(desk)
        waits = desk().asks()
        await waits.hears()
        assert waits.line.sounding is not None
        first.exchange.goes("6001", NORMAL)
        assert await waits.rung() == "6001"
        await waits.talks_on("6001")
        assert waits.line.sounding is None

    held(story)


@pytest.mark.parametrize("place", ["before a word", "in a word", "in the music", "ringing"])
def test_a_place_is_kept_when_the_service_is_killed(held: Callable[..., Any], place: str) -> None:
    """Found again in another order, everybody is served in the order in which they came."""

    async def story(desk: Open) -> None:
        first, second = await both_talk(desk)
        waits = [desk().asks()]
        await asyncio.sleep(5 if place == "in the music" else 0.5)
        waits.append(desk().asks())
        await asyncio.sleep(20 if place == "in the music" else 0.5)
        if place == "ringing":
            first.exchange.goes("6001", NORMAL)
            assert await waits[0].rung() == "6001"
        kept = []
        for one in waits:
            await one.cut_off()
            queued = one.call.queued
            assert queued is not None
            kept.append(queued)
        assert kept[0].told == 0
        assert kept[1].told == 1
        again = [desk(f"again {n}") for n in range(2)]
        loop, switchboard = asyncio.get_running_loop(), again[0].call.means.switchboard
        for n in (1, 0):  # as Reception does with all of them, before any goes on
            ago = timedelta(seconds=60 - n)
            again[n].call.queued = Queued(datetime.now(UTC) - ago, kept[n].standing, kept[n].told)
            switchboard.expect(Waiting(f"again {n}", loop.time() - ago.total_seconds()))
        for n in (1, 0):
            again[n].asks()
            await asyncio.sleep(0.1)
        said = [await one.hears() for one in again]
        if place != "ringing":
            assert said[1][0] == "queue.ahead"
            first.exchange.goes("6001", NORMAL)
        assert await again[0].rung() in BOTH
        await asyncio.sleep(1)
        assert again[1].exchange.rung.empty()
        assert not again[0].of(QueueEntered), "the place has been in the records all the time"
        assert second.wish is not None

    held(story)


def test_a_transfer_that_fails_keeps_the_place(
    held: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [True]

    async def connect(self: ScriptedExchange, leg: str) -> bool:
        if refusals:
            refusals.pop()
            raise ExchangeFailed
        self.playing, self.bridged = False, leg
        return True

    async def story(desk: Open) -> None:
        first, second = await both_talk(desk)
        waits, later = desk().asks(), desk().asks()
        await later.hears()
        monkeypatch.setattr(ScriptedExchange, "connect", connect)
        first.exchange.goes("6001", NORMAL)
        assert await waits.rung() == "6001"
        waits.exchange.picks_up("6001")
        assert await later.rung() == "6001", "it does not wait for somebody with whom it failed"
        second.exchange.goes("6002", NORMAL)
        assert await waits.rung() == "6002", "and who was first is first at the next phone"
        await waits.talks_on("6002")

    held(story)


def test_an_agents_phone_that_vanishes_gives_the_caller_the_old_place_back(
    held: Callable[..., Any],
) -> None:
    async def story(desk: Open) -> None:
        first, _ = await both_talk(desk)
        later = desk().asks()
        await later.hears()
        since = first.call.queued
        first.call.inbox.put(LegGone("6001", None, vanished=True))
        first.exchange.ringing.discard("6001")
        assert await first.outcome() == "answered"
        assert first.call.queued == since, "it is asked for again from where it stood"
        desks = later.call.means.switchboard.desks
        agent = desks.agent("6001")
        assert desks.of(agent) == Presence(State.AWAY, CUT_OFF), "nobody waits for that phone"
        desks.wishes(agent, Event.READY, "console")
        assert await later.rung() == "6001"
        first.asks()
        await asyncio.sleep(0.1)
        assert later.call.means.switchboard.queue.waiting()[0].who == "s0"

    held(story)


def test_a_place_that_is_kept_holds_the_others_back_until_it_is_given_up(
    held: Callable[..., Any],
) -> None:
    async def story(desk: Open) -> None:
        one = desk()
        switchboard = one.call.means.switchboard
        switchboard.expect(Waiting("s-before", -60.0))
        one.exchange.registered = frozenset({"6001"})
        one.asks()
        await asyncio.sleep(1)
        assert one.exchange.rung.empty(), "the one before has not come back yet"
        switchboard.give_up("s-before")
        assert await one.rung() == "6001"

    held(story)


@pytest.fixture
def wishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wishes:
    """Kept on the disk, without a thread: virtual time has none."""

    async def at_once(work: Callable[..., Any], *given: Any, **told: Any) -> Any:
        return work(*given, **told)

    monkeypatch.setattr(asyncio, "to_thread", at_once)
    keys = Keys(b"k" * 32, b"v" * 32)
    return Wishes(
        tmp_path / "callbacks.jsonl", Vault(tmp_path / "vault.sqlite", keys), Tokens(keys)
    )


def calls_again(desk: Open, wishes: Wishes, *, tries: int = 0) -> Desk:
    """Somebody who left a wish an hour ago is on the line."""
    now = datetime.now(UTC)
    wish = Wish("p", now - timedelta(hours=1), "usual", "before", now)
    assert wishes.keep(wish, Sensitive("13800138000"))
    if tries:
        assert wishes.move(wish, Move("open", tries=tries), now=now)
    one = desk()
    one.call.means = replace(one.call.means, wishes=wishes)
    one.call.vouched = "p"
    return one


@pytest.mark.parametrize("tries", [0, 1])
def test_who_calls_again_while_a_wish_stands_keeps_its_place_and_it_is_fulfilled(
    held: Callable[..., Any], wishes: Wishes, tries: int
) -> None:
    async def story(desk: Open) -> None:
        first, _ = await both_talk(desk)
        waits = desk().asks()
        assert await waits.hears() == ("queue.next", "queue.keys_message")
        old = desk(born=Sensitive(date(1949, 12, 31))).asks()
        await old.hears()
        again = calls_again(desk, wishes, tries=tries).asks()
        said = await again.hears()
        assert said[0] == ("queue.next" if tries else "queue.ahead"), "called in vain goes first"
        assert again.ahead() == (0 if tries else 1), "of the usual ones the oldest place is first"
        first.exchange.goes("6001", NORMAL)
        next_one = again if tries else old
        assert await next_one.rung() == "6001"
        await next_one.talks_on("6001")
        if next_one is not again:
            old.exchange.goes("6001", NORMAL)
            assert await again.rung() == "6001"
            await again.talks_on("6001")
        again.exchange.goes("6001", NORMAL)
        assert await again.outcome() == "answered"
        (told,) = again.of(CallbackOver)
        assert (told.ending, told.person) == ("withdrawn", "p")
        assert wishes.living("p") is None, "nobody calls who was served"
        assert again.of(Transferred)[0].ring_ms < 3600_000, "the hour before was no waiting"

    held(story)


def test_who_calls_again_and_is_not_served_is_still_to_be_called(
    held: Callable[..., Any], wishes: Wishes
) -> None:
    async def story(desk: Open) -> None:
        await both_talk(desk)
        again = calls_again(desk, wishes).asks()
        await again.hears()
        await asyncio.sleep(30)
        assert again.wish is not None
        assert not again.wish.done(), "an old place is not a long wait"
        again.press("*")
        assert await again.outcome() == "abandoned"
        assert wishes.living("p") is not None

    held(story)
