"""A real service as one node of a line: joined, drained, and with its database stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from ivr.cases.store import Cases, Sought
from ivr.config import Agent
from ivr.lifecycle import asking
from ivr.lifecycle.setting import by
from ivr.speech.prompts import PromptSet
from ivr.state import nodes, setting, switching
from ivr.state.joining import join
from ivr.state.shared import Shared
from tests.analytics.postgres import made_database, postgres, programs
from tests.live.conftest import LiveLine, a_line
from tests.live.phone import Phone
from tests.live.test_agents import until
from tests.live.test_feedback import SPOKEN, filed, recorded
from tests.state.conftest import stopped

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL on this machine"),
]
DEMO = "990102200012120127"


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    pytest.importorskip("psycopg")
    with postgres() as socket:
        made_database(socket, "state")
        yield socket


@pytest.fixture(scope="module")
def node(
    server: Path, tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet
) -> Iterator[LiveLine]:
    """Asterisk runs; the machine has not joined yet."""
    url = f"postgresql+psycopg://ivr@/state?host={server}"
    shared = {"url": url, "address": "127.0.0.1"}
    with a_line(tmp_path_factory.mktemp("node"), whole_set, state=shared) as line:
        yield line


def of_state(line: LiveLine, work: object) -> None:
    shared = Shared(line.settings)
    try:
        shared.at_once(work)  # type: ignore[arg-type]
    finally:
        shared.close()


async def dialled(line: LiveLine) -> int:
    """What a new call is answered."""
    async with Phone.open(line.settings.sip_port) as phone:
        return await phone.dial("12329")


def is_away(line: LiveLine) -> bool:
    return "\nivr_state_away 1.0\n" in metrics(line)


def metrics(line: LiveLine) -> str:
    """Empty where no service answers."""
    try:
        return asking.metrics(line.settings, within=5)
    except OSError:
        return ""


def test_who_has_not_joined_takes_no_call_and_says_what_to_do(node: LiveLine) -> None:
    node.launch_service()
    assert node.service is not None
    assert node.service.wait(120) != 0
    assert "没有钥匙" in node.log()
    shared = Shared(node.settings)
    join(node.settings, shared, make_keys=True)
    shared.close()
    node.start_service()


def test_a_drained_node_answers_503_keeps_its_calls_and_comes_back(node: LiveLine) -> None:
    async def story() -> None:
        async with node.call() as caller:
            await caller.hears_begin("main.menu")
            of_state(node, partial(nodes.drain, name="node-1", draining=True))
            await until(lambda: node.health()["status"] == "closed")
            assert await dialled(node) == 503
            caller.phone.press("7")
            await caller.hears("line.goodbye")
        of_state(node, partial(nodes.drain, name="node-1", draining=False))
        await until(lambda: node.health()["status"] == "ok")
        assert await dialled(node) == 200

    asyncio.run(story())


def test_a_balance_is_told_while_the_database_is_stopped(node: LiveLine, server: Path) -> None:
    """The line is well, the operator sees it, and it is found again by itself."""

    async def story() -> None:
        await until(lambda: not is_away(node))
        async with node.call() as caller:
            await caller.hears_begin("main.menu")
            with stopped(server):
                caller.phone.press("1")
                await caller.hears_begin("account.menu")
                caller.phone.press("1")
                await caller.hears_begin("identity.ask")
                caller.phone.press(DEMO)
                await caller.hears_begin("account.readout.1")
                await until(lambda: is_away(node))
                assert node.health()["status"] == "ok"
                assert node.health()["node"]["warns"]
        await until(lambda: not is_away(node))

    asyncio.run(story())


def test_a_complaint_outlives_a_stopped_database_and_a_killed_service(
    node: LiveLine, server: Path, whole_set: PromptSet
) -> None:
    """已保存 is said meanwhile; its case comes by itself, once, when the database is back."""
    speech = Path(f"{whole_set.clips[SPOKEN].path}.alaw").read_bytes()[:16000]

    async def story() -> None:
        await until(lambda: not is_away(node))
        async with recorded(node) as caller:
            with stopped(server):
                caller.phone.speak(speech)
                await caller.phone.spoken()
                caller.phone.press("#")
                await caller.hears_begin("feedback.saved.1")
                node.kill_service()
                node.start_service()
                await until(lambda: "\nivr_cases_waiting 1.0\n" in metrics(node))
            await until(lambda: not is_away(node))
            await caller.hears("feedback.saved_menu")
            caller.phone.press("*")
        await until(lambda: "\nivr_cases_waiting 0.0\n" in metrics(node))
        (case,) = Cases(node.settings.cases_url).search(Sought())
        assert case.number == (await filed(node, 1))["reference"]

    asyncio.run(story())


def test_an_agent_who_is_added_on_another_node_can_be_rung_from_here(
    node: LiveLine, tmp_path: Path
) -> None:
    """This node's Asterisk reads its phones anew, by itself."""
    elsewhere = node.settings.model_copy(update={"home": tmp_path})
    phones = [*node.settings.agents.phones, Agent(name="张三", extension="6077")]
    told = {"phones": [each.model_dump(exclude_defaults=True) for each in phones]}

    async def story() -> None:
        await until(lambda: not is_away(node))
        assert all(each["resource"] != "6077" for each in node.ari("endpoints"))
        made = by("管理员", "多一个坐席", datetime.now(UTC))
        setting.change(elsewhere, lambda _: {"agents": told}, made=made)
        await until(lambda: any(each["resource"] == "6077" for each in node.ari("endpoints")))

    asyncio.run(story())


def test_closed_on_another_node_it_is_closed_here(node: LiveLine, tmp_path: Path) -> None:
    elsewhere = node.settings.model_copy(update={"home": tmp_path})

    async def story() -> None:
        assert switching.close(elsewhere, "机房检修", datetime.now(UTC))
        await until(lambda: node.health()["status"] == "closed")
        async with node.call() as caller:
            await caller.hears_begin("line.closed")

    asyncio.run(story())
