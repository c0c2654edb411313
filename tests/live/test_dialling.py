"""Calls that the line makes: an agent's phone, then the caller's, by a carrier's trunk."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.agents import wishes
from ivr.agents.wishes import Wishes
from ivr.asterisk.configure import dial_secret
from ivr.cases.case import Case, Filed
from ivr.cases.moves import Deed, Move, State
from ivr.cases.register import Register
from ivr.cases.store import Cases
from ivr.hours import BEIJING
from ivr.lifecycle.setting import by, change
from ivr.people.audit import Audit
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from ivr.records.facts import OF_CALLED
from ivr.speech.prompts import PromptSet
from tests.cases.test_moves import CLOSED, LEADER
from tests.live.conftest import AGENTS, HANGING_SECONDS, Caller, LiveLine, a_line
from tests.live.phone import Phone
from tests.live.test_agents import (
    agent_phone,
    ask_for_an_agent,
    first,
    heart,
    nothing_is_left,
    tone,
    until,
)
from tests.ports import free_port

pytestmark = pytest.mark.live

CITIZEN = "13800138000"
CARRIER_HOST = "127.0.0.9"


@pytest.fixture(scope="module")
def out_line(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[LiveLine]:
    """A line that may call out, at any hour, by a carrier on this machine."""
    port = free_port()
    dialling = {
        "trunk": "carrier",
        "server": f"{CARRIER_HOST}:{port}",
        "hours": ["00:00-24:00"],
        "calls_per_number": 50,
        "agent_seconds": 4,
        "number_seconds": 4,
    }
    today = datetime.now(BEIJING).date()
    hours = {**AGENTS["hours"], "working_days": [today.isoformat()]}  # type: ignore[dict-item]
    home = tmp_path_factory.mktemp("out")
    trunks = [{"name": "carrier", "hosts": [CARRIER_HOST]}]
    agents = {**AGENTS, "hours": hours}
    with a_line(home, whole_set, trunks=trunks, dialling=dialling, agents=agents) as line:
        line.start_service()
        yield line


@asynccontextmanager
async def citizen(line: LiveLine, policy: str = "answer") -> AsyncIterator[Phone]:
    """Somebody whose telephone rings when the carrier is asked for a number."""
    server = line.settings.dialling.server
    assert server is not None
    port = int(server.partition(":")[2])
    async with Phone.open(line.settings.sip_port, host=CARRIER_HOST, at=port) as phone:
        phone.policy = policy
        yield phone


def keys_of(line: LiveLine) -> Keys:
    return Keys.load(line.settings.home / "keys")


def vault_of(line: LiveLine) -> Vault:
    return Vault(line.settings.home / "vault.sqlite", keys_of(line))


def a_case(line: LiveLine, number: str, left_from: str | None) -> None:
    """A case that was left from that number, as a complaint leaves it."""
    token = None
    if left_from is not None:
        token = Tokens(keys_of(line)).caller(left_from)
        vault_of(line).keep(token, Sensitive(left_from))
    filed = Filed(number, "complaint", "s", None, datetime.now(UTC), f"{number}.wav", 1, "", token)
    assert Cases(line.settings.cases_url).open(filed)


def asked(line: LiveLine, path: str, content: Any = None, secret: str | None = None) -> Any:
    """Status and answer of the service's door for calls."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{line.settings.http_port}/{path}",
        data=None if content is None else json.dumps(content).encode(),
        headers={"X-Dial": dial_secret(line.settings) if secret is None else secret},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


async def called_back(line: LiveLine, case: str) -> str:
    """The name of the try that has begun."""
    want = {"case": case, "agent": "6001", "by": "王敏", "reason": "答复投诉"}
    status, told = await asyncio.to_thread(asked, line, "dial", want)
    assert status == 202, told
    return str(told["attempt"])


def tries(line: LiveLine) -> list[dict[str, Any]]:
    return [fact for fact in line.facts() if fact["fact"] == "Dialled"]


async def outcome(line: LiveLine, attempt: str) -> dict[str, Any]:
    """How it went, once it is over and nothing of it is left."""
    await until(lambda: any(each["attempt"] == attempt for each in tries(line)))
    (fact,) = [each for each in tries(line) if each["attempt"] == attempt]
    await until(lambda: not line.ari("channels"))
    nothing_is_left(line)
    return fact


def recorded_of(line: LiveLine) -> dict[str, Any]:
    """The one recording of a conversation, once it is filed."""

    def filed() -> list[dict[str, Any]]:
        return [fact for fact in line.facts() if fact["fact"] == "TalkRecorded"]

    asyncio.run(until(lambda: bool(filed())))
    (fact,) = filed()
    return fact


def test_the_agents_phone_rings_first_then_the_citizens_and_they_hear_each_other(
    out_line: LiveLine,
) -> None:
    """The citizen is told first that it is recorded, and it is (two channels)."""
    line = out_line
    a_case(line, "01000017", CITIZEN)
    recorded = {"recordings": {"talks": True}}
    change(line.settings, lambda _: recorded, made=by("管理", "试", datetime.now(UTC)))

    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent, citizen(line) as caller:
            agent.ring_seconds = 0.5
            attempt = await called_back(line, "01000017")
            await until(lambda: bool(agent.incoming))
            assert caller.incoming == [], "the agent is there before anybody else's phone rings"
            await until(caller.answered.is_set)
            await Caller(line, caller).hears("agent.recorded")
            caller.speak(tone(line))
            await until(lambda: heart(tone(line)) in agent.heard.audio)
            agent.speak(tone(line))
            await until(lambda: heart(tone(line)) in caller.heard.audio)
            status, told = await asyncio.to_thread(asked, line, f"dial/{attempt}")
            assert (status, told["stage"]) == (200, "talking")
            await caller.hang_up()
            await agent.wait_for_end(within=HANGING_SECONDS)
            fact = await outcome(line, attempt)
        assert (fact["outcome"], fact["agent"]) == ("answered", first(line).name)
        assert fact["talk_ms"] > 0
        (invite,) = caller.incoming
        assert invite.start.startswith(f"INVITE sip:{CITIZEN}@"), (
            "exactly the number, without a prefix"
        )
        assert "12329" in invite.headers["from"]
        assert agent.incoming[0].headers["x-hotline-reference"] == "01000017"
        status, told = await asyncio.to_thread(asked, line, f"dial/{attempt}")
        assert told == {"stage": "over", "outcome": "answered"}

    try:
        asyncio.run(story())
        recording = recorded_of(line)
    finally:
        change(line.settings, lambda _: {}, made=by("管理", "试", datetime.now(UTC)))
    assert (recording["outcome"], recording["agents"]) == ("kept", first(line).name)
    with wave.open(str(line.settings.recordings_folder / recording["path"])) as sound:
        assert sound.getnchannels() == 2
        assert sound.getnframes() > 8000
    (entry,) = [e for e in Audit.of(line.settings.home).entries() if e.token == "01000017"]
    assert (entry.action, entry.operator, entry.reason) == ("called", "王敏", "答复投诉")


@pytest.mark.parametrize(
    ("case", "policy", "told"), [("01000025", "busy", "busy"), ("01000033", "ring", "no_answer")]
)
def test_a_citizen_who_is_engaged_or_not_there(
    out_line: LiveLine, case: str, policy: str, told: str
) -> None:
    line = out_line
    a_case(line, case, CITIZEN)

    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent, citizen(line, policy):
            attempt = await called_back(line, case)
            assert (await outcome(line, attempt))["outcome"] == told
            await agent.wait_for_end(within=HANGING_SECONDS)

    asyncio.run(story())


def test_without_the_agent_nobody_elses_phone_rings(out_line: LiveLine) -> None:
    line = out_line
    a_case(line, "01000041", CITIZEN)

    async def story() -> None:
        async with citizen(line) as caller:
            attempt = await called_back(line, "01000041")
            assert (await outcome(line, attempt))["outcome"] == "agent_away"
            async with agent_phone(line, first(line), "ring"):
                attempt = await called_back(line, "01000041")
                assert (await outcome(line, attempt))["outcome"] == "agent_no_answer"
            assert caller.incoming == []

    asyncio.run(story())


def test_a_killed_service_calls_nobody_twice_and_cuts_nobody_off(out_line: LiveLine) -> None:
    line = out_line
    a_case(line, "01000059", CITIZEN)

    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent, citizen(line) as caller:
            caller.ring_seconds = 0.2
            attempt = await called_back(line, "01000059")
            await until(caller.answered.is_set)
            caller.speak(tone(line))
            await until(lambda: heart(tone(line)) in agent.heard.audio)
            await line.service_anew()
            agent.speak(tone(line))
            await until(lambda: heart(tone(line)) in caller.heard.audio)
            await agent.hang_up()
            await caller.wait_for_end(within=HANGING_SECONDS)
            assert (await outcome(line, attempt))["outcome"] == "answered"

            caller.policy = "ring"
            attempt = await called_back(line, "01000059")
            await until(lambda: len(caller.incoming) == 2)
            await line.service_anew()
            assert (await outcome(line, attempt))["outcome"] == "lost"
            assert (len(agent.incoming), len(caller.incoming)) == (2, 2), "nobody is called again"

    asyncio.run(story())


async def wished(line: LiveLine) -> None:
    """All agents are engaged: a caller waits, and rather leaves a number; hangs up then."""
    async with line.call() as caller:
        await ask_for_an_agent(caller)
        await caller.hears("queue.keys")
        caller.phone.press("1")
        await caller.hears_begin("callback.ask")
        caller.phone.press(CITIZEN)
        await caller.hears_begin("callback.confirm")
        caller.phone.press("1")
        await caller.hears("callback.kept")


def back(line: LiveLine) -> list[str]:
    """How calls for wishes ended."""
    return [each["outcome"] for each in tries(line) if each["purpose"] == "wish"]


def test_who_left_a_number_is_called_when_an_agent_is_free_also_over_a_kill(
    out_line: LiveLine,
) -> None:
    line = out_line

    async def story() -> None:
        async with agent_phone(line, first(line), "answer") as agent, citizen(line) as home:
            async with line.call() as other:
                await ask_for_an_agent(other)
                await until(agent.answered.is_set)
                await wished(line)
                assert home.incoming == [], "nobody is called while all are engaged"
                home.policy = "ring"
            await until(lambda: len(home.incoming) == 1)
            assert len(agent.incoming) == 2, "the agent is there before"
            line.kill_service()
            await asyncio.to_thread(line.start_service)
            await until(lambda: back(line) == ["lost"])
            wish = Wishes(line.settings.home / wishes.FILE, vault_of(line), Tokens(keys_of(line)))
            await until(lambda: [each.tries for each in wish.open()] == [1])
            assert len(home.incoming) == 1, "who was rung a moment ago is not rung again at once"

            home.policy = "answer"
            (open_wish,) = wish.open()
            wish.move(
                open_wish, wishes.Move("open", tries=1), now=datetime.now(UTC)
            )  # its time has come
            await until(home.answered.is_set)
            home.speak(tone(line))
            await until(lambda: heart(tone(line)) in agent.heard.audio)
            line.kill_service()
            await asyncio.to_thread(line.start_service)
            agent.speak(tone(line))
            await until(lambda: heart(tone(line)) in home.heard.audio)
            await home.hang_up()
            await agent.wait_for_end(within=HANGING_SECONDS)
            await until(lambda: back(line) == ["lost", "answered"])
            await until(lambda: [each.state for each in wish.all()] == ["reached"])
            for invite in home.incoming:
                assert invite.start.startswith(f"INVITE sip:{CITIZEN}@"), "without a prefix"
        await until(lambda: not line.ari("channels"))
        nothing_is_left(line)

    asyncio.run(story())
    (over,) = [fact for fact in line.facts() if fact["fact"] == "CallbackOver"]
    assert (over["ending"], over["tries"]) == ("reached", 1)


def test_what_is_not_for_us_to_call_is_refused_and_told(out_line: LiveLine) -> None:
    line = out_line
    a_case(line, "01000067", None)
    a_case(line, "01000075", "0012025550123")
    want = {"agent": "6001", "by": "王敏"}
    assert asked(line, "dial", {**want, "case": "01000067"})[0] == 409
    status, why = asked(line, "dial", {**want, "case": "01000075"})
    assert (status, json.loads(why)["refused"]) == (409, "number")
    assert asked(line, "dial", {**want, "case": "09999999"})[0] == 404
    assert asked(line, "dial", {**want, "case": "01000017", "agent": "999"})[0] == 404
    assert asked(line, "dial", {"case": "01000017"})[0] == 400
    assert asked(line, "dial", {**want, "case": "01000017"}, secret="guess")[0] == 403
    assert asked(line, "dial/ffff", secret="")[0] == 403
    assert line.ari("channels") == []
    refused = [each["refused"] for each in tries(line) if each["refused"]]
    assert refused == ["number", "number"]


# --- 回访 by the line itself ---------------------------------------------------------------------


def a_closed_case(line: LiveLine, number: str) -> None:
    """A case that was dealt with, of which somebody asks that its caller be called."""
    a_case(line, number, CITIZEN)
    register = Register.of(line.settings)
    for deed in (*CLOSED, Deed(Move.CALL, "王敏", LEADER)):
        register.act(number, deed)


def case_of(line: LiveLine, number: str) -> Case:
    return Cases(line.settings.cases_url).case(number)


def followed(line: LiveLine) -> list[dict[str, Any]]:
    return [each for each in tries(line) if each["purpose"] == "follow_up"]


def test_the_line_itself_asks_how_content_a_caller_is(out_line: LiveLine) -> None:
    line = out_line
    before = len(followed(line))

    async def story() -> None:
        async with citizen(line) as phone:
            a_closed_case(line, "01000083")
            await until(phone.answered.is_set)
            caller = Caller(line, phone)
            heard = await caller.hears("follow_up.opening.1")
            await caller.hears_begin(line.ear.alias["follow_up.menu"])
            phone.press("1")
            await caller.hears(line.ear.alias["follow_up.content"])
            await phone.wait_for_end(within=HANGING_SECONDS)
            assert line.names("follow_up.opening.1")[0] in [each.name for each in heard]
            await until(lambda: len(followed(line)) > before)
            await until(lambda: not line.ari("channels"))
            nothing_is_left(line)

    asyncio.run(story())
    case = case_of(line, "01000083")
    assert (case.state, case.content) == (State.FOLLOWED_UP, "content")
    fact = followed(line)[-1]
    assert (fact["outcome"], fact["agent"], fact["reference"]) == ("answered", None, "01000083")
    started = [fact for fact in line.facts() if fact["fact"] == "SessionStarted"]
    assert started[-1]["session"].startswith(OF_CALLED), "in no figure of callers"


def test_a_kill_while_it_asks_costs_neither_the_call_nor_the_answer(out_line: LiveLine) -> None:
    line = out_line
    before = len(followed(line))

    async def story() -> None:
        async with citizen(line) as phone:
            a_closed_case(line, "01000091")
            await until(phone.answered.is_set)
            caller = Caller(line, phone)
            await caller.hears_begin("follow_up.opening.1")
            await asyncio.to_thread(line.kill_service)
            await asyncio.to_thread(line.start_service)
            await caller.hears(line.ear.alias["line.sorry_wait"])
            await caller.hears_begin(line.ear.alias["follow_up.menu"])
            phone.press("2")
            await caller.hears(line.ear.alias["follow_up.discontent"])
            await phone.wait_for_end(within=HANGING_SECONDS)
            assert len(phone.incoming) == 1, "nobody is called a second time"
            await until(lambda: len(followed(line)) > before)
            await until(lambda: not line.ari("channels"))

    asyncio.run(story())
    case = case_of(line, "01000091")
    assert (case.state, case.reopened) == (State.ASSIGNED, 1)
    assert [event.move for event in case.events[-2:]] == ["follow_up", "redo"]
    assert followed(line)[-1]["outcome"] == "answered"


def test_no_number_stands_in_any_file(out_line: LiveLine) -> None:
    """Runs last: the tests above have called it."""
    for path in out_line.settings.home.rglob("*"):
        if path.is_file():
            assert CITIZEN.encode() not in path.read_bytes(), path.name
