"""回拨: the service is asked to call, never told a number; how it went is a note of the case."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console.awaited import Waiting
from console.pages import calling
from console.rights import Role
from ivr.asterisk.configure import dial_secret
from ivr.cases.case import Case, Event
from ivr.cases.moves import Deed, Office
from ivr.cases.opening import CannotReach
from ivr.cases.register import Register
from ivr.config import Settings
from tests.console.test_cases import CASE, FILED
from tests.console.visiting import Console
from tests.ports import free_port


class Service:
    """The service's door for calls, as it answers."""

    def __init__(self) -> None:
        self.refuses: str | None = None
        self.server: TestServer | None = None
        self.stages = [("agent", None), ("talking", None), ("over", "answered")]
        self.asked: list[tuple[str, dict[str, str]]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/dial", self._dial), web.get("/dial/{name}", self._how)])
        return app

    async def _dial(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["X-Dial"], json.loads(await request.text())))
        if self.refuses is not None:
            return web.json_response({"refused": "hours", "detail": self.refuses}, status=409)
        return web.json_response({"attempt": "dial-1"}, status=202)

    async def _how(self, request: web.Request) -> web.Response:
        stage, outcome = self.stages.pop(0) if len(self.stages) > 1 else self.stages[0]
        return web.json_response({"stage": stage, "outcome": outcome})


def test_the_agents_phone_is_rung_and_the_result_is_noted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "LOOK_SECONDS", 0.01)
    Register.of(settings).enter(FILED)
    service = Service()
    console = _console(settings, service)
    agent = console.signed_in("赵静", Role.AGENT)
    assert "回拨" in agent.get(CASE).text
    assert agent.post(f"{CASE}/call", {"agent": "6001", "reason": ""}).status == 422
    done = agent.post(f"{CASE}/call", {"agent": "6001", "reason": "回访"})
    assert done.location == f"{CASE}?call=dial-1#call"
    ((secret, wanted),) = service.asked
    assert secret == dial_secret(settings)
    assert wanted == {"case": FILED.number, "agent": "6001", "by": "赵静", "reason": "回访"}
    last = _until_noted(console, settings)
    assert (last.text, last.by) == ("回拨：接通", "赵静")
    over = agent.get(f"{CASE}/call/dial-1")
    assert over.status == 286
    assert "结束：接通" in over.text
    _close(console, service)


def test_a_console_that_is_restarted_during_the_call_notes_it_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "LOOK_SECONDS", 0.01)
    Register.of(settings).enter(FILED)
    before = Service()
    before.stages = [("talking", None)]
    console = _console(settings, before)
    agent = console.signed_in("赵静", Role.AGENT)
    agent.get(CASE)
    assert agent.post(f"{CASE}/call", {"agent": "6001", "reason": "回访"}).status == 303
    (call,) = Waiting(settings.home).all()
    _close(console, before)
    assert len(Register.of(settings).cases.case(FILED.number).events) == 1
    after = Service()
    after.stages = [("over", "busy")]
    console = _console(settings, after)
    last = _until_noted(console, settings)
    assert (last.text, last.by, last.office) == ("回拨：占线", "赵静", Office.AGENT)
    _until_none_is_awaited(console, settings)
    _close(console, after)
    # One that was killed between the two: the case has its note, and is awaited still.
    Waiting(settings.home).keep(call)
    again = Service()
    again.stages = after.stages
    console = _console(settings, again)
    _until_none_is_awaited(console, settings)
    _close(console, again)
    assert len(Register.of(settings).cases.case(FILED.number).events) == 2


def test_a_database_that_is_away_at_the_end_of_a_call_gets_its_note_later(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "LOOK_SECONDS", 0.01)
    Register.of(settings).enter(FILED)
    service, away = Service(), [True] * 3
    act = Register.act

    def acts(register: Register, number: str, deed: Deed, *, seen: int | None = None) -> Case:
        if away:
            away.pop()
            raise CannotReach("away")
        return act(register, number, deed, seen=seen)

    monkeypatch.setattr(Register, "act", acts)
    console = _console(settings, service)
    agent = console.signed_in("赵静", Role.AGENT)
    agent.get(CASE)
    agent.post(f"{CASE}/call", {"agent": "6001", "reason": "回访"})
    assert _until_noted(console, settings).text == "回拨：接通"
    _close(console, service)


def test_what_is_damaged_keeps_no_console_from_starting(settings: Settings) -> None:
    folder = settings.home / "called_back"
    folder.mkdir()
    for n, content in enumerate(("", "{", "[]", '{"attempt": "x"}')):
        (folder / f"{n}.json").write_text(content)
    console = Console(settings)
    assert Waiting(settings.home).all() == ()
    console.close()


def test_the_page_asks_on_while_the_service_is_away_for_a_moment(settings: Settings) -> None:
    Register.of(settings).enter(FILED)
    dialling = settings.dialling.model_copy(update={"trunk": "carrier"})
    console = Console(settings.model_copy(update={"http_port": 9, "dialling": dialling}))
    agent = console.signed_in("赵静", Role.AGENT)
    shown = agent.get(f"{CASE}/call/dial-1")
    assert (shown.status, "没有回答" in shown.text) == (200, True)
    console.close()


def test_what_the_service_refuses_is_told_and_nothing_is_noted(settings: Settings) -> None:
    Register.of(settings).enter(FILED)
    service = Service()
    service.refuses = "现在不是外呼时间"
    console = _console(settings, service)
    agent = console.signed_in("赵静", Role.AGENT)
    agent.get(CASE)
    refused = agent.post(f"{CASE}/call", {"agent": "6001", "reason": "回访"})
    assert refused.status == 422
    assert "现在不是外呼时间" in refused.text
    assert len(Register.of(settings).cases.case(FILED.number).events) == 1
    _close(console, service)


def test_where_the_service_is_away_or_dialling_is_off(settings: Settings) -> None:
    Register.of(settings).enter(FILED)
    dialling = settings.dialling.model_copy(update={"trunk": "carrier"})
    away = settings.model_copy(update={"http_port": 9, "dialling": dialling})
    for told, is_offered in ((settings, False), (away, True)):
        console = Console(told)
        agent = console.signed_in(f"赵静{is_offered}", Role.AGENT)
        assert ("先响哪部话机" in agent.get(CASE).text) is is_offered
        if is_offered:
            refused = agent.post(f"{CASE}/call", {"agent": "6001", "reason": "回访"})
            assert "没有拨打" in refused.text
        console.close()


def _console(settings: Settings, service: Service) -> Console:
    """Beside a service on a port of its own, in the loop of the console."""
    dialling = settings.dialling.model_copy(update={"trunk": "carrier"})
    port = free_port()
    console = Console(settings.model_copy(update={"dialling": dialling, "http_port": port}))
    server = TestServer(service.app(), host="127.0.0.1", port=port)
    console.loop.run_until_complete(server.start_server())
    service.server = server
    return console


def _close(console: Console, service: Service) -> None:
    assert service.server is not None
    console.loop.run_until_complete(service.server.close())
    console.close()


def _until_noted(console: Console, settings: Settings) -> Event:
    for _ in range(600):
        console.loop.run_until_complete(asyncio.sleep(0.05))  # the console lives meanwhile
        events = Register.of(settings).cases.case(FILED.number).events
        if len(events) > 1:
            return events[-1]
    pytest.fail("nobody has noted it")


def _until_none_is_awaited(console: Console, settings: Settings) -> None:
    for _ in range(600):
        console.loop.run_until_complete(asyncio.sleep(0.05))
        if Waiting(settings.home).all() == ():
            return
    pytest.fail("it is awaited still")
