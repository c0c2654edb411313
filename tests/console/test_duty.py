"""值班: what the page shows of the line, and the switch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiohttp import web
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
from ivr.upkeep.doctor import Finding
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file
from tests.console.test_signing import trail
from tests.console.visiting import Console
from tests.line.test_overview import Told
from tests.live.conftest import free_port

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


def test_all_who_look_see_the_line_and_its_changes_from_one_stream(
    watched: tuple[Console, Told],
) -> None:
    console, told = watched
    one = console.signed_in("王敏", Role.LEADER)
    other = console.signed_in("李强", Role.LEADER)

    async def look() -> None:
        async with one.client.get("/duty/live") as first, other.client.get("/duty/live") as second:
            assert first.headers["Content-Type"].startswith("text/event-stream")
            seen = (await first.content.readuntil(b"\n\n")).decode()
            assert await second.content.readuntil(b"\n\n") == seen.encode()
            assert "公积金查询 · 输入与播报" in seen
            assert "离开" in seen
            assert "&lt;b&gt;李强" in seen, "names are escaped"
            assert told.watchers == 1, "one stream for all"
            told.now = {"calls": {}, "agents": {}, "queue": {}}
            while "现在没有来电" not in (await first.content.readuntil(b"\n\n")).decode():
                pass
        while told.watchers:  # noqa: ASYNC110  until the service has noticed
            await asyncio.sleep(0.01)

    console.loop.run_until_complete(look())


def test_a_service_that_does_not_answer_is_told(console: Console) -> None:
    visitor = console.signed_in("王敏", Role.LEADER)

    async def look() -> str:
        async with visitor.client.get("/duty/live") as answer:
            return (await answer.content.readuntil(b"\n\n")).decode()

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
