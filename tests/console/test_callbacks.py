"""回电: who waits to be called back, and what an agent wants done about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console.rights import Role
from ivr.agents.wishes import FILE, Move, Wish, Wishes
from ivr.asterisk.configure import dial_secret
from ivr.config import Settings
from ivr.people.keys import Keys
from ivr.people.sensitive import Sensitive
from ivr.people.tokens import Tokens
from ivr.people.vault import Vault
from tests.console.visiting import Console
from tests.ports import free_port

NUMBER = "13800138000"


class Service:
    """The service's door, as it answers."""

    def __init__(self) -> None:
        self.status, self.answer = 202, {"attempt": "a"}
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        told = json.loads(await request.text())
        self.asked.append((request.path, request.headers["X-Dial"], told))
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
def line(settings: Settings) -> Settings:
    """Which may dial out."""
    dialling = settings.dialling.model_copy(update={"trunk": "carrier", "server": "192.0.2.1"})
    told = {"http_port": free_port(), "dialling": dialling, "agents": {"phones": [
        {"name": "赵静", "extension": "6001"}]}}  # fmt: skip
    trunks = [{"name": "carrier", "hosts": ["192.0.2.1"]}]
    return Settings.model_validate({**settings.model_dump(), **told, "trunks": trunks})


@pytest.fixture
def visited(line: Settings) -> Iterator[tuple[Console, Service]]:
    console, service = Console(line), Service()
    app = web.Application()
    app.router.add_post("/callbacks/{rest:.*}", service)
    server = TestServer(app, port=line.http_port)
    console.loop.run_until_complete(server.start_server())
    yield console, service
    console.loop.run_until_complete(server.close())
    console.close()


def wishes(settings: Settings) -> Wishes:
    keys = Keys.load(settings.home / "keys")
    return Wishes(settings.home / FILE, Vault(settings.home / "vault.sqlite", keys), Tokens(keys))


def left(settings: Settings, person: str, minutes: int, **move: object) -> Wish:
    """Somebody left a number so long ago, and this has become of it."""
    now = datetime.now(UTC)
    wish = Wish(person, now - timedelta(minutes=minutes), "usual", f"s{person}", now)
    assert wishes(settings).keep(wish, Sensitive(NUMBER))
    if move:
        moved = wishes(settings).move(wish, Move(**move), now=now)  # type: ignore[arg-type]
        assert moved is not None
        return moved
    return wish


def test_the_list_is_in_the_order_of_calling_and_names_nobody(
    line: Settings, visited: tuple[Console, Service]
) -> None:
    left(line, "aa", 10)
    left(line, "bb", 30)
    due = datetime.now(UTC) + timedelta(minutes=20)
    left(line, "cc", 5, state="open", tries=1, due=due, outcome="busy")
    left(line, "dd", 60, state="reached")
    text = visited[0].signed_in("赵静", Role.AGENT).get("/callbacks").text
    places = [text.index(f"/callbacks/{person}/withdraw") for person in ("cc", "bb", "aa")]
    assert places == sorted(places), "called in vain first, then by the places of old"
    assert "占线" in text
    assert "以后" in text
    assert "已回电" in text
    assert "/callbacks/dd/" not in text, "nothing can be done about what is over"
    assert NUMBER not in text
    assert "/calls/" not in text, "an agent may not read others' calls"
    leader = visited[0].signed_in("王敏", Role.LEADER).get("/callbacks").text
    assert "/calls/saa" in leader
    assert "由我来打" not in leader, "who has no telephone calls nobody"


def test_an_agent_calls_back_on_their_own_phone(
    line: Settings, visited: tuple[Console, Service]
) -> None:
    left(line, "aa", 10)
    console, service = visited
    agent = console.signed_in("赵静", Role.AGENT)
    agent.get("/callbacks")
    assert "您的话机在振铃" in agent.post("/callbacks/aa/call").text
    secret = dial_secret(line)
    assert service.asked == [("/callbacks/aa", secret, {"agent": "6001", "by": "赵静"})]
    service.status, service.answer = 409, {"detail": "现在不是外呼时间"}
    refused = agent.post("/callbacks/aa/call")
    assert refused.status == 422
    assert "现在不是外呼时间" in refused.text


def test_a_wish_is_withdrawn_for_a_reason(line: Settings, visited: tuple[Console, Service]) -> None:
    left(line, "aa", 10)
    console, service = visited
    agent = console.signed_in("赵静", Role.AGENT)
    agent.get("/callbacks")
    assert agent.post("/callbacks/aa/withdraw", {"reason": " "}).status == 422
    assert service.asked == []
    assert "已取消" in agent.post("/callbacks/aa/withdraw", {"reason": "来电人说不用了"}).text
    ((path, _, told),) = service.asked
    assert (path, told) == ("/callbacks/aa/withdraw", {"by": "赵静", "reason": "来电人说不用了"})


def test_without_a_service_and_without_a_trunk_that_is_said(settings: Settings) -> None:
    away = settings.model_copy(update={"http_port": 9})
    console = Console(away)
    left(away, "aa", 10)
    agent = console.signed_in("王敏", Role.AGENT)
    text = agent.get("/callbacks").text
    assert "没有开通外呼" in text
    told = agent.post("/callbacks/aa/withdraw", {"reason": "x"})
    assert told.status == 422
    assert "没有回答" in told.text
    console.close()
