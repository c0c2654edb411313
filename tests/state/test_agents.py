"""Agents of several nodes: one call rings a phone, whoever came first is next, on any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from unittest.mock import patch

import pytest
from sqlalchemy import Connection, select, update

from ivr.agents.desks import Desks, Moved
from ivr.agents.notes import Talked
from ivr.agents.presence import Event, State
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.agents.together import SharedFloor, among_nodes
from ivr.agents.told_rows import ROW
from ivr.config import Agent, AgentsSettings
from ivr.records.facts import Standing
from ivr.state.nodes import LEASE_SECONDS, NODE, drain
from ivr.state.shared import CALLER_SECONDS, CannotReach
from tests.state.conftest import Pair, stopped
from tests.state.line import SLOW_MACHINE, OneOf, away, served

FIRST, SECOND = Agent(name="张敏", extension="6001"), Agent(name="李强", extension="6002")
TWO = AgentsSettings(phones=(FIRST, SECOND), strategy="longest_idle", after_call_seconds=0)


@dataclass
class Office:
    """A node whose calls the test makes, each ringing whatever it is given."""

    one: OneOf
    switchboard: Switchboard
    floor: SharedFloor
    moves: list[Moved] = field(default_factory=list)
    places: dict[str, Waiting] = field(default_factory=dict)
    kept: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def desks(self) -> Desks:
        return self.switchboard.desks

    def comes(self, who: str, *, ago: float = 0.0, standing: Standing = "usual", **of: str) -> None:
        place = Waiting(who, self.desks.clock() - ago, standing, person=of.get("person"))
        self.places[who] = place
        self.kept.enter_context(self.switchboard.waiting(place))

    async def rings(self, who: str) -> list[str]:
        return [agent.extension for agent in await self.switchboard.claim(self.places[who])]

    def leaves(self, who: str) -> None:
        self.switchboard.free_all_of(self.places[who])
        self.switchboard.queue.leave(self.places.pop(who))
        self.switchboard.look_again()

    @contextmanager
    def talks(self, who: str, agent: Agent) -> Iterator[None]:
        with self.switchboard.serving(agent, self.places[who]), self.desks.talks(agent):
            yield
        self.desks.hung_up(agent)

    def state(self, agent: Agent) -> State:
        return self.desks.of(agent).state

    async def knows(self, holds: Callable[[], bool]) -> None:
        """By exchanges, as many as it takes."""
        async with asyncio.timeout(60):
            while not holds():
                await self.floor.catch_up()
                await asyncio.sleep(0.01)


@asynccontextmanager
async def office(one: OneOf, settings: AgentsSettings) -> AsyncIterator[Office]:
    moves: list[Moved] = []
    desks = Desks(settings, asyncio.get_running_loop().time)
    switchboard = Switchboard(desks)
    floor = among_nodes(one.node, switchboard)

    def told(moved: Moved) -> None:
        moves.append(moved)
        floor.moved(moved)

    async def online() -> frozenset[str]:
        return frozenset(agent.extension for agent in settings.phones)

    desks.told = told
    await switchboard.look(online, 0.0)
    floor.begin(())
    made = Office(one, switchboard, floor, moves)
    try:
        async with made.kept:
            yield made
    finally:
        await floor.stop()
        one.node.membership.parts.remove(floor)


Story = Callable[[Office, Office], Awaitable[None]]


def told(
    story: Story, pair: Pair, settings: AgentsSettings = TWO, caller_seconds: float = SLOW_MACHINE
) -> None:
    """A story of two offices that have both found the database."""

    async def course() -> None:
        async with AsyncExitStack() as stack:
            offices = []
            for each in pair:
                one = await stack.enter_async_context(served(each, None, caller_seconds))
                offices.append(await stack.enter_async_context(office(one, settings)))
            for made in offices:
                await lives(made.one)
            for made in offices:
                await made.one.finds_it_again()
                await lives(made.one)
            await story(*offices)

    asyncio.run(course())


async def lives(one: OneOf, *, heard_of: bool = True) -> None:
    """However slow this machine is; or not any more."""
    seen = {"seen_at": 9e9 if heard_of else 0.0}
    changed = update(NODE).where(NODE.c.name == one.settings.node).values(**seen)
    await one.node.shared.attempt(lambda rows: rows.execute(changed).rowcount, 30)


@contextmanager
def cut_off(*offices: Office, lease: float = 0.0) -> Iterator[None]:
    """These do not reach the database; who has not for a lease goes by its share."""
    with ExitStack() as stack:
        stack.enter_context(away(*(each.one for each in offices)))
        stack.enter_context(patch("ivr.agents.together.LEASE_SECONDS", lease))
        for each in offices:
            shared = each.one.node.shared
            stack.enter_context(patch.object(shared, "attempt", side_effect=CannotReach("cut")))
        yield


def test_no_phone_is_rung_by_two_nodes(each_way: Pair) -> None:
    """In the same moment, again and again."""

    async def story(one: Office, other: Office) -> None:
        for n in range(5):
            for each in (one, other):
                each.comes(f"{n} {each.one.settings.node}")
            rung = await asyncio.gather(
                *(each.rings(next(iter(each.places))) for each in (one, other))
            )
            phones = [extension for each in rung for extension in each]
            assert len(phones) == len(set(phones)), rung
            for each in (one, other):
                each.leaves(next(iter(each.places)))
                await each.floor.catch_up()

    told(story, each_way)


def test_whoever_came_first_is_next_on_whichever_node(each_way: Pair) -> None:
    async def story(one: Office, other: Office) -> None:
        one.comes("later", ago=5)
        other.comes("earlier", ago=9)
        for each in (one, other):
            await each.floor.catch_up()
        assert await one.rings("later") == [], "whoever is next chooses first"
        assert await other.rings("earlier") == ["6001"]
        await one.floor.catch_up()
        assert await one.rings("later") == ["6002"]
        one.leaves("later")
        other.comes("senior", standing="senior")
        for each in (other, one):
            await each.floor.catch_up()
        one.comes("last", ago=100)
        assert await one.rings("last") == [], "the phone is for whom another node has"
        await other.knows(lambda: other.desks.is_free(SECOND))
        assert await other.rings("senior") == ["6002"]

    told(story, each_way)


def test_a_place_that_this_node_did_not_know_comes_first_all_the_same(pair: Pair) -> None:
    """It was taken a moment ago: the claim finds it, and whoever waits looks again."""

    async def story(one: Office, other: Office) -> None:
        one.comes("usual", ago=60)
        await one.floor.catch_up()
        woken: list[str] = []
        one.places["usual"].wake = lambda: woken.append("usual")
        other.comes("senior", standing="senior")
        for agent in (FIRST, SECOND):
            other.desks.wishes(agent, Event.NOT_READY, "phone")
        other.desks.wishes(SECOND, Event.READY, "phone")
        await other.floor.catch_up()
        one.floor._seen.clear()
        assert await one.rings("usual") == []
        assert woken
        assert one.switchboard.queue.ahead_of(one.places["usual"]) == 1
        assert await other.rings("senior") == ["6002"]

    told(story, pair)


def test_a_phone_that_came_free_on_one_node_rings_for_who_waits_on_the_other(
    each_way: Pair,
) -> None:
    settings = TWO.model_copy(update={"phones": (FIRST,)})

    async def story(one: Office, other: Office) -> None:
        one.comes("a")
        assert await one.rings("a") == ["6001"]
        other.comes("b")
        woken = asyncio.Event()
        other.places["b"].wake = woken.set
        with one.talks("a", FIRST):
            await other.knows(lambda: other.state(FIRST) is State.TALKING)
            assert await other.rings("b") == []
            woken.clear()
            talked = other.desks.clock()
        one.leaves("a")
        async with asyncio.timeout(60):
            await woken.wait()
        await other.knows(lambda: other.state(FIRST) is State.FREE)
        assert other.desks.heard_of() >= talked, "who waits here knows that somebody is there"
        await other.knows(lambda: other.desks.is_free(FIRST))
        assert await other.rings("b") == ["6001"]

    told(story, each_way, settings)


def test_a_node_that_dies_frees_its_phones_and_its_places(each_way: Pair) -> None:
    """Who talked there is free again, which one node says once; who only rang may be rung."""

    async def story(one: Office, other: Office) -> None:
        one.comes("talks")
        one.comes("rings", standing="senior")
        (talking,) = await one.rings("rings")
        agent = one.desks.agent(talking)
        one.switchboard.free(agent)
        (ringing,) = await one.rings("rings")
        with one.talks("talks", agent) if ringing != talking else one.talks("rings", agent):
            await one.floor.catch_up()
            await other.knows(lambda: other.state(agent) is State.TALKING)
            other.comes("waits")
            await one.floor.stop()
            await lives(one.one, heard_of=False)
            await other.knows(lambda: other.state(agent) is State.FREE)
            await other.floor.catch_up()
            assert [each.before.state for each in other.moves] == [State.TALKING]
            assert other.switchboard.queue.ahead_of(other.places["waits"]) == 0
            assert await other.rings("waits")

    told(story, each_way)


def test_a_service_that_begins_anew_finds_its_callers_places(pair: Pair) -> None:
    """kill -9: the places stay while it is away, and nobody later takes the phone."""
    settings = TWO.model_copy(update={"phones": (FIRST,)})

    async def story(one: Office, other: Office) -> None:
        one.comes("first", ago=30)
        one.comes("second", ago=20)
        await one.floor.catch_up()
        await one.floor.stop()
        one.one.node.membership.parts.remove(one.floor)
        other.comes("third", ago=10)
        await other.knows(lambda: other.switchboard.queue.ahead_of(other.places["third"]) == 2)
        assert await other.rings("third") == []
        async with office(one.one, settings) as again:
            await again.floor.catch_up()
            await other.floor.catch_up()
            assert other.switchboard.queue.ahead_of(other.places["third"]) == 2
            for who, ago in (("second", 20), ("first", 30)):
                place = Waiting(who, again.desks.clock() - ago)
                again.places[who] = place
                again.switchboard.expect(place)
            assert await again.rings("second") == []
            assert await again.rings("first") == ["6001"]
        one.one.node.membership.parts.append(one.floor)

    told(story, pair, settings)


def test_what_an_agent_wishes_on_one_node_holds_on_all(pair: Pair) -> None:
    """Also in the midst of a conversation that another node has: for its end."""

    async def story(one: Office, other: Office) -> None:
        one.desks.wishes(SECOND, Event.NOT_READY, "phone", "午休")
        await one.floor.catch_up()
        await other.knows(lambda: other.state(SECOND) is State.NOT_READY)
        assert other.desks.of(SECOND).reason == "午休"
        one.comes("a")
        assert await one.rings("a") == ["6001"]
        with one.talks("a", FIRST):
            await one.floor.catch_up()
            await other.knows(lambda: other.state(FIRST) is State.TALKING)
            other.desks.wishes(FIRST, Event.NOT_READY, "console", "会议")
            await other.floor.catch_up()
            await one.knows(lambda: one.desks.of(FIRST).then is State.NOT_READY)
            other.desks.found_talking(())
            assert other.state(FIRST) is State.TALKING
        await one.floor.catch_up()
        await other.knows(lambda: other.state(FIRST) is State.NOT_READY)
        ends = [each for each in (*one.moves, *other.moves) if each.before.state is State.TALKING]
        assert [each.now.state for each in ends if each.is_new] == [State.NOT_READY]

    told(story, pair)


def test_a_note_that_is_written_at_another_node_ends_after_call_work(pair: Pair) -> None:
    async def story(first: Office, second: Office) -> None:
        with first.desks.talks(FIRST, Talked("t")):
            pass
        first.desks.hung_up(FIRST)
        assert first.state(FIRST) is State.WRAP_UP
        await second.knows(lambda: second.state(FIRST) is State.WRAP_UP)
        second.desks.noted("t")
        await first.knows(lambda: first.state(FIRST) is State.FREE)

    told(story, pair, TWO.model_copy(update={"notes_required": True}))


def test_a_wish_to_be_called_back_steps_aside_for_its_caller_on_another_node(pair: Pair) -> None:
    async def story(one: Office, other: Office) -> None:
        wish = Waiting("wish.p", one.desks.clock() - 60, person="p", is_wish=True)
        one.places["wish"] = wish
        one.kept.enter_context(one.switchboard.waiting(wish))
        other.comes("s", person="p")
        for each in (one, other, one):
            await each.floor.catch_up()
        assert wish not in one.switchboard.queue.in_order()
        assert other.switchboard.queue.ahead_of(other.places["s"]) == 0

    told(story, pair)


def test_each_node_rings_its_own_share_while_the_database_is_away(each_way: Pair) -> None:
    """Each phone is one node's; what agents did meanwhile is told when it is back, once."""

    async def story(one: Office, other: Office) -> None:
        with cut_off(one, other):
            for each in (one, other):
                each.comes(f"alone {each.one.settings.node}")
            rung = {
                each.one.settings.node: await each.rings(next(iter(each.places)))
                for each in (one, other)
            }
            assert rung == {"node-1": ["6001"], "node-2": ["6002"]}
            with one.talks("alone node-1", FIRST):
                pass
            one.desks.wishes(FIRST, Event.NOT_READY, "phone", "会议")
            assert other.state(FIRST) is State.FREE
        for each in (one, other):
            await each.one.finds_it_again()
        await other.knows(lambda: other.state(FIRST) is State.NOT_READY)
        assert not one.floor._untold
        assert [each.now.state for each in other.moves] == []

    told(story, each_way)


def test_a_claim_without_an_answer_is_none_and_who_waits_rings_when_there_is_one(
    pair: Pair,
) -> None:
    """A slow database is not one that is away: the other node may be ringing that very phone."""

    async def story(one: Office, other: Office) -> None:
        one.comes("a")
        with cut_off(one, lease=LEASE_SECONDS):
            assert await one.rings("a") == []
            other.comes("b")
            assert await other.rings("b") == ["6001"]
        woken = asyncio.Event()
        one.places["a"].wake = woken.set
        async with asyncio.timeout(60):
            await woken.wait()
        assert await one.rings("a") == ["6002"]

    told(story, pair)


def test_alone_nobody_rings_a_phone_that_another_node_had(pair: Pair) -> None:
    """Its conversation may go on there; whoever had it keeps it, whosever turn it would be."""

    async def story(one: Office, other: Office) -> None:
        for each in (other, one):
            each.comes(f"first {each.one.settings.node}")
        assert await other.rings("first node-2") == ["6001"]
        await one.floor.catch_up()
        with cut_off(one, other):
            assert await one.rings("first node-1") == [], "6001 is node-1's by turns, 6002 is not"
            other.leaves("first node-2")
            with pytest.raises(CannotReach):
                await other.floor.catch_up()
            for who in ("next", "and next"):
                other.comes(who)
            rung = [*await other.rings("next"), *await other.rings("and next")]
            assert sorted(rung) == ["6001", "6002"]

    told(story, pair)


def test_a_drained_node_leaves_its_share_to_the_others(pair: Pair) -> None:
    async def story(one: Office, other: Office) -> None:
        draining = partial(drain, name=one.one.settings.node, draining=True)
        await one.one.node.shared.attempt(draining, 30)
        for each in (one, other):
            await each.one.beat()
        with cut_off(one, other):
            for who in ("a", "b"):
                other.comes(who)
            one.comes("c", ago=5)
            assert [*await other.rings("a"), *await other.rings("b")] == ["6001", "6002"]
            assert await one.rings("c") == []

    told(story, pair)


def test_of_what_two_nodes_said_alone_the_later_holds(pair: Pair) -> None:
    async def story(one: Office, other: Office) -> None:
        with cut_off(one, other):
            one.desks.wishes(FIRST, Event.NOT_READY, "phone", "午休")
            await asyncio.sleep(0.01)
            other.desks.wishes(FIRST, Event.NOT_READY, "console", "会议")
        for each in (other, one):
            await each.one.finds_it_again()
            await each.floor.catch_up()
        for each in (one, other):
            assert each.desks.of(FIRST).reason == "会议"

    told(story, pair)


@pytest.mark.live
def test_a_stopped_database_holds_no_caller_up_and_rings_no_phone_twice(
    server: object, on_postgres: Pair
) -> None:
    """SIGSTOP in the midst of a claim: whether it was carried out is not known."""

    async def story(one: Office, other: Office) -> None:
        for each in (one, other):
            each.comes(f"s {each.one.settings.node}")
            await each.floor.catch_up()
        with stopped(server):  # type: ignore[arg-type]
            rung = await asyncio.gather(one.rings("s node-1"), other.rings("s node-2"))
        phones = [extension for each in rung for extension in each]
        assert len(phones) == len(set(phones)), rung
        for each in (one, other):
            await each.one.finds_it_again()
            await each.floor.catch_up()
        claims = await one.one.node.shared.attempt(_claims, 30)
        assert dict(claims) == {
            extension: each.one.settings.node
            for each, phones in zip((one, other), rung, strict=True)
            for extension in phones
        }

    told(story, on_postgres, TWO, CALLER_SECONDS)


def _claims(rows: Connection) -> list[tuple[str, str]]:
    found = rows.execute(select(ROW.c.name, ROW.c.node).where(ROW.c.kind == "claim"))
    return [(row.name, row.node) for row in found]
