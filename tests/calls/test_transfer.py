"""The hand-over to an agent: strategies, what is recorded, what the agent sees, what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ivr.agents.desks import Desks
from ivr.agents.exchange import ExchangeFailed, Talk
from ivr.agents.presence import Presence
from ivr.agents.switchboard import STOPPING_SECONDS, Switchboard
from ivr.calls.call import Call
from ivr.calls.inbox import Inbox, Key
from ivr.calls.transfer import transfer
from ivr.config import AgentsSettings, Settings
from ivr.people.sensitive import Sensitive
from ivr.records.facts import Fact, Transferred
from ivr.speech.prompts import PromptSet
from tests.calls.transferring import means_of_a_transfer
from tests.scripted import ENGAGED, NORMAL, ScriptedExchange, ScriptedLine
from tests.virtual import run


class Desk:
    """One caller's call and phones, and the facts of it."""

    def __init__(self, prompts: PromptSet, settings: Settings, switchboard: Switchboard) -> None:
        inbox = Inbox()
        self.facts: list[Fact] = []
        self.exchange = ScriptedExchange(inbox, frozenset({"6001", "6002"}))
        self.call = Call(
            session="s",
            line=ScriptedLine(inbox),
            inbox=inbox,
            prompts=prompts,
            exchange=self.exchange,
            means=means_of_a_transfer(settings, switchboard, self.facts),
        )

    def wish(self) -> asyncio.Task[str]:
        return asyncio.create_task(transfer(self.call))

    def press(self, key: str) -> None:
        self.call.inbox.put(Key(key, asyncio.get_running_loop().time()))

    def presence(self, extension: str) -> Presence:
        """How that agent is."""
        desks = self.call.means.switchboard.desks
        return desks.of(desks.agent(extension))

    @property
    def transferred(self) -> Transferred:
        (fact,) = [fact for fact in self.facts if isinstance(fact, Transferred)]
        return fact


Open = Callable[[], Desk]
Story = Callable[[Open], Awaitable[Any]]


@pytest.fixture
def held(prompt_set: PromptSet, settings: Settings) -> Callable[..., Any]:
    """Hold a story in virtual time with desks that share one switchboard; without the queue."""

    def hold(story: Story, **options: object) -> Any:
        async def work() -> Any:
            agents = AgentsSettings(**{"queue": False, **options})  # type: ignore[arg-type]
            chosen = settings.model_copy(update={"agents": agents})
            switchboard = Switchboard(Desks(agents, asyncio.get_running_loop().time))
            return await story(lambda: Desk(prompt_set, chosen, switchboard))

        return run(work)

    return hold


def test_answered_is_recorded_with_waiting_and_talking(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        one = desk()
        wish = one.wish()
        await one.exchange.rung.get()
        await asyncio.sleep(4)
        one.exchange.picks_up("6001")
        await asyncio.sleep(60)
        one.exchange.goes("6001", NORMAL)
        assert await wish == "answered"
        assert one.transferred == Transferred(
            session="s", agent="一号坐席", outcome="answered", ring_ms=4000, talk_ms=60000
        )
        one.exchange.assert_idle()

    held(story)


def test_desks_and_the_queue_as_a_shift_leader_sees_them(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        one, other = desk(), desk()
        switchboard = one.call.means.switchboard
        both = frozenset({"6001", "6002"})

        def states(online: frozenset[str] = both) -> list[str]:
            return [state for _, state, _ in switchboard.desks.states(online)]

        assert states() == ["free", "free"]
        assert states(frozenset({"6002"})) == ["absent", "free"]
        wish = one.wish()
        await one.exchange.rung.get()
        assert states() == ["ringing", "free"]
        began = asyncio.get_running_loop().time()
        assert switchboard.waits() == (began,)
        await asyncio.sleep(4)
        one.exchange.picks_up("6001")
        await asyncio.sleep(1)
        assert switchboard.desks.states(both)[0][1:] == ("talking", began + 4)
        assert switchboard.waits() == (), "who talks waits no more"
        later = other.wish()
        await other.exchange.rung.get()
        assert switchboard.waits() == (began + 5,)
        other.exchange.picks_up("6002")
        await asyncio.sleep(1)
        other.exchange.goes("6002", NORMAL)
        one.exchange.goes("6001", NORMAL)
        await wish
        await later
        assert states() == ["free", "free"]

    held(story)


def test_all_at_once_and_the_quickest_wins(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        one = desk()
        wish = one.wish()
        rung = {await one.exchange.rung.get(), await one.exchange.rung.get()}
        assert rung == {"6001", "6002"}
        one.exchange.picks_up("6002")
        assert await one.exchange.dropped.get() == "6001"
        one.exchange.goes("6002", NORMAL)
        assert await wish == "answered"
        assert one.transferred.agent == "二号坐席"

    held(story, strategy="all_at_once")


def test_longest_idle_is_tried_first(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        for expected in ("6001", "6002", "6001"):
            one = desk()
            wish = one.wish()
            assert await one.exchange.rung.get() == expected
            one.exchange.picks_up(expected)
            await asyncio.sleep(10)
            one.exchange.goes(expected, NORMAL)
            assert await wish == "answered"

    held(story, strategy="longest_idle")


def test_an_agent_on_a_call_is_not_dialled_twice(held: Callable[..., Any]) -> None:
    """Nobody is busy before both talk: who only rings is not taken."""

    async def story(desk: Open) -> None:
        first, second, third, fourth = desk(), desk(), desk(), desk()
        wishes = [first.wish(), second.wish(), third.wish()]
        assert await first.exchange.rung.get() == "6001"
        assert await second.exchange.rung.get() == "6002"
        await asyncio.sleep(1)
        assert not wishes[2].done()
        assert third.exchange.playing
        for one, extension in ((first, "6001"), (second, "6002")):
            one.exchange.picks_up(extension)
        assert await wishes[2] == "busy"
        assert await fourth.wish() == "busy"
        for one, extension in ((first, "6001"), (second, "6002")):
            one.exchange.goes(extension, NORMAL)
        assert await wishes[0] == await wishes[1] == "answered"
        third.exchange.assert_idle()

    held(story)


@pytest.mark.parametrize("strategy", ["in_order", "longest_idle", "all_at_once"])
def test_a_phone_that_comes_free_rings_for_who_waits(
    held: Callable[..., Any], strategy: str
) -> None:
    async def story(desk: Open) -> None:
        first, second, third = desk(), desk(), desk()
        wishes = [one.wish() for one in (first, second, third)]
        await asyncio.sleep(3)
        first.press("*")
        second.press("*")
        assert await wishes[0] == await wishes[1] == "abandoned"
        rung = await third.exchange.rung.get()
        third.exchange.picks_up(rung)
        await asyncio.sleep(1)
        third.exchange.goes(rung, NORMAL)
        assert await wishes[2] == "answered"
        for one in (first, second, third):
            one.exchange.assert_idle()

    held(story, strategy=strategy)


def test_with_all_at_once_each_of_two_callers_gets_an_agent(held: Callable[..., Any]) -> None:
    """Whoever answers takes the caller who waited longest; the other phone rings for the next."""

    async def story(desk: Open) -> None:
        first, second = desk(), desk()
        wishes = [first.wish()]
        await asyncio.sleep(1)
        wishes.append(second.wish())
        assert {await first.exchange.rung.get() for _ in range(2)} == {"6001", "6002"}
        await asyncio.sleep(2)
        assert second.exchange.rung.empty()
        first.exchange.picks_up("6002")
        assert await second.exchange.rung.get() == "6001"
        second.exchange.picks_up("6001")
        await asyncio.sleep(5)
        for one, extension in ((first, "6002"), (second, "6001")):
            one.exchange.goes(extension, NORMAL)
        assert await asyncio.gather(*wishes) == ["answered", "answered"]
        assert (first.transferred.agent, second.transferred.agent) == ("二号坐席", "一号坐席")

    held(story, strategy="all_at_once")


def test_an_agent_who_comes_back_rings_for_who_waits_already(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        first, second = desk(), desk()
        talking = first.wish()
        await asyncio.sleep(1)
        first.exchange.picks_up("6001")
        await asyncio.sleep(1)
        waiting = second.wish()
        assert await second.exchange.rung.get() == "6002"
        first.exchange.goes("6001", NORMAL)
        assert await second.exchange.rung.get() == "6001"
        second.exchange.picks_up("6001")
        assert await second.exchange.dropped.get() == "6002"
        second.exchange.goes("6001", NORMAL)
        assert await asyncio.gather(talking, waiting) == ["answered", "answered"]

    held(story, strategy="all_at_once")


@pytest.mark.parametrize("strategy", ["in_order", "longest_idle", "all_at_once"])
def test_who_has_waited_in_vain_hears_that_nobody_answers(
    held: Callable[..., Any], strategy: str
) -> None:
    """Agents are idle all the time: nobody is told that they are busy, and phones do not change."""

    async def story(desk: Open) -> list[str]:
        desks = [desk() for _ in range(3)]
        outcomes = await asyncio.gather(*(one.wish() for one in desks))
        for one in desks:
            one.exchange.assert_idle()
        assert asyncio.get_running_loop().time() <= 31
        return outcomes

    assert held(story, strategy=strategy) == ["no_answer"] * 3


def test_the_next_caller_rings_only_when_the_last_ones_phone_has_stopped(
    held: Callable[..., Any],
) -> None:
    async def story(desk: Open) -> None:
        first, second = desk(), desk()
        first.exchange.registered = second.exchange.registered = frozenset({"6001"})
        gone, waiting = first.wish(), second.wish()
        assert await first.exchange.rung.get() == "6001"
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        await asyncio.sleep(1)
        assert second.exchange.rung.empty(), "the first one's phone rings still"
        await first.call.settle()
        assert await second.exchange.rung.get() == "6001"
        second.press("*")
        assert await waiting == "abandoned"

    held(story)


def test_a_phone_whose_owner_is_away_is_passed_over_for_a_while(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            one = desk()
            assert await _answered_by(one, ["6001", "6002"]) == 15_000
        assert [agent.name for agent, _ in one.call.means.switchboard.desks.away()] == ["一号坐席"]
        resting = loop.time()
        assert await _answered_by(desk(), ["6002"]) == 0, "nobody waits for 6001"
        await asyncio.sleep(resting + 400 - loop.time())
        assert not one.call.means.switchboard.desks.away()
        assert await _answered_by(desk(), ["6001", "6002"]) == 15_000
        assert await _answered_by(desk(), ["6002"]) == 0, "once more is enough now"
        await asyncio.sleep(400)
        assert await _answered_by(desk(), ["6001"]) == 0
        await _answered_by(desk(), ["6001", "6002"])
        assert not one.call.means.switchboard.desks.away(), "it has answered in between"

    held(story, passed_over_seconds=400.0)


def test_who_gives_up_soon_and_who_declines_says_nothing_of_the_agent(
    held: Callable[..., Any],
) -> None:
    async def story(desk: Open) -> None:
        for n in range(8):
            one = desk()
            wish = one.wish()
            assert await one.exchange.rung.get() == "6001"
            await asyncio.sleep(3)
            if n % 2:
                one.press("*")
            else:
                one.exchange.goes("6001", ENGAGED)
                await one.exchange.rung.get()
                one.press("*")
            assert await wish == "abandoned"
        assert not one.call.means.switchboard.desks.away()

    held(story, unanswered_calls=1)


def test_a_line_whose_agents_are_all_away_says_so_at_once(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> list[str]:
        return [await desk().wish() for _ in range(2)]

    assert held(story, unanswered_calls=1) == ["no_answer", "none_there"]
    assert held(story, unanswered_calls=0) == ["no_answer", "no_answer"]


async def _answered_by(one: Desk, phones: list[str]) -> int:
    """Let these phones ring in turn, the last one answers; how long the caller waited, in ms."""
    wish = one.wish()
    for expected in phones:
        assert await one.exchange.rung.get() == expected
    one.exchange.picks_up(phones[-1])
    await asyncio.sleep(1)
    one.exchange.goes(phones[-1], NORMAL)
    assert await wish == "answered"
    return one.transferred.ring_ms


def test_losers_are_free_again_while_the_winner_talks(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        first, second = desk(), desk()
        talking = first.wish()
        await asyncio.sleep(1)
        first.exchange.picks_up("6001")
        await asyncio.sleep(1)
        other = second.wish()
        assert await second.exchange.rung.get() == "6002"
        for one, extension in ((second, "6002"), (first, "6001")):
            one.exchange.picks_up(extension)
            await asyncio.sleep(1)
            one.exchange.goes(extension, NORMAL)
        assert (await other, await talking) == ("answered", "answered")

    held(story, strategy="all_at_once")


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [(ENGAGED, "busy"), (21, "busy"), (19, "no_answer"), (20, "none_there"), (3, "none_there")],
)
def test_causes(held: Callable[..., Any], cause: int, outcome: str) -> None:
    async def story(desk: Open) -> str:
        one = desk()
        wish = one.wish()
        for _ in range(2):
            one.exchange.goes(await one.exchange.rung.get(), cause)
        return await wish

    assert held(story) == outcome


@pytest.mark.parametrize("command", ["online", "music", "connect"])
def test_a_fault_of_the_exchange_ends_the_transfer_and_not_the_call(
    held: Callable[..., Any], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise ExchangeFailed

    async def story(desk: Open) -> None:
        one = desk()
        monkeypatch.setattr(ScriptedExchange, command, refuse)
        one.exchange.picks_up("6001")
        assert await one.wish() == "failed"
        assert (one.transferred.outcome, one.transferred.talk_ms) == ("failed", 0)
        one.exchange.assert_idle()
        assert one.presence("6001") == Presence(), "who was not joined does not talk"

    held(story)


def test_after_an_agent_who_is_gone_at_once_the_caller_hears_music_again(
    held: Callable[..., Any],
) -> None:
    async def story(desk: Open) -> None:
        one = desk()
        wish = one.wish()
        assert await one.exchange.rung.get() == "6001"
        one.exchange.ringing.discard("6001")
        one.exchange.picks_up("6001")
        assert await one.exchange.rung.get() == "6002"
        assert one.exchange.playing
        one.exchange.picks_up("6002")
        await asyncio.sleep(1)
        one.exchange.goes("6002", NORMAL)
        assert await wish == "answered"
        one.exchange.assert_idle()

    held(story, strategy="in_order")


def test_a_caller_who_hangs_up_while_waiting_has_abandoned(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        one = desk()
        wish = one.wish()
        await one.exchange.rung.get()
        await asyncio.sleep(7)
        wish.cancel()
        await asyncio.gather(wish, return_exceptions=True)
        assert one.facts == []
        await one.call.settle()
        assert one.transferred == Transferred(
            session="s", agent="一号坐席", outcome="abandoned", ring_ms=7000
        )
        one.exchange.assert_idle()

    held(story)


@pytest.mark.parametrize(("moment", "strategy"), [("connect", "in_order"), ("drop", "all_at_once")])
def test_a_caller_who_hangs_up_in_the_moment_of_the_answer_leaves_no_agent_talking(
    held: Callable[..., Any], moment: str, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else that agent is never rung again, until somebody looks through all of Asterisk."""

    async def never(*_: object) -> bool:
        await asyncio.sleep(3600)
        return True

    async def story(desk: Open) -> None:
        one = desk()
        wish = one.wish()
        assert await one.exchange.rung.get() == "6001"
        with monkeypatch.context() as patched:
            patched.setattr(ScriptedExchange, moment, never)
            one.exchange.picks_up("6001")
            await asyncio.sleep(0.1)
            wish.cancel()
            await asyncio.gather(wish, return_exceptions=True)
        await one.call.settle()
        assert one.presence("6001") == Presence()
        assert one.transferred.talk_ms == 0
        again = desk()
        wish = again.wish()
        assert await again.exchange.rung.get() == "6001"
        wish.cancel()
        await asyncio.gather(wish, return_exceptions=True)

    held(story, strategy=strategy)


def test_a_suspended_wait_is_not_recorded_and_its_agent_is_free(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        one = desk()
        wish = one.wish()
        await one.exchange.rung.get()
        wish.cancel()
        await asyncio.gather(wish, return_exceptions=True)
        assert one.facts == []
        await asyncio.sleep(STOPPING_SECONDS)
        again = desk()
        wish = again.wish()
        assert await again.exchange.rung.get() == "6001"
        wish.cancel()
        await asyncio.gather(wish, return_exceptions=True)

    held(story)


def test_a_conversation_found_in_asterisk_goes_on(held: Callable[..., Any]) -> None:
    async def story(desk: Open) -> None:
        one, other = desk(), desk()
        since = datetime.now(UTC) - timedelta(seconds=90)
        one.exchange.talking = Talk("leg", "6001", since, ring_ms=3000)
        wish = one.wish()
        elsewhere = other.wish()
        assert await other.exchange.rung.get() == "6002", "6001 is on a call"
        one.exchange.goes("leg", NORMAL)
        assert await wish == "answered"
        assert one.transferred.agent == "一号坐席"
        assert one.transferred.ring_ms == 3000
        assert 89_000 <= one.transferred.talk_ms <= 120_000
        elsewhere.cancel()
        await asyncio.gather(elsewhere, return_exceptions=True)

    held(story)


def test_the_agent_sees_where_the_caller_has_been_and_never_a_whole_number(
    held: Callable[..., Any],
) -> None:
    async def story(desk: Open) -> None:
        one = desk()
        one.call.enter("account.menu")
        one.call.enter("account.inquiry")
        one.call.trail.tail = Sensitive("002X")
        one.call.trail.lookup = "fund found"
        wish = one.wish()
        await one.exchange.rung.get()
        assert one.exchange.screens == [
            {
                "session": "s",
                "path": "account.menu > account.inquiry",
                "id_tail": "002X",
                "lookup": "fund found",
                "person": "",
            }
        ]
        wish.cancel()
        await asyncio.gather(wish, return_exceptions=True)

    held(story)
