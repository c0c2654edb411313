"""值班: what the page shows of the line, and the switch."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestServer

from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from console import living
from console.pages import duty
from console.rights import Role
from console.users import Users
from ivr.config import Settings
from ivr.lifecycle.switch import closed
from ivr.line import overview
from ivr.line.overview import Overview, live
from ivr.records.facts import AgentMoved
from ivr.upkeep.doctor import Finding
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file
from tests.console.test_signing import trail
from tests.console.visiting import Console
from tests.line.test_overview import Told
from tests.ports import free_port

NOW = 1_800_000_000
BUSY: Overview = {
    "calls": {
        "s1": {"place": "account.inquiry", "since": NOW, "here_since": NOW, "trunk": "carrier"},
        "s2": {"place": "agent", "since": NOW, "here_since": NOW, "trunk": ""},
    },
    "agents": {
        "6001": {"name": "王敏", "state": "talking", "since": NOW},
        "6002": {"name": "<b>李强</b>", "state": "away", "since": None},
    },
    "queue": {"1": {"since": NOW}},
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(living, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(living, "BEAT_SECONDS", 0.05)


@pytest.fixture
def watched(settings: Settings) -> Iterator[tuple[Console, Told]]:
    """A console beside a service that says what the test wants."""
    console = Console(settings.model_copy(update={"http_port": free_port()}))
    told = Told(BUSY)
    app = web.Application()
    app.add_routes([live(told)])  # type: ignore[arg-type]
    service = TestServer(app, port=console.settings.http_port)
    console.loop.run_until_complete(service.start_server())
    yield console, told
    console.loop.run_until_complete(service.close())
    console.close()


async def news(stream: ClientResponse) -> str:
    """The next of a stream; a slow machine hears beats before and between."""
    while (told := (await stream.content.readuntil(b"\n\n")).decode()).startswith(":"):
        pass
    return told


def test_all_who_look_see_the_line_and_its_changes_from_one_stream(
    watched: tuple[Console, Told],
) -> None:
    console, told = watched
    one = console.signed_in("王敏", Role.LEADER)
    other = console.signed_in("李强", Role.LEADER)

    async def look() -> None:
        async with one.client.get("/duty/live") as first, other.client.get("/duty/live") as second:
            assert first.headers["Content-Type"].startswith("text/event-stream")
            seen = await news(first)
            assert await news(second) == seen
            assert "公积金查询 · 输入与播报" in seen
            assert "离开" in seen
            assert "&lt;b&gt;李强" in seen, "names are escaped"
            assert told.watchers == 1, "one stream for all"
            told.now = {"calls": {}, "agents": {}, "queue": {}}
            while "现在没有来电" not in await news(first):
                pass
        while told.watchers:  # noqa: ASYNC110  until the service has noticed
            await asyncio.sleep(0.01)

    console.loop.run_until_complete(look())


def test_a_state_that_cannot_be_shown_is_not_shown_as_old_and_the_next_is_again(
    watched: tuple[Console, Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    console, _ = watched
    visitor = console.signed_in("王敏", Role.LEADER)
    real, faults = duty._shown, [AttributeError("as nobody had thought"), KeyError("odd")]

    def shown(settings: Settings, state: living.State | None) -> str:
        if faults:
            raise faults.pop()
        return real(settings, state)

    monkeypatch.setattr(duty, "_shown", shown)

    async def look() -> None:
        async with visitor.client.get("/duty/live") as answer:
            while "公积金查询 · 输入与播报" not in await news(answer):
                pass

    console.loop.run_until_complete(asyncio.wait_for(look(), 30))


def test_a_service_that_does_not_answer_is_told(console: Console) -> None:
    visitor = console.signed_in("王敏", Role.LEADER)

    async def look() -> str:
        async with visitor.client.get("/duty/live") as answer:
            return await news(answer)

    assert "没有回答" in console.loop.run_until_complete(look())


def test_whoever_is_locked_sees_no_more_of_the_line(watched: tuple[Console, Told]) -> None:
    console, _ = watched
    console.user("管理", Role.ADMINISTRATOR)
    visitor = console.signed_in("王敏", Role.LEADER)

    async def look() -> None:
        async with visitor.client.get("/duty/live") as answer:
            await answer.content.readuntil(b"\n\n")
            await asyncio.to_thread(Users(console.settings.home).lock, "王敏")
            await answer.content.read()

    console.loop.run_until_complete(asyncio.wait_for(look(), 30))


def test_the_line_is_closed_with_a_reason_and_opened_again(console: Console) -> None:
    visitor = console.signed_in("王敏", Role.LEADER)
    home = console.settings.home
    visitor.get("/duty")
    assert visitor.post("/duty/close", {"reason": " "}).status == 422
    assert closed(home) is None
    assert visitor.post("/duty/close", {"reason": "机房<断电>"}).location == "/duty"
    found = closed(home)
    assert found is not None
    assert found.reason == "机房<断电>"
    assert "机房&lt;断电&gt;" in visitor.get("/duty").text
    assert visitor.post("/duty/open").location == "/duty"
    assert closed(home) is None
    assert trail(home)[1:] == [("line closed", "line", "王敏"), ("line opened", "line", "王敏")]


def test_a_line_whose_trail_is_broken_stays_as_it_is(console: Console) -> None:
    visitor = console.signed_in("王敏", Role.LEADER)
    visitor.get("/duty")
    (console.settings.home / "audit.jsonl").write_text('{"hash": "made up"}\n')
    assert visitor.post("/duty/close", {"reason": "x"}).status == 503
    assert closed(console.settings.home) is None


def test_today_against_such_days(console: Console) -> None:
    home = console.settings.home
    visitor = console.signed_in("王敏", Role.LEADER)
    assert "no facts are published yet" in visitor.get("/duty/today").text
    spool_file(home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(home), once=True)
    shown = visitor.get("/duty/today").text
    assert "自助率" in shown
    assert "往常" in shown


def test_the_queue_of_today_is_on_the_live_page(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: 4 asked on the twenty calls' day, 1 of 4 was answered within 15 s, 2 within 20 s."""

    class ThatDay(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> ThatDay:
            return cls(2026, 11, 24, 18, tzinfo=tz)

    home = console.settings.home
    spool_file(home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(home), once=True)
    monkeypatch.setattr(duty, "datetime", ThatDay)
    shown = console.signed_in("王敏", Role.LEADER).get("/duty/today").text
    told = re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)", shown)
    assert told == [
        ("要求人工", "4"),
        ("接通", "2"),
        ("等待中放弃", "1"),
        ("15 秒内接通", "25"),
        ("20 秒内接通", "50"),
        ("最久等待", "25"),
        ("平均通话", "90"),
        ("平均整理", "—"),
    ]


def test_the_figures_of_agents_are_on_the_live_page(console: Console) -> None:
    """Each agent's day, states by half hours, and how many are wanted tomorrow."""
    now = datetime.now(UTC)
    facts = [
        (now - timedelta(days=7 * weeks, seconds=-60 * move), AgentMoved(
            agent="王敏", extension="6001", was=was, ms=60_000, state=state))
        for weeks in (0, 6)
        for move, (was, state) in enumerate((("talking", "wrap_up"), ("wrap_up", "free")))
    ]  # fmt: skip
    home = console.settings.home
    visitor = console.signed_in("王敏", Role.LEADER)
    assert "no facts are published yet" in visitor.get("/duty/agents").text
    spool_file(home).write_bytes(lines(facts))
    run(FactsFolder(home), once=True)
    shown = visitor.get("/duty/agents").text
    for told in ("今天每位坐席", "今天每半小时的状态", "明天每半小时要几位坐席", "整理"):
        assert told in shown
    assert console.signed_in("坐席", Role.AGENT).get("/duty/agents").status == 403


@pytest.mark.parametrize(
    ("states", "counted", "occupied"),
    [
        ([], [], None),
        (["away", "not_ready", "signed_out", "absent"],
         [("示忙", 1), ("离开", 1), ("离线", 1), ("话机未注册", 1)], None),
        (["free"], [("空闲", 1)], 0),
        (["talking", "free", "wrap_up", "talking", "away"],
         [("空闲", 1), ("通话", 2), ("整理", 1), ("离开", 1)], 75),
        (["ringing", "talking"], [("振铃", 1), ("通话", 1)], 50),
    ],
)  # fmt: skip
def test_agents_by_state_and_how_occupied_they_are(
    states: list[str], counted: list[tuple[str, int]], occupied: int | None
) -> None:
    agents = [{"state": state} for state in states]
    assert duty.how_many(agents) == counted
    assert duty.occupancy(agents) == occupied


def test_every_part_is_told_with_its_remedy_and_the_worst_first(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        Finding("disk", True, "9 GB free"),
        Finding("clock", True, "install chrony", warns=True),
        Finding("service", False, "start `ivr run` <now>"),
    ]
    looks: list[Settings] = []

    def examine(settings: Settings) -> list[Finding]:
        looks.append(settings)
        return found

    monkeypatch.setattr(duty, "findings_of", examine)
    visitor = console.signed_in("王敏", Role.LEADER)
    shown = visitor.get("/duty/parts").text
    visitor.get("/duty/parts")
    assert shown.index("&lt;now&gt;") < shown.index("install chrony") < shown.index("9 GB free")
    assert [word in shown for word in ("要处理", "请留意", "正常")] == [True] * 3
    assert len(looks) == 1, "one look for all who ask within a moment"
