"""坐席: an agent's own state, wishes on their way to the service, and the six digits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console import living
from console.rights import Role
from ivr.agents.desks import Desks
from ivr.agents.notes import Notes
from ivr.agents.presence import CUT_OFF, Event
from ivr.agents.switchboard import Switchboard
from ivr.calls.pins import FILE, Pins, TooEasy
from ivr.config import Agent, AgentsSettings, Settings
from ivr.line import overview
from ivr.line.desking import wished
from ivr.line.overview import live
from ivr.people.sensitive import Sensitive
from tests.console.test_signing import trail
from tests.console.visiting import Console, Visitor
from tests.line.test_overview import Told
from tests.ports import free_port

PHONES = (
    Agent(name="王敏", extension="6001"),
    Agent(name="李强", extension="6002", user="liqiang"),
)


class Service:
    """The service's door for the console, before real desks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.desks = Desks(settings.agents, lambda: 1000.0)
        self.means = self
        self.switchboard = Switchboard(self.desks)
        self.notes = Notes(settings.home, settings.node)

    def given(self) -> Service:
        return self


@pytest.fixture(params=[True, False], ids=["signing in", "always there"])
def office(settings: Settings, request: pytest.FixtureRequest) -> Iterator[tuple[Console, Desks]]:
    agents = AgentsSettings(phones=PHONES, sign_in=request.param)
    chosen = settings.model_copy(update={"http_port": free_port(), "agents": agents})
    console, service = Console(chosen), Service(chosen)
    app = web.Application()
    app.add_routes([wished(service, service.notes)])  # type: ignore[arg-type]
    server = TestServer(app, port=chosen.http_port)
    console.loop.run_until_complete(server.start_server())
    yield console, service.desks
    console.loop.run_until_complete(server.close())
    console.close()


def agent(console: Console, name: str) -> Visitor:
    visitor = console.signed_in(name, Role.AGENT)
    visitor.get("/desk")
    return visitor


def test_an_agent_is_ready_not_ready_and_ready_again(office: tuple[Console, Desks]) -> None:
    console, desks = office
    visitor = agent(console, "王敏")
    first = desks.settings.phones[0]
    signs_in = desks.settings.sign_in
    assert "已" in visitor.post("/desk", {"wish": "sign_in" if signs_in else "ready"}).text
    assert desks.of(first).state == "free"
    answer = visitor.post("/desk", {"wish": "not_ready", "reason": "培训"})
    assert "已示忙" in answer.text
    assert (desks.of(first).state, desks.of(first).reason) == ("not_ready", "培训")
    visitor.post("/desk", {"wish": "ready"})
    assert desks.of(first).state == "free"
    assert ("签出" in answer.text) == signs_in


def test_a_wish_while_talking_is_said_to_count_later(office: tuple[Console, Desks]) -> None:
    console, desks = office
    visitor = agent(console, "liqiang")
    second = desks.settings.phones[1]
    desks.wishes(second, Event.SIGN_IN, "phone")
    with desks.talks(second):
        told = visitor.post("/desk", {"wish": "not_ready", "reason": "休息"}).text
        assert "通话结束以后生效" in told
    desks.hung_up(second)
    assert desks.of(second).state == "not_ready"


@pytest.mark.parametrize(
    "form",
    [{"wish": "answered"}, {"wish": "not_ready", "reason": "睡觉"}, {}, {"wish": "not_ready"}],
)
def test_what_nobody_can_wish_changes_nothing(
    office: tuple[Console, Desks], form: dict[str, str]
) -> None:
    console, desks = office
    before = desks.of(desks.settings.phones[0])
    answer = agent(console, "王敏").post("/desk", form)
    assert answer.status == 422
    assert "没有办成" in answer.text
    assert desks.of(desks.settings.phones[0]) == before


def test_only_the_agent_and_only_the_console_may_wish(office: tuple[Console, Desks]) -> None:
    """Not a colleague of another role, not a user who is no agent, not a program on the machine."""
    console, desks = office
    before = [desks.of(each) for each in PHONES]
    assert console.signed_in("值班", Role.LEADER).post("/desk", {"wish": "ready"}).status == 403
    stranger = agent(console, "无名")
    assert "没有坐席用您的名字" in stranger.get("/desk").text
    assert stranger.post("/desk", {"wish": "not_ready", "reason": "休息"}).status == 422
    # 李强's user is liqiang, and nobody else may take his place by his name.
    assert "没有坐席用您的名字" in agent(console, "李强").get("/desk").text

    async def without_secret() -> int:
        url = f"http://127.0.0.1:{console.settings.http_port}/desks/6001"
        async with stranger.client.session.post(url, json={"wish": "ready"}) as answer:
            return answer.status

    assert console.loop.run_until_complete(without_secret()) == 403
    assert [desks.of(each) for each in PHONES] == before


def test_a_service_that_is_away_is_said_so(console: Console) -> None:
    visitor = console.signed_in("一号坐席", Role.AGENT)
    visitor.get("/desk")
    answer = visitor.post("/desk", {"wish": "ready"})
    assert answer.status == 422
    assert "没有回答" in answer.text


# --- the stream -------------------------------------------------------------------------------


def test_an_agent_sees_the_own_state_apart_from_the_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(living, "AGAIN_SECONDS", 0.05)
    agents = AgentsSettings(phones=PHONES)
    console = Console(settings.model_copy(update={"http_port": free_port(), "agents": agents}))
    told = Told(
        {
            "calls": {},
            "agents": {
                "6001": {"name": "王敏", "state": "away", "since": 1_800_000_000},
                "6002": {"name": "李强", "state": "not_ready", "since": None, "reason": "会议"},
            },
            "queue": {},
        }
    )
    app = web.Application()
    app.add_routes([live(told)])  # type: ignore[arg-type]
    service = TestServer(app, port=console.settings.http_port)
    console.loop.run_until_complete(service.start_server())
    visitor, other = agent(console, "王敏"), agent(console, "liqiang")

    async def look(who: Visitor) -> str:
        async with who.client.get("/desk/live") as answer:
            return (await answer.content.readuntil(b"\n\n")).decode()

    seen = console.loop.run_until_complete(look(visitor))
    assert "我的状态" in seen
    assert "没有人接，所以把您设为离开" in seen
    assert "示忙（会议）" in seen
    seen = console.loop.run_until_complete(look(other))
    assert "没有人接" not in seen
    vanished = {"name": "王敏", "state": "away", "since": 1_800_000_000, "reason": CUT_OFF}
    told.now = {**told.now, "agents": {**told.now["agents"], "6001": vanished}}
    seen = console.loop.run_until_complete(look(visitor))
    assert "您的话机在通话中断了" in seen
    assert "离开（话机断了）" in console.loop.run_until_complete(look(other))
    console.loop.run_until_complete(service.close())
    console.close()


# --- the six digits ---------------------------------------------------------------------------


def test_an_agent_chooses_digits_and_the_trail_says_that_not_which(console: Console) -> None:
    visitor = console.signed_in("一号坐席", Role.AGENT)
    assert "设密码" in visitor.get("/desk").text
    done = visitor.post("/desk/pin", {"pin": "271828", "again": "271828"})
    assert "坐席密码已改" in done.text
    home = console.settings.home
    assert Pins(home).right("6001", Sensitive("271828"))
    assert not Pins(home).right("6001", Sensitive("271829"))
    assert not Pins(home).right("6002", Sensitive("271828"))
    assert "271828" not in (home / FILE).read_text()
    assert (home / FILE).stat().st_mode & 0o777 == 0o600
    assert ("password", "坐席 6001", "一号坐席") in trail(home)
    assert "271828" not in (home / "audit.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("pin", ["123456", "111222", "12345", "27182a", "2718281", "", "٢٧١٨٢٨"])
def test_digits_that_anybody_would_guess_are_refused(console: Console, pin: str) -> None:
    visitor = console.signed_in("一号坐席", Role.AGENT)
    visitor.get("/desk")
    assert visitor.post("/desk/pin", {"pin": pin, "again": pin}).status == 422
    assert visitor.post("/desk/pin", {"pin": "271828", "again": "271829"}).status == 422
    assert not Pins(console.settings.home).has("6001")


def test_digits_that_are_given_will_do(settings: Settings) -> None:
    pins = Pins(settings.home)
    for _ in range(20):
        Pins.check(pins.give("6001"))
    with pytest.raises(TooEasy):
        pins.choose("6001", Sensitive("987654"))


def test_a_damaged_file_of_digits_opens_nothing(settings: Settings) -> None:
    pins = Pins(settings.home)
    pins.give("6001")
    (settings.home / FILE).write_text("{")
    assert not pins.has("6001")
    (settings.home / FILE).write_text('{"6001": "no hash"}')
    assert not pins.right("6001", Sensitive("271828"))
