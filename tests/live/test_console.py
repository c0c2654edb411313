"""The console in a real browser: each page read, used by keys alone, checked by axe, photographed.

Pictures of every page, wide and narrow, light and dark, go into `CONSOLE_PICTURES`, else into the
test's own folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.sync_api import Browser, Page, expect

from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from console.rights import Role
from console.users import Users
from ivr.cases.case import Filed
from ivr.cases.register import Register
from ivr.config import PROJECT, Settings, standing
from ivr.line.overview import Overview, live
from ivr.people.sensitive import Sensitive
from ivr.speech.announcements import Announcements, Sound, new
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file
from tests.line.test_overview import Told
from tests.live.conftest import free_port
from tests.live.pages import AXE, NARROW, WIDE

pytestmark = pytest.mark.live

PASSWORD = "correct horse battery"
EVERYONE = {
    "王敏": Role.LEADER,
    "赵坐席": Role.AGENT,
    "统计员": Role.ANALYST,
    "管理": Role.ADMINISTRATOR,
    "审计": Role.AUDITOR,
    "编辑": Role.EDITOR,
    "李强": Role.HANDLER,
}
CASE = Filed(
    "26112501001", "complaint", "session-1", "token", datetime(2026, 11, 25, 4, tzinfo=UTC),
    "2026-11-25/complaint/26112501001.wav", 61_000, "0" * 64,
)  # fmt: skip


def busy() -> Overview:
    now = round(time.time())
    places = ("main.menu", "account.inquiry", "account.readout", "loan.menu", "agent", "feedback")
    return {
        "calls": {
            f"s{n}": {
                "place": places[n % len(places)],
                "since": now - 7 * n,
                "here_since": now - n,
                "trunk": "carrier",
            }
            for n in range(14)
        },
        "agents": {
            "6001": {"name": "一号坐席", "state": "talking", "since": now - 83},
            "6002": {"name": "二号坐席", "state": "free", "since": now - 300},
            "6003": {"name": "三号坐席", "state": "passed_over", "since": None},
            "6004": {"name": "四号坐席", "state": "absent", "since": None},
        },
        "queue": {"1": {"since": now - 41}, "2": {"since": now - 5}},
    }


@dataclass(frozen=True)
class Opened:
    """`ivr console` with users and a day of calls, beside a service that tells of a busy line."""

    address: str
    home: Path
    told: Told


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    home = tmp_path_factory.mktemp("console")
    spool_file(home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(home), once=True)
    users = Users(home)
    for name, role in EVERYONE.items():
        users.add(name, frozenset({role}))
        users.choose_password(name, Sensitive(PASSWORD))
    cases = Register.of(Settings(home=home))
    for number, kind in (("26112501001", "complaint"), ("26112501002", "suggestion")):
        cases.enter(replace(CASE, number=number, kind=kind))
    port, service_port, told = free_port(), free_port(), Told(busy())
    process = subprocess.Popen(
        [sys.executable, "-m", "ivr.cli", "console"],
        env={
            **os.environ,
            "IVR_HOME": str(home),
            "IVR_CONSOLE__PORT": str(port),
            "IVR_HTTP_PORT": str(service_port),
        },
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
        with _service(told, service_port):
            yield Opened(f"http://127.0.0.1:{port}", home, told)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


class _service:  # noqa: N801  a context manager
    """A service that tells what is told, in a thread of its own."""

    def __init__(self, told: Told, port: int) -> None:
        self._told, self._port = told, port
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        app = web.Application()
        app.add_routes([live(self._told)])  # type: ignore[arg-type]
        async with TestServer(app, port=self._port):
            await self._over.wait()


def sign_in(page: Page, opened: Opened, name: str) -> None:
    page.goto(f"{opened.address}/sign-in")
    page.get_by_label("名字").fill(name)
    page.get_by_label("口令").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="退出")).to_be_visible()


def look(page: Page, folder: Path, name: str) -> None:
    """Photograph it wide and narrow, light and dark; nothing sticks out, and axe finds nothing."""
    for size, shape in ((WIDE, "wide"), (NARROW, "narrow")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=folder / f"{name}-{shape}-{scheme}.png", full_page=True)
            assert axe(page) == [], f"{name} {shape} {scheme}"
        sticking = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert sticking <= 0, f"{name} {shape}: {sticking} px stick out"
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def axe(page: Page) -> list[str]:
    """What axe-core finds wrong by WCAG 2.2 AA."""
    page.evaluate(f"(() => {{ {AXE.read_text(encoding='utf-8')} }})()")
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {[node['html'] for node in each['nodes']][:3]}" for each in found]


def test_the_sign_in(opened: Opened, page: Page, pictures: Path) -> None:
    page.goto(opened.address)
    page.goto(f"{opened.address}/sign-in")
    look(page, pictures, "sign-in")
    page.get_by_label("名字").fill("nobody")
    page.get_by_label("口令").fill("wrong")


def test_by_keys_alone_from_the_sign_in_to_a_closed_line(opened: Opened, page: Page) -> None:
    page.goto(f"{opened.address}/sign-in")
    expect(page.get_by_label("名字")).to_be_focused()  # with the first picture: later than `load`
    page.keyboard.type("王敏")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="值班")).to_be_visible()
    _tab_to(page, "reason")
    page.keyboard.type("键盘")
    page.keyboard.press("Enter")
    expect(page.get_by_text("已停开")).to_be_visible()
    assert (opened.home / "line.closed").exists()
    _tab_to(page, "重新开通")
    page.keyboard.press("Enter")
    expect(page.get_by_text("热线开通")).to_be_visible()


def _tab_to(page: Page, wanted: str) -> None:
    """By the Tab key, as somebody without a mouse."""
    for _ in range(120):
        page.keyboard.press("Tab")
        here = page.evaluate("document.activeElement.name || document.activeElement.innerText")
        if here == wanted:
            return
    pytest.fail(f"{wanted} cannot be reached by keys")


def test_the_line_as_it_is_this_second(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "王敏")
    expect(page).to_have_url(f"{opened.address}/duty")
    live_part = page.locator("#live")
    expect(live_part.get_by_text("公积金查询 · 输入与播报").first).to_be_visible()
    expect(live_part.locator(".figures dd").first).to_have_text("14")
    expect(page.get_by_role("region", name="今天")).to_be_visible()
    expect(page.get_by_role("region", name="各部分")).to_be_visible()
    look(page, pictures, "duty")
    before = live_part.locator("td[data-since]").first.inner_text()
    expect(live_part.locator("td[data-since]").first).not_to_have_text(before)
    opened.told.now = {"calls": {}, "agents": {}, "queue": {}}
    expect(live_part.get_by_text("现在没有来电")).to_be_visible()
    opened.told.now = busy()


def test_users_are_made_and_come_in(
    opened: Opened, page: Page, pictures: Path, browser: Browser
) -> None:
    sign_in(page, opened, "管理")
    expect(page).to_have_url(f"{opened.address}/users")
    page.locator("section.card").get_by_label("名字").fill("新人")
    page.locator("section.card").get_by_label("值班长").check()
    page.get_by_role("button", name="建立").click()
    given = page.locator(".notice code").inner_text()
    look(page, pictures, "users")
    context = browser.new_context(locale="zh-CN")
    theirs = context.new_page()
    theirs.goto(f"{opened.address}/sign-in")
    theirs.get_by_label("名字").fill("新人")
    theirs.get_by_label("口令").fill(given)
    theirs.keyboard.press("Enter")
    expect(theirs.get_by_role("heading", name="请先设定自己的口令")).to_be_visible()
    look(theirs, pictures, "password")
    theirs.get_by_label("刚才的一次性口令").fill(given)
    theirs.get_by_label("新口令，至少").fill(PASSWORD)
    theirs.get_by_label("新口令，再输一次").fill(PASSWORD)
    theirs.keyboard.press("Enter")
    expect(theirs).to_have_url(f"{opened.address}/duty")
    page.get_by_role("button", name="锁定 新人").click()
    theirs.goto(f"{opened.address}/duty")
    expect(theirs).to_have_url(f"{opened.address}/sign-in")
    context.close()


def test_an_announcement_by_keys_alone(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "王敏")
    _tab_to(page, "text")
    page.keyboard.type("今天8点停电")
    _tab_to(page, "合成，先试听")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("数字写成汉字")
    look(page, pictures, "announcement-refused")
    made = new("因系统升级，今天下午暂停查询，请您谅解。", Sound({"alaw": "said.alaw"}, 1.0),
               datetime.now(UTC) + timedelta(hours=1), "王敏", datetime.now(UTC))  # fmt: skip
    kept = Announcements(opened.home)
    kept.folder.mkdir(exist_ok=True)
    (kept.folder / "said.alaw").write_bytes(b"\xd5\x2a" * 4000)
    kept.add(made)
    page.goto(f"{opened.address}/duty")
    expect(page.get_by_text("还没有播出")).to_be_visible()
    page.locator("#announcements audio").evaluate("async (sound) => { await sound.play(); }")
    until_heard(kept, made.name)
    _tab_to(page, "播出")
    page.keyboard.press("Enter")
    expect(page.get_by_text("紧急公告正在播出")).to_be_visible()
    look(page, pictures, "duty-announcing")
    _tab_to(page, "撤下")
    page.keyboard.press("Enter")
    expect(page.get_by_text("紧急公告正在播出")).to_have_count(0)
    assert kept.on_air(datetime.now(UTC)) == []


def until_heard(kept: Announcements, name: str) -> None:
    for _ in range(600):
        if kept.named(name).heard:
            return
        time.sleep(0.1)
    pytest.fail("nobody has listened")


def test_settings_by_keys_alone(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "管理")
    page.get_by_role("link", name="设置", exact=True).click()
    expect(page.get_by_role("heading", name="限制")).to_be_visible()
    _tab_to(page, "limits.calls")
    page.keyboard.press("Control+A")
    page.keyboard.type("很多")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("应是整数")
    look(page, pictures, "settings-refused")
    _tab_to(page, "limits.calls")
    page.keyboard.press("Control+A")
    page.keyboard.type("120")
    page.keyboard.press("Enter")
    expect(page.get_by_text("第 1 版", exact=True).first).to_be_visible()
    look(page, pictures, "settings")
    assert standing(Settings(home=opened.home)).limits.calls == 120


def test_calls_are_found_and_followed(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "统计员")
    expect(page).to_have_url(f"{opened.address}/calls")
    page.get_by_label("从").fill("2026-11-24")
    page.get_by_label("到", exact=True).fill("2026-11-24")
    page.get_by_label("到过").select_option("agent")
    page.get_by_role("button", name="查找").click()
    expect(page.locator("tbody tr")).to_have_count(4)
    look(page, pictures, "calls")
    page.locator("tbody a").last.click()
    expect(page.get_by_role("region", name="经过")).to_be_visible()
    expect(page.get_by_text("一号坐席").first).to_be_visible()
    look(page, pictures, "call")


@pytest.mark.parametrize(
    "name", ["calls_by_hour", "calls_by_weekday_and_hour", "call_funnel", "lookups", "survey_trend"]
)
def test_a_report_with_its_chart(opened: Opened, page: Page, pictures: Path, name: str) -> None:
    sign_in(page, opened, "统计员")
    page.goto(f"{opened.address}/reports/{name}?from=2026-11-24&to=2026-11-24")
    expect(page.locator("table")).to_be_visible()
    if name != "lookups":
        expect(page.locator("#chart canvas").first).to_be_visible()
        page.locator("#chart").hover()
    look(page, pictures, f"report-{name}")


def test_reports_are_listed_and_taken_home(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "统计员")
    page.get_by_role("link", name="报表").click()
    look(page, pictures, "reports")
    page.goto(f"{opened.address}/reports/calls_by_hour?from=2026-11-24&to=2026-11-24")
    with page.expect_download() as download:
        page.get_by_role("link", name="Excel").click()
    assert download.value.suggested_filename == "calls_by_hour-2026-11-24-2026-11-24.xlsx"


def test_a_question_of_ones_own_is_asked_and_kept(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "统计员")
    page.goto(f"{opened.address}/sql")
    look(page, pictures, "sql")
    page.get_by_label("from（日期）").fill("2026-11-24")
    page.get_by_label("to（日期）").fill("2026-11-24")
    page.get_by_role("button", name="查询", exact=True).click()
    expect(page.get_by_role("region", name="结果").locator("tbody tr")).to_have_count(1)
    page.get_by_text("有哪些表和列").click()
    look(page, pictures, "sql-answer")
    with page.expect_download() as download:
        page.get_by_role("button", name="Excel").click()
    assert download.value.suggested_filename.endswith(".xlsx")
    page.get_by_text("保存这个查询").click()
    page.get_by_label("名字").fill("每天多少")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_role("heading", name="每天多少")).to_be_visible()
    look(page, pictures, "sql-kept")


def test_the_words_with_their_keys_and_lines(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "编辑")
    expect(page).to_have_url(f"{opened.address}/words")
    card = page.locator('[id="information.4.1"]')
    expect(card.locator(".from")).to_contain_text("scripts.zh.toml 第")
    second = card.locator('a.way[data-key="2"]')
    expect(second).to_have_attribute("href", "#information.4.1.2")
    second.focus()
    page.keyboard.press("Enter")
    expect(page.locator('[id="information.4.1.2"]')).to_be_in_viewport()
    page.locator('[id="information.4.1.2"]').get_by_role("link", name="{base_year}").click()
    expect(page.locator('[id="variables.base_year"]')).to_be_in_viewport()
    page.get_by_role("searchbox").fill("缴存基数")
    look(page, pictures, "words")


def test_a_sentence_is_changed_checked_and_submitted(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "编辑")
    page.locator('[id="line.no_input"]').get_by_role("link", name="改 line.no_input").click()
    words = page.get_by_label("要说的话")
    checked = page.get_by_role("region", name="检查和读法")
    words.fill("没有听到<b>按键</b>。")
    expect(checked.get_by_role("listitem").first).to_be_visible()
    look(page, pictures, "words-edit-fault")
    words.fill("没有听到您的按键，请重新按。")
    expect(checked).to_contain_text("chong2 xin1")
    look(page, pictures, "words-edit")
    page.get_by_role("button", name="存进草稿").press("Enter")
    page.goto(f"{opened.address}/words/draft")
    expect(page.locator("ins").first).to_be_visible()
    page.get_by_label("为什么改").fill("说得更清楚")
    page.get_by_role("button", name="送审").press("Enter")
    expect(page.get_by_text("已送审")).to_be_visible()
    look(page, pictures, "words-draft")


def test_a_case_goes_to_its_handler_who_answers_it(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "王敏")
    page.get_by_role("link", name="工单", exact=True).press("Enter")
    expect(page.get_by_role("row")).to_have_count(3)
    look(page, pictures, "cases")
    page.get_by_role("link", name=CASE.number).press("Enter")
    page.get_by_role("button", name="受理", exact=True).press("Enter")
    form = page.locator("form").filter(has=page.get_by_role("button", name="派单"))
    form.get_by_label("承办人").fill("李强")
    form.get_by_role("button").press("Enter")
    expect(page.get_by_text("已派单").first).to_be_visible()
    look(page, pictures, "case-of-a-leader")
    page.get_by_role("button", name="退出").press("Enter")
    sign_in(page, opened, "李强")
    page.goto(f"{opened.address}/cases/{CASE.number}")
    page.get_by_role("button", name="领办", exact=True).press("Enter")
    form = page.locator("form").filter(has=page.get_by_role("button", name="答复", exact=True))
    form.get_by_role("textbox").fill("已经补缴。")
    form.get_by_role("button").press("Enter")
    expect(page.get_by_text("已答复").first).to_be_visible()
    look(page, pictures, "case-of-a-handler")


def test_the_night_is_read(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "王敏")
    page.get_by_role("link", name="昨夜").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    look(page, pictures, "night")


def test_the_trail_is_read(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "审计")
    expect(page).to_have_url(f"{opened.address}/audit")
    expect(page.get_by_text("校验完好")).to_be_visible()
    look(page, pictures, "audit")
