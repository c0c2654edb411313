"""Two edges and two whole cells: calls spread, given on, drained, killed; whose calls they are.

All of it in a network namespace: tests/live/province.py.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

from ivr.asterisk import locate, process
from ivr.edge import console
from ivr.edge.console import State
from ivr.probe.sip import Message, uri_of
from ivr.speech.prompts import PromptSet
from tests.live.conftest import HANGING_SECONDS, Caller, LiveLine
from tests.live.phone import Phone
from tests.live.province import (
    AGENTS_PHONE,
    CELLS,
    FLOATING,
    PASSWORD,
    STRANGER,
    WEBSOCKET,
    Edge,
    Province,
    a_province,
    said,
)
from tests.live.test_agents import ask_for_an_agent, heart, tone, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

OFFER = """v=0
o=- 1 1 IN IP4 192.0.2.23
s=-
t=0 0
m=audio 9 UDP/TLS/RTP/SAVPF 8
c=IN IP4 0.0.0.0
a=rtpmap:8 PCMA/8000
a=sendrecv
a=rtcp-mux
a=setup:actpass
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {digest}
""".replace("\n", "\r\n").format(digest=":".join(["AB"] * 32))
"""What a browser offers, as far as it matters here."""


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[Province]:
    with a_province(tmp_path_factory, whole_set) as whole:
        yield whole


def test_calls_are_spread_and_the_carrier_is_vouched_for(province: Province) -> None:
    async def story() -> None:
        await province.at_rest()
        async with AsyncExitStack() as calls:
            callers = [await calls.enter_async_context(province.call()) for _ in range(4)]
            assert province.carried() == {"hz-1": 2, "hz-2": 2}
            assert province.whose("hz-1") == ["trunk-telecom"] * 2
            await callers[0].hears_begin("main.greeting")
        await until(lambda: province.carried() == {"hz-1": 0, "hz-2": 0})
        await until(lambda: not sum(each.calls for each in province.standing().values()))

    asyncio.run(story())


def test_nobody_vouches_for_a_stranger_whatever_it_says(province: Province) -> None:
    """Neither through the edge, nor past it, nor as an agent."""

    async def story() -> None:
        await province.at_rest()
        claims = {"X-Trunk": "telecom", "X-Agent": "6001", "X-Last-Try": "yes"}
        async with AsyncExitStack() as calls:
            for _ in CELLS:
                await calls.enter_async_context(province.call(STRANGER, **claims))
            assert [province.whose(name) for name in CELLS] == [[""], [""]]
        async with Phone.connected((CELLS["hz-1"], 5060), host=STRANGER) as past:
            assert await past.dial("12329", headers=claims) == 200
            assert province.whose("hz-1") == [""]
            assert province.carried()["hz-1"] == 0, "it is no call of the edge's"
        async with province.phone(STRANGER, user="6001", password="guessed") as agent:
            assert await agent.dial("*9") == 407

    asyncio.run(story())


def test_a_cell_without_a_service_gives_the_call_on_and_the_last_apologises(
    province: Province,
) -> None:
    async def story() -> None:
        await province.at_rest()
        one, other = province.cells.values()
        one.kill_service()
        async with AsyncExitStack() as calls:
            for _ in range(3):
                await calls.enter_async_context(province.call())
            assert province.carried() == {"hz-1": 0, "hz-2": 3}
        other.kill_service()
        async with province.call() as caller:
            await caller.hears(one.ear.alias["line.apology"])
            await caller.phone.wait_for_end(within=HANGING_SECONDS)
        one.launch_service()
        other.launch_service()
        for line in (one, other):
            line.wait_until_healthy()

    asyncio.run(story())
    pages = [*(province.cells["hz-1"].settings.home / "spool").glob("*-asterisk.jsonl")]
    carried = [line for page in pages for line in page.read_text().splitlines()]
    assert sum('"away": true' in line for line in carried) <= 1, "a call given on is counted once"


def test_a_drained_cell_keeps_its_calls_and_gets_no_new_ones(province: Province) -> None:
    async def story() -> None:
        await province.at_rest()
        async with AsyncExitStack() as calls:
            calls.callback(console.set_taking, province.edge.told, "hz-1", taking=True)
            before = [await calls.enter_async_context(province.call()) for _ in range(2)]
            assert province.carried() == {"hz-1": 1, "hz-2": 1}
            assert "不再接新来电" in await province.command("drain", "hz-1")
            await asyncio.sleep(5.0)  # two answers to OPTIONS
            assert province.standing()["hz-1"].state is State.DRAINED
            for _ in range(2):
                await calls.enter_async_context(province.call())
            assert province.carried() == {"hz-1": 1, "hz-2": 3}
            assert "停接新来电" in await province.command("list")
            for caller in before:
                await caller.hears_begin("main.greeting")
                assert not caller.phone.ended.is_set()
        assert "恢复接听" in await province.command("resume", "hz-1")
        await province.at_rest()
        async with province.call(), province.call():
            assert province.carried() == {"hz-1": 1, "hz-2": 1}

    asyncio.run(story())


def test_one_cell_after_the_other_is_made_new_and_no_call_is_lost(province: Province) -> None:
    """By `ivr node drain`: its new calls are answered 503, and the edge gives them on."""

    async def made_new(name: str, other: str) -> None:
        line = province.cells[name]
        await province.at_rest()
        async with AsyncExitStack() as calls:
            before = [await calls.enter_async_context(province.call()) for _ in CELLS]
            await said(line.env, "node", "drain", name)
            await until(lambda: line.health()["status"] == "closed")
            new = [await calls.enter_async_context(province.call()) for _ in CELLS]
            assert province.carried() == {name: 1, other: 3}
            for caller in before:
                caller.phone.press("7")
                await caller.hears("line.goodbye")
            await until(lambda: not line.ari("channels"))
            line.kill_service(signal.SIGTERM)
            line.launch_service()
            await said(line.env, "node", "drain", name, "--back")
            await asyncio.to_thread(line.wait_until_healthy)
            assert not any(caller.phone.ended.is_set() for caller in new)

    async def story() -> None:
        for name, other in (CELLS, reversed(CELLS)):
            await made_new(name, other)
        await province.at_rest()

    asyncio.run(story())


def test_of_a_killed_cell_the_calls_end_and_all_others_go_on(province: Province) -> None:
    async def story() -> None:
        await province.at_rest()
        one, other = province.cells.values()
        async with AsyncExitStack() as calls:
            phones = [(await calls.enter_async_context(province.call())).phone for _ in range(4)]
            assert province.carried() == {"hz-1": 2, "hz-2": 2}
            assert one.asterisk is not None
            one.kill_service()
            one.asterisk.kill()
            one.asterisk.wait()
            new = [(await calls.enter_async_context(province.call())).phone for _ in range(3)]
            await until(lambda: sum(phone.ended.is_set() for phone in phones) == 2)
            await asyncio.sleep(1.0)
            assert sum(phone.ended.is_set() for phone in phones) == 2
            assert not any(phone.ended.is_set() for phone in new)
            assert len(other.ari("channels")) == 5
            assert province.standing()["hz-1"].state is State.SILENT
        found = locate.find()
        assert found is not None
        one.asterisk = process.start(one.settings, found)
        process.wait_until_ready(one.settings, one.asterisk)
        one.start_service()
        await province.at_rest()
        async with province.call(), province.call():
            assert province.carried() == {"hz-1": 1, "hz-2": 1}

    asyncio.run(story())


@pytest.mark.parametrize("dies", [Edge.die, Edge.lose_kamailio])
def test_of_two_edges_the_living_one_dies_and_no_call_does(
    province: Province, dies: Callable[[Edge], None]
) -> None:
    """The whole machine, or its Kamailio alone; keepalived gives the other the address."""

    async def story() -> None:
        await province.at_rest()
        async with AsyncExitStack() as calls:
            talks, leaves = [await calls.enter_async_context(province.call()) for _ in CELLS]
            await talks.hears_begin("main.greeting")
            dead = province.edge
            dies(dead)
            await until(
                lambda: province.living() == [each for each in province.edges if each is not dead]
            )
            calls.callback(dead.start)
            answer = await talks.phone.offer_anew(talks.phone.offer())
            assert answer.status == 200, "a re-INVITE comes to its cell by the other edge"
            leaves.phone.press("7")
            await leaves.hears("line.goodbye")
            await leaves.phone.wait_for_end(within=HANGING_SECONDS)
            new = await calls.enter_async_context(province.call())
            await new.hears_begin("main.greeting")
            assert sum(province.carried().values()) == 2
            await talks.phone.hang_up()
            await until(lambda: sum(province.carried().values()) == 1)
            assert not new.phone.ended.is_set()

    asyncio.run(story())


def test_an_agent_registers_at_the_edge_and_is_rung_by_any_cell(province: Province) -> None:
    async def story() -> None:
        await province.at_rest()
        async with province.phone(STRANGER, user="6001", password="wrong") as thief:
            with pytest.raises(AssertionError, match="401"):
                await thief.register()
        async with province.phone(AGENTS_PHONE, user="6001", password=PASSWORD) as broken:
            await broken.register()  # and is started anew, without a word of goodbye
        async with province.phone(AGENTS_PHONE, user="6001", password=PASSWORD) as agent:
            await agent.register()
            await until(lambda: all(map(_sees_the_agent, province.cells.values())))
            async with AsyncExitStack() as calls:
                for _ in CELLS:
                    caller = await calls.enter_async_context(province.call())
                    await ask_for_an_agent(caller)
                    await until(agent.answered.is_set)
                    caller.phone.speak(caller.line.ear.sound("survey.thanks"))
                    await until(lambda: len(agent.heard.audio) > 8000)
                    await agent.hang_up()
                    agent.answered.clear()
                assert province.carried() == {"hz-1": 1, "hz-2": 1}, "each has rung it"
            await agent.unregister()

    asyncio.run(story())


def test_two_cells_want_one_agent_who_is_rung_by_one_after_the_other(province: Province) -> None:
    async def story() -> None:
        await province.at_rest()
        async with (
            province.phone(AGENTS_PHONE, user="6001", password=PASSWORD) as agent,
            province.call() as one,
            province.call() as other,
        ):
            assert province.carried() == {"hz-1": 1, "hz-2": 1}
            await agent.register()
            await until(lambda: all(map(_sees_the_agent, province.cells.values())))
            await asyncio.gather(*map(ask_for_an_agent, (one, other)))
            waits = await first_who_hears("queue.next", one, other)
            talks = other if waits is one else one
            for rung, caller in enumerate((talks, waits), 1):
                await is_rung_for(agent, rung)
                caller.phone.speak(tone(caller.line))
                await until(lambda: heart(tone(one.line)) in agent.heard.audio)
                await agent.hang_up()
            assert len(agent.incoming) == 2, "each cell has rung once"
            await agent.unregister()

    asyncio.run(story())


async def is_rung_for(agent: Phone, times: int) -> None:
    """Until it talks, after as many rings as callers have come to it."""
    await until(lambda: len(agent.incoming) == times and agent.answered.is_set())


async def first_who_hears(clip: str, *callers: Caller) -> Caller:
    listening = {asyncio.create_task(caller.hears(clip)): caller for caller in callers}
    done, others = await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
    for each in others:
        each.cancel()
    (heard,) = done
    await heard
    return listening[heard]


def _sees_the_agent(line: LiveLine) -> bool:
    told = line.ari("endpoints/PJSIP/6001")
    return bool(told["state"] == "online")


def test_a_browser_calls_by_the_edges_websocket_and_speaks_as_one(province: Province) -> None:
    """It is taken for a browser because it came by that door, whatever header it adds itself."""

    async def story() -> None:
        await province.at_rest()
        url = f"ws://{FLOATING}:{WEBSOCKET}/"
        async with ClientSession() as web, web.ws_connect(url, protocols=("sip",)) as door:
            assert door.protocol == "sip"
            await door.send_str(_request("INVITE", "sip:12329@edge.invalid", OFFER))
            answer = await _final(door)
            assert answer.status == 200, answer.start
            assert "UDP/TLS/RTP/SAVPF" in answer.body
            assert sum(map(_browsers, province.cells.values())) == 1
            routes = "".join(f"Route: {route}\r\n" for route in reversed(answer.routes))
            target = uri_of(answer.headers["contact"])
            for method in ("ACK", "BYE"):
                await door.send_str(_request(method, target, "", answer.headers["to"], routes))
            assert (await _final(door)).status == 200
            await until(lambda: not any(map(_browsers, province.cells.values())))

    asyncio.run(story())


def _browsers(line: LiveLine) -> int:
    return sum(each["name"].startswith("PJSIP/browser-") for each in line.ari("channels"))


async def _final(door: ClientWebSocketResponse) -> Message:
    while True:
        answer = Message.parse((await door.receive_str(timeout=20)).encode())
        if answer.status is not None and answer.status >= 200:
            return answer


def _request(method: str, uri: str, body: str, to: str = "", routes: str = "") -> str:
    sequence = 1 if method in {"INVITE", "ACK"} else 2
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WS b.invalid;branch=z9hG4bK{method}\r\n"
        f"Max-Forwards: 70\r\n{routes}From: <sip:guest@b.invalid>;tag=b\r\n"
        f"To: {to or f'<{uri}>'}\r\nCall-ID: browser@b.invalid\r\nCSeq: {sequence} {method}\r\n"
        f"Contact: <sip:guest@b.invalid;transport=ws>\r\nX-Relay: guessed\r\n{kind}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
