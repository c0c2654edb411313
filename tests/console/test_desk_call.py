"""The call at the desk and the supervisor's page: what is shown to whom, and what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console.rights import Role
from ivr.agents.notes import Notes, Owed, Talked
from ivr.agents.notes_file import FILE
from ivr.asterisk.configure import DESK, desk_secret
from ivr.cases.register import Register
from ivr.config import Agent, AgentsSettings, Settings
from tests.console.test_cases import FILED
from tests.console.test_signing import trail
from tests.console.visiting import Console, Visitor
from tests.ports import free_port

PHONES = (
    Agent(name="王敏", extension="6001"),
    Agent(name="李强", extension="6002"),
    Agent(name="班长", extension="6009"),
)
CALL: dict[str, Any] = {
    "session": "s1",
    "outward": False,
    "tail": "002X",
    "path": ["main", "account.menu", "account.menu", "account.inquiry"],
    "lookup": "fund found",
    "person": None,
    "caller": None,
    "held": False,
    "muted": False,
    "charge": True,
    "inside": [],
    "asked": [],
    "recording": None,
}


class Service:
    """The service's door, as it answers."""

    def __init__(self, secret: str, calls: dict[str, dict[str, Any]]) -> None:
        self.secret = secret
        self.begin_again(calls)

    def begin_again(self, calls: dict[str, dict[str, Any]]) -> None:
        """Nothing else is told, nothing was asked."""
        self.calls = calls
        self.watches: dict[str, Any] | None = None
        self.refuses = ""
        self.notes: Notes | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/desks", self._all),
                web.get("/desks/{extension}/call", self._show),
                web.post("/desks/{extension}/call", self._order),
                web.post("/desks/{extension}/notes", self._note),
            ]
        )
        return app

    async def _all(self, _: web.Request) -> web.Response:
        talking = [{"extension": "6001", "name": "王敏", "session": "s1", "held": False}]
        return web.json_response({"talking": talking})

    async def _show(self, request: web.Request) -> web.Response:
        assert request.headers[DESK] == self.secret
        call = self.calls.get(request.match_info["extension"])
        return web.json_response({"call": call, "watches": self.watches})

    async def _order(self, request: web.Request) -> web.Response:
        assert request.headers[DESK] == self.secret
        self.asked.append((request.match_info["extension"], await request.json()))
        if self.refuses:
            return web.json_response({"detail": self.refuses}, status=409)
        return web.json_response({"done": "it"})

    async def _note(self, request: web.Request) -> web.Response:
        assert request.headers[DESK] == self.secret
        if self.refuses or self.notes is None:
            return web.json_response({"detail": self.refuses}, status=409)
        told, now = await request.json(), datetime.now(UTC)
        desk = request.match_info["extension"]
        self.notes.write(desk, told["talk"], told["subject"], told["text"], now)
        return web.json_response({"state": "free"})


@pytest.fixture
def office(settings: Settings) -> Iterator[tuple[Console, Service]]:
    agents = AgentsSettings(phones=PHONES)
    chosen = settings.model_copy(update={"http_port": free_port(), "agents": agents})
    console, service = Console(chosen), Service(desk_secret(chosen), {"6001": dict(CALL)})
    server = TestServer(service.app(), port=chosen.http_port)
    console.loop.run_until_complete(server.start_server())
    yield console, service
    console.loop.run_until_complete(server.close())
    console.close()


def at(console: Console, name: str, role: Role = Role.AGENT, path: str = "/desk") -> Visitor:
    visitor = console.signed_in(name, role)
    visitor.get(path)
    return visitor


def test_an_agent_sees_the_own_caller_in_words_and_no_whole_number(
    office: tuple[Console, Service],
) -> None:
    console, _ = office
    shown = at(console, "王敏").get("/desk/call").text
    for words in ("002X", "主菜单 → ", "公积金账户：", "保持", "静音", "李强 6002", "满意度评价"):
        assert words in shown, words
    assert "account.menu" not in shown.partition("走过的菜单")[2].partition("</dd>")[0]
    assert "取回" not in shown
    assert "现在没有通话" in at(console, "李强").get("/desk/call").text


@pytest.mark.parametrize(
    ("stands", "told", "offered"),
    [
        ("on", "录音中", "do-pause"),
        ("paused", "录音已暂停，14:03:20 自动继续", "do-resume"),
        ("held", "保持中，不录音", "do-pause"),
        ("failed", "没有录音", None),
    ],
)
def test_the_desk_shows_whether_it_is_recorded_and_offers_what_can_be_done(
    office: tuple[Console, Service], stands: str, told: str, offered: str | None
) -> None:
    recording = {"stands": stands, "until": "14:03:20" if stands == "paused" else ""}
    console, service = office
    service.calls["6001"] = {**CALL, "recording": recording}
    shown = at(console, "王敏").get("/desk/call").text
    assert told in shown
    buttons = {each for each in ("do-pause", "do-resume") if f'id="{each}"' in shown}
    assert buttons == ({offered} if offered else set())


def test_a_call_that_the_line_has_made_can_be_paused_and_nothing_else(
    office: tuple[Console, Service],
) -> None:
    console, service = office
    made = {name: CALL[name] for name in ("session", "person", "caller", "lookup")}
    recording = {"stands": "on", "until": ""}
    service.calls["6001"] = {**made, "path": [], "outward": True, "recording": recording}
    shown = at(console, "王敏").get("/desk/call").text
    assert "热线拨出的电话，通话中" in shown
    assert "录音中" in shown
    assert re.findall(r'id="(do-\w+)"', shown) == ["do-pause"]


def test_a_page_that_knows_it_is_left_alone(office: tuple[Console, Service]) -> None:
    console, service = office
    agent = at(console, "王敏")
    seen = agent.get("/desk/call").text.partition("seen=")[2].partition('"')[0]
    assert agent.get(f"/desk/call?seen={seen}").status == 204
    service.calls["6001"] = {**CALL, "held": True}
    changed = agent.get(f"/desk/call?seen={seen}")
    assert "来电人在听音乐" in changed.text
    assert "取回" in changed.text


@pytest.mark.parametrize(
    ("changes", "there", "lacking"),
    [
        ({"inside": ["李强"], "held": True}, ("do-join", "do-hand_over", "do-drop"), ("do-hold",)),
        ({"asked": ["李强"], "held": True}, ("do-drop",), ("do-retrieve", "do-join")),
        ({"inside": ["李强"]}, ("三方通话", "do-hand_over"), ("do-join", "do-consult")),
        ({"charge": False, "inside": ["李强"]}, ("do-mute",), ("do-hold", "do-hand_over")),
        ({"muted": True}, ("do-unmute", "您已静音"), ("do-mute",)),
    ],
)
def test_only_what_can_be_done_now_is_offered(
    office: tuple[Console, Service],
    changes: dict[str, Any],
    there: tuple[str, ...],
    lacking: tuple[str, ...],
) -> None:
    console, service = office
    service.calls["6001"] = {**CALL, **changes}
    shown = at(console, "王敏").get("/desk/call").text
    assert [each for each in there if each not in shown] == []
    assert [each for each in lacking if f'"{each}"' in shown] == []


def test_an_order_goes_to_the_own_desk_whatever_the_form_says(
    office: tuple[Console, Service],
) -> None:
    console, service = office
    agent = at(console, "王敏")
    agent.post("/desk/call", {"deed": "consult", "to": "6002", "extension": "6002"})
    ((desk, wanted),) = service.asked
    assert (desk, wanted["deed"], wanted["to"]) == ("6001", "consult", "6002")


@pytest.mark.parametrize("deed", ["listen", "take_over", "whisper", "", "record"])
def test_an_agent_is_no_supervisor(office: tuple[Console, Service], deed: str) -> None:
    console, service = office
    agent = at(console, "王敏")
    assert agent.post("/desk/call", {"deed": deed, "of": "6002"}).status == 403
    assert agent.post("/supervise", {"deed": deed, "of": "6002"}).status == 403
    assert agent.get("/supervise").status == 403
    assert service.asked == []


def test_open_cases_of_the_same_person_are_shown_and_nobody_elses(
    office: tuple[Console, Service],
) -> None:
    console, service = office
    Register.of(console.settings).enter(FILED)
    agent = at(console, "王敏")
    assert FILED.number not in agent.get("/desk/call").text
    service.calls["6001"] = {**CALL, "person": FILED.person}
    assert FILED.number in agent.get("/desk/call").text


def test_what_was_written_about_the_same_person_is_shown_at_the_desk_and_on_the_case(
    office: tuple[Console, Service],
) -> None:
    console, service = office
    Register.of(console.settings).enter(FILED)
    notes, now = Notes(console.settings.home, console.settings.node), datetime.now(UTC)
    for talk, person, caller in (
        ("t1", FILED.person, None),
        ("t2", None, "number"),
        ("t3", "x", "y"),
    ):
        notes.owe(Owed(Talked(talk, f"s-{talk}", person, caller), "李强", "6002", now))
        notes.write("6002", talk, "提取", f"小结甲{talk}", now)
    agent = at(console, "王敏")
    assert "小结甲" not in agent.get("/desk/call").text, "nobody is known of this caller"
    service.calls["6001"] = {**CALL, "person": FILED.person, "caller": "number"}
    shown = agent.get("/desk/call").text
    assert ["小结甲t1" in shown, "小结甲t2" in shown, "小结甲t3" in shown] == [True, True, False]
    case = console.signed_in("承办", Role.HANDLER).get(f"/cases/{FILED.number}").text
    assert ["小结甲t1" in case, "小结甲t3" in case] == [True, False]
    (console.settings.home / FILE).write_bytes(b"damaged, and long enough for a header" * 20)
    assert agent.get("/desk/call").status == 200, "the call goes on"


def test_a_service_that_is_away_is_said_so_and_the_call_goes_on(console: Console) -> None:
    shown = at(console, "一号坐席").get("/desk/call").text
    assert "通话照旧" in shown


# --- the supervisor -------------------------------------------------------------------------------


def test_a_leader_listens_by_the_own_phone_and_the_trail_says_why(
    office: tuple[Console, Service],
) -> None:
    console, service = office
    leader = at(console, "班长", Role.LEADER, "/supervise")
    assert "监听王敏" in leader.get("/supervise").text
    assert leader.post("/supervise", {"deed": "listen", "of": "6001"}).status == 422
    assert service.asked == []
    meant = {"deed": "listen", "of": "6001", "session": "s1"}
    done = leader.post("/supervise", {**meant, "reason": "质检"})
    assert "您的话机在振铃" in done.text
    assert service.asked == [("6009", meant)]
    assert ("overheard", "坐席 6001 通话 s1", "班长") in trail(console.settings.home)


def test_a_leader_without_a_phone_is_told_so(office: tuple[Console, Service]) -> None:
    console, service = office
    leader = at(console, "无话机", Role.LEADER, "/supervise")
    assert "您没有话机" in leader.get("/supervise").text
    refused = leader.post("/supervise", {"deed": "listen", "of": "6001", "reason": "质检"})
    assert refused.status == 422
    assert service.asked == []


def test_what_the_service_refuses_is_told(office: tuple[Console, Service]) -> None:
    console, service = office
    service.refuses = "您没有在监听这一通"
    leader = at(console, "班长", Role.LEADER, "/supervise")
    assert "您没有在监听" in leader.post("/supervise", {"deed": "whisper", "of": "6001"}).text


def test_who_listens_may_whisper_and_take_over(office: tuple[Console, Service]) -> None:
    console, service = office
    service.watches = {
        "session": "s1",
        "of": "6001",
        "name": "王敏",
        "listens": True,
        "whispers": False,
    }
    shown = at(console, "班长", Role.LEADER, "/supervise").get("/supervise/live").text
    assert "您在听王敏的通话" in shown
    assert "do-take_over" in shown
    assert "为什么监听" not in shown
