"""The console in a real browser: each page read, used by keys alone, checked by axe.

Pictures of every page, wide and narrow, light and dark, go into the folder `CONSOLE_PICTURES`,
where one is named: nobody looks at others, and each takes a second of processor.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
import os
import re
import signal
import struct
import subprocess
import threading
import time
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.sync_api import Browser, Page, expect

from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from console.authenticator import figures
from console.rights import Role
from console.schedules import Schedules
from console.users import Users
from ivr.agents.notes import Notes, Owed, Talked
from ivr.asterisk.configure import desk_secret
from ivr.cases.case import Filed
from ivr.cases.moves import Deed, Move, Office, State
from ivr.cases.register import Register
from ivr.config import Settings, standing
from ivr.line.overview import Overview, live
from ivr.people.sensitive import Sensitive
from ivr.records.facts import TalkRecorded
from ivr.speech.announcements import Announcements, Sound, new
from tests import forks
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file
from tests.console.test_desk_call import CALL, Service
from tests.line.test_overview import Told
from tests.live.pages import AXE, COLOURS, EXAMINED, NARROW, PATIENCE_MS, PICTURES_WANTED, WIDE, tab
from tests.ports import free_port

pytestmark = pytest.mark.live

PASSWORD = "correct horse battery"


def spoken(*parts: tuple[int, bool], channels: int = 1) -> bytes:
    """A recording of so many seconds each, of a voice or of nobody."""
    content = BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8000)
        for seconds, is_voice in parts:
            for n in range(8000 * seconds):
                loud = 9000 * abs(math.sin(n / 2500)) * math.sin(n / 5) if is_voice else 0
                file.writeframesraw(struct.pack("<h", round(loud)) * channels)
    return content.getvalue()


EVERYONE = {
    "王敏": Role.LEADER,
    "赵坐席": Role.AGENT,
    "三号坐席": Role.AGENT,
    "钱坐席": Role.AGENT,
    "统计员": Role.ANALYST,
    "管理": Role.ADMINISTRATOR,
    "审计": Role.AUDITOR,
    "编辑": Role.EDITOR,
    "李强": Role.HANDLER,
    "四号坐席": Role.AGENT,
    "班长": Role.LEADER,
}
PHONES = [
    *(
        {"name": f"{name}号坐席", "extension": f"600{number}"}
        for number, name in enumerate("一二三四", start=1)
    ),
    {"name": "班长", "extension": "6009"},
]
SPOKEN = spoken((3, True), (4, False), (5, True))
CASE = Filed(
    "26112501001", "complaint", "session-1", "token", datetime(2026, 11, 25, 4, tzinfo=UTC),
    "2026-11-25/complaint/26112501001.wav", 12_000, hashlib.sha256(SPOKEN).hexdigest(),
)  # fmt: skip

TALKED = spoken((3, True), (1, False), (5, True), channels=2)
TALK = TalkRecorded(
    session="session-1", agents="王敏、李强", outcome="kept", reference="7e57",
    path="2026-11-25/talk/7e57.wav", ms=9_000, bytes=len(TALKED),
    sha256=hashlib.sha256(TALKED).hexdigest(), pauses=1, paused_ms=12_000,
    gaps='[{"at_ms": 3000, "why": "pause", "ms": 12000}]',
)  # fmt: skip


def busy() -> Overview:
    now = round(time.time())
    places = ("main.menu", "account.inquiry", "survey", "loan.menu", "agent", "feedback")
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
            "6003": {"name": "三号坐席", "state": "away", "since": None},
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
    desks: Service


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    home = tmp_path_factory.mktemp("console")
    spool_file(home).write_bytes(lines([*twenty_calls(), (CASE.at, TALK)]))
    run(FactsFolder(home), once=True)
    users = Users(home)
    for name, role in EVERYONE.items():
        users.add(name, frozenset({role}))
        users.choose_password(name, Sensitive(PASSWORD))
    cases = Register.of(Settings(home=home))
    for number, kind in (("26112501001", "complaint"), ("26112501002", "suggestion")):
        cases.enter(replace(CASE, number=number, kind=kind))
    for path, content in ((CASE.path, SPOKEN), (str(TALK.path), TALKED)):
        sound = home / "recordings" / path
        sound.parent.mkdir(parents=True)
        sound.write_bytes(content)
    port, service_port, told = free_port(), free_port(), Told(busy())
    process = forks.start(
        *(forks.IVR, "console"),
        env={
            **os.environ,
            "IVR_HOME": str(home),
            "IVR_CONSOLE__PORT": str(port),
            "IVR_HTTP_PORT": str(service_port),
            "IVR_AGENTS": json.dumps({"phones": PHONES, "sign_in": True}),
        },
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
        desks = Service(desk_secret(Settings(home=home)), {"6004": dict(CALL)})
        with _service(told, desks, service_port):
            yield Opened(f"http://127.0.0.1:{port}", home, told, desks)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture(autouse=True)
def _as_it_was(opened: Opened) -> Iterator[None]:
    """What a test has made the service say is not said to the next one, also where it failed."""
    yield
    opened.desks.begin_again({"6004": dict(CALL)})
    opened.told.now = busy()


class _service:  # noqa: N801  a context manager
    """A service that tells what is told, in a thread of its own."""

    def __init__(self, told: Told, desks: Service, port: int) -> None:
        self._told, self._desks, self._port = told, desks, port
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
        app = self._desks.app()
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
    """Wide and narrow, light and dark: nothing sticks out, axe finds nothing; and photograph it.

    The schemes differ in colours only, and a narrow page in places only.
    """
    for size, shape in ((WIDE, "wide"), (NARROW, "narrow")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            if PICTURES_WANTED:
                page.screenshot(path=folder / f"{name}-{shape}-{scheme}.png", full_page=True)
            if (shape, scheme) in RULES:
                assert axe(page, RULES[shape, scheme]) == [], f"{name} {shape} {scheme}"
        sticking = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert sticking <= 0, f"{name} {shape}: {sticking} px stick out"
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]


RULES = {
    ("wide", "light"): {},
    ("wide", "dark"): {"runOnly": COLOURS},
    ("narrow", "light"): {"rules": {rule: {"enabled": False} for rule in COLOURS}},
}
"""axe's own options."""


def axe(page: Page, options: Mapping[str, object]) -> list[str]:
    """What axe-core finds wrong by WCAG 2.2 AA, or by some of its rules."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(f"(() => {{ {AXE.read_text(encoding='utf-8')} }})()")
    found: list[str] = page.evaluate(EXAMINED, options)
    return found


def test_the_sign_in(opened: Opened, page: Page, pictures: Path) -> None:
    page.goto(opened.address)
    page.goto(f"{opened.address}/sign-in")
    look(page, pictures, "sign-in")
    page.get_by_label("名字").fill("nobody")
    page.get_by_label("口令").fill("wrong")


def test_the_desk_of_an_agent_who_is_away(opened: Opened, page: Page, pictures: Path) -> None:
    """Told so, apart from the colleagues; by keys alone to the wish and to the six digits."""
    sign_in(page, opened, "三号坐席")
    page.goto(f"{opened.address}/desk")
    expect(page.locator("#live [role=alert]")).to_contain_text("设为离开")
    expect(page.locator("#live table")).to_contain_text("二号坐席")
    look(page, pictures, "desk")
    button = page.get_by_role("button", name="接听来电")
    while not button.evaluate("each => each === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("原因")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="示忙")).to_be_focused()
    page.get_by_label("六位数字").fill("271828")
    page.get_by_label("再输入一次").fill("271828")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("坐席密码已改")
    expect(page.get_by_role("button", name="换密码")).to_be_visible()


LATE_TIMERS = """
const timely = setTimeout;
window.setTimeout = (call, ms, ...rest) => timely(call, (ms || 0) + 300, ...rest);
"""


def test_the_call_at_the_desk_is_held_and_passed_on_by_keys_alone(
    opened: Opened, page: Page, pictures: Path
) -> None:
    """What is typed stays while the page looks for news; what came of it is said.

    Timers are late, as where much else runs: what has just come can be used at once all the same.
    """
    page.add_init_script(LATE_TIMERS)
    sign_in(page, opened, "四号坐席")
    page.goto(f"{opened.address}/desk")
    call = page.locator("#call")
    expect(call).to_contain_text("002X")
    expect(call).to_contain_text("主菜单 → ")
    look(page, pictures, "desk-call")
    page.reload()  # axe leaves `style=""` behind, which htmx copies against the policy
    _tab_to(page, "保持")
    opened.desks.calls["6004"] = {**CALL, "held": True}
    page.keyboard.press("Enter")
    expect(call).to_contain_text("来电人在听音乐")
    expect(call.get_by_role("button", name="取回")).to_be_visible()
    _tab_to(page, "keys")
    page.keyboard.type("12#")
    opened.desks.calls["6004"] = {**CALL, "muted": True}
    expect(call).to_contain_text("您已静音")
    expect(call.get_by_label("发按键")).to_have_value("12#")
    expect(call.get_by_label("发按键")).to_be_focused()
    page.keyboard.press("Enter")
    expect(call.get_by_role("status").first).to_contain_text("已发按键")
    expect(call.get_by_label("发按键")).to_have_value("")
    _tab_to(page, "to")
    page.keyboard.press("Tab")
    opened.desks.calls["6004"] = {**CALL, "held": True, "inside": ["二号坐席"]}
    page.keyboard.press("Enter")
    expect(call.get_by_role("button", name="三方通话")).to_be_visible()
    look(page, pictures, "desk-three")
    page.reload()
    opened.desks.refuses = "同事还没有接"
    _tab_to(page, "交给同事")
    page.keyboard.press("Enter")
    expect(call.get_by_role("alert")).to_contain_text("同事还没有接")
    deeds = [(desk, wanted["deed"]) for desk, wanted in opened.desks.asked]
    assert deeds == [("6004", deed) for deed in ("hold", "keys", "consult", "hand_over")]


def test_the_desk_shows_that_it_is_recorded_and_a_pause_is_one_key_away(
    opened: Opened, page: Page, pictures: Path
) -> None:
    opened.desks.calls["6004"] = {**CALL, "recording": {"stands": "on", "until": ""}}
    sign_in(page, opened, "四号坐席")
    page.goto(f"{opened.address}/desk")
    call = page.locator("#call")
    expect(call).to_contain_text("录音中")
    _tab_to(page, "暂停录音（说证件号前按）")
    opened.desks.calls["6004"] = {**CALL, "recording": {"stands": "paused", "until": "14:03:20"}}
    page.keyboard.press("Enter")
    expect(call).to_contain_text("录音已暂停，14:03:20 自动继续")
    look(page, pictures, "desk-paused")
    _tab_to(page, "继续录音")
    opened.desks.calls["6004"] = dict(CALL)
    page.keyboard.press("Enter")
    expect(call.get_by_role("status").first).to_contain_text("已继续录音")
    assert [wanted["deed"] for _, wanted in opened.desks.asked] == ["pause", "resume"]


def test_a_conversation_is_heard_with_a_reason_by_keys_alone(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "王敏")
    page.goto(f"{opened.address}/talks?from=2026-11-25&to=2026-11-25")
    expect(page.get_by_role("table")).to_contain_text("王敏、李强")
    look(page, pictures, "talks")
    page.get_by_role("link", name="已存").click()
    page.get_by_label("为什么要听").fill("投诉核查")
    page.keyboard.press("Enter")
    expect(page.locator("#player[data-ready=yes]")).to_be_visible()
    expect(page.locator("#sound")).to_contain_text("坐席暂停了录音，12 秒")
    look(page, pictures, "talk")
    _tab_to(page, "0:03.0")
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=now]")).to_contain_text("0:03.0 / 0:09.0")


def test_a_browser_closed_in_mid_call_comes_back_to_it_and_a_note_is_written_by_keys_alone(
    opened: Opened, page: Page, browser: Browser, pictures: Path
) -> None:
    """The talk is the phone's: a page that is opened anew shows it as it is by then."""
    notes, now = Notes(opened.home, "hotline"), datetime.now(UTC)
    opened.desks.notes = notes
    opened.desks.calls["6004"] = {**CALL, "held": True}
    sign_in(page, opened, "四号坐席")
    page.goto(f"{opened.address}/desk")
    expect(page.locator("#call")).to_contain_text("来电人在听音乐")
    page.context.close()
    with tab(browser) as again:
        sign_in(again, opened, "四号坐席")
        again.goto(f"{opened.address}/desk")
        expect(again.locator("#call")).to_contain_text("来电人在听音乐")
        opened.desks.calls.pop("6004")
        for n, key in enumerate(("loan", None)):
            talked = Talked(f"agent.6004.{n}.c", f"s{n}", "person", None, key)
            notes.owe(Owed(talked, "四号坐席", "6004", now))
        section = again.locator("#notes")
        expect(section).to_contain_text("走到 贷款")
        look(again, pictures, "desk-notes")
        again.reload()  # as above
        expect(section.get_by_label("主题")).to_have_count(2)
        _tab_to(again, "subject")
        again.keyboard.press("ArrowDown")
        again.keyboard.press("Tab")
        again.keyboard.type("问提取要什么材料")
        opened.desks.refuses = "小结存不下"
        again.keyboard.press("Tab")
        again.keyboard.press("Enter")
        expect(section.get_by_role("alert")).to_contain_text("小结存不下")
        expect(section.get_by_label("小结").first).to_have_value("问提取要什么材料")
        opened.desks.refuses = ""
        section.get_by_role("button", name="写完").first.press("Enter")
        expect(section.get_by_role("status")).to_contain_text("小结已写好")
        expect(section.get_by_label("主题")).to_have_count(1)
        opened.desks.calls["6004"] = {**CALL, "person": "person"}
        expect(again.locator("#call")).to_contain_text("问提取要什么材料")
        look(again, pictures, "desk-earlier-notes")


def test_a_leader_listens_whispers_and_takes_over_by_keys_alone(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "班长")
    page.goto(f"{opened.address}/supervise")
    talking = page.locator("#talking")
    expect(talking).to_contain_text("王敏")
    look(page, pictures, "supervise")
    _tab_to(page, "reason")
    page.keyboard.type("质检")
    watches = {"session": "s1", "of": "6001", "name": "王敏", "listens": True, "whispers": False}
    opened.desks.watches = watches
    page.keyboard.press("Enter")
    expect(talking).to_contain_text("您在听王敏的通话")
    look(page, pictures, "supervise-listens")
    _tab_to(page, "耳语")
    opened.desks.watches = {**watches, "whispers": True}
    page.keyboard.press("Enter")
    expect(talking).to_contain_text("来电人听不到")
    look(page, pictures, "supervise-whispers")
    _tab_to(page, "接管")
    opened.desks.watches = None
    page.keyboard.press("Enter")
    expect(talking.get_by_role("status").first).to_contain_text("已接管")
    deeds = [(desk, wanted["deed"]) for desk, wanted in opened.desks.asked]
    assert deeds == [("6009", deed) for deed in ("listen", "whisper", "take_over")]


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
    """By the Tab key, as somebody without a mouse; what changes meanwhile may set one back."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
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


def test_a_year_of_holidays_is_pasted_looked_at_and_saved(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "管理")
    page.get_by_role("link", name="设置", exact=True).press("Enter")
    page.get_by_label("哪一年").select_option("2027")
    notice = (
        "一、元旦：1月1日（周五）至3日（周日）放假，共3天。二、国庆节：10月1日（周五）至7日（周四）"
    )
    page.get_by_label("把国务院办公厅").fill(f"{notice}放假调休，共7天。9月26日（周日）上班。")
    page.get_by_role("button", name="填进下面，先看看").press("Enter")
    expect(page.get_by_text("还没有存")).to_be_visible()
    expect(page.get_by_label("节假日，一行一段")).to_have_value(
        "2027-01-01/2027-01-03\n2027-10-01/2027-10-07"
    )
    look(page, pictures, "settings-holidays")
    page.get_by_role("button", name="存人工时间").press("Enter")
    expect(page.get_by_text("2027 年的节假日已写")).to_be_visible()
    assert standing(Settings(home=opened.home)).agents.hours.knows_holidays_of(2027)


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


@pytest.mark.timeout(300)  # on a full machine: each answer comes from a process of its own
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


def test_a_report_is_set_for_every_monday_by_keys_alone(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "统计员")
    page.get_by_role("link", name="定时", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="定时报表")).to_be_visible()
    look(page, pictures, "schedules-none")
    _tab_to(page, "name")
    page.keyboard.type("给领导的周报")
    page.locator("[name=rhythm]").press("ArrowDown")
    _tab_to(page, "folder")
    page.keyboard.type("../别处")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("文件夹")
    look(page, pictures, "schedules-refused")
    page.locator("[name=folder]").fill("领导")
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader", name="给领导的周报")).to_be_visible()
    expect(page.get_by_text("每周一 07:30")).to_be_visible()
    kept = Schedules(opened.home)
    (made,) = kept.all()
    later = datetime.now(UTC) + timedelta(days=15)
    for schedule, run_ in kept.take(later):
        kept.end(run_, "failed", f"{schedule.name}：磁盘满了")
    page.reload()
    look(page, pictures, "schedules")
    page.get_by_role("button", name="再送一次").first.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("已送出")
    assert len([*(opened.home / "reports" / "领导").iterdir()]) == 1
    page.get_by_role("button", name=f"删除 {made.name}").press("Enter")
    expect(page.get_by_text("还没有。")).to_be_visible()


def test_a_second_factor_is_set_by_keys_alone_and_asked_for(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "钱坐席")
    page.get_by_role("link", name="钱坐席").press("Enter")
    page.get_by_role("link", name="验证器").press("Enter")
    look(page, pictures, "second-factor")
    key = page.locator("code").inner_text().replace(" ", "")
    secret = Sensitive(base64.b32decode(key))
    page.get_by_label("六位验证码").fill(figures(secret, int(time.time() // 30)))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="退出").press("Enter")
    expect(page.get_by_label("验证码")).to_be_visible()
    look(page, pictures, "sign-in-with-figures")
    page.get_by_label("名字").fill("钱坐席")
    page.get_by_label("口令").fill(PASSWORD)
    page.get_by_label("验证码").fill(figures(secret, int(time.time() // 30) + 1))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="退出")).to_be_visible()


@pytest.mark.timeout(400)
def test_the_words_with_their_keys_and_lines(opened: Opened, page: Page, pictures: Path) -> None:
    sign_in(page, opened, "编辑")
    expect(page).to_have_url(f"{opened.address}/words")
    card = page.locator('[id="information.4.1"]')
    expect(card.locator(".from")).to_contain_text("scripts.zh.toml 第")
    second = card.locator('a.way[data-key="2"]')
    # where keys lead is found by a nice process: seconds of processor that others may want too
    expect(second).to_have_attribute("href", "#information.4.1.2", timeout=5 * PATIENCE_MS)
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


TYPED_EARLY = """
new MutationObserver((_, all) => {
  const words = document.querySelector("#edit textarea");
  if (words) { all.disconnect(); words.value = "没有听到<b>按键</b>。"; }
}).observe(document, { childList: true, subtree: true });
"""


def test_what_is_typed_before_the_page_is_ready_is_checked_too(opened: Opened, page: Page) -> None:
    sign_in(page, opened, "编辑")
    page.add_init_script(TYPED_EARLY)
    page.locator('[id="line.no_input"]').get_by_role("link", name="改 line.no_input").click()
    checked = page.get_by_role("region", name="检查和读法")
    expect(checked.get_by_role("listitem").first).to_be_visible()


def does(page: Page, move: str, **given: str) -> None:
    """A move by its form on the case's page, by keys alone."""
    button = page.get_by_role("button", name=move, exact=True)
    form = page.locator("form").filter(has=button)
    for label, text in given.items():
        form.get_by_label(label).fill(text)
    form.get_by_role("button", name=move, exact=True).press("Enter")
    expect(page.get_by_role("row").filter(has_text=move).last).to_be_visible()


@pytest.mark.timeout(300)  # on a full machine: four people come in, and five pages are looked at
def test_three_people_of_three_roles_bring_a_complaint_to_its_end(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "王敏")
    counts = page.locator("section").filter(has=page.get_by_role("heading", name="工单"))
    expect(counts.get_by_role("link", name="待受理 2 件")).to_be_visible()
    page.get_by_role("link", name="工单", exact=True).first.press("Enter")
    expect(page.get_by_role("row")).to_have_count(3)
    look(page, pictures, "cases")
    page.get_by_role("link", name=CASE.number).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.get_by_role("link", name=CASE.number).press("Enter")
    does(page, "受理")
    does(page, "派单", 承办人="李强")
    look(page, pictures, "case-of-a-leader")
    page.get_by_role("button", name="退出").press("Enter")
    sign_in(page, opened, "李强")
    page.goto(f"{opened.address}/cases/{CASE.number}")
    does(page, "领办")
    does(page, "答复", 内容="已经补缴。")
    page.get_by_role("button", name="退出").press("Enter")
    sign_in(page, opened, "王敏")
    page.goto(f"{opened.address}/cases/{CASE.number}")
    does(page, "办结")
    page.get_by_role("button", name="退出").press("Enter")
    sign_in(page, opened, "赵坐席")
    expect(page).to_have_url(f"{opened.address}/desk")
    page.goto(f"{opened.address}/cases/{CASE.number}")
    does(page, "回访")
    expect(page.locator(".state").first).to_have_text("已回访")
    look(page, pictures, "case-of-an-agent")


@pytest.mark.timeout(300)
def test_a_note_that_is_being_written_outlives_a_restart_of_the_console(
    opened: Opened, page: Page
) -> None:
    """To a browser a restart is that nobody knows its session any more."""
    address = f"{opened.address}/cases/{CASE.number}"
    sign_in(page, opened, "王敏")
    page.goto(address)
    words = (
        page.locator("form").filter(has=page.get_by_role("button", name="备注")).locator("textarea")
    )
    words.fill("电话里说：\n单位已经补缴。")
    page.context.clear_cookies()
    page.get_by_role("button", name="备注", exact=True).press("Enter")
    expect(page).to_have_url(f"{opened.address}/sign-in")
    sign_in(page, opened, "李强")
    page.goto(address)
    expect(words).to_have_value("")
    page.get_by_role("button", name="退出").press("Enter")
    sign_in(page, opened, "王敏")
    page.goto(address)
    words.fill("电话里说：\n单位已经补缴。")
    page.context.clear_cookies()
    sign_in(page, opened, "王敏")
    page.goto(address)
    expect(words).to_have_value("电话里说：\n单位已经补缴。")
    page.get_by_role("button", name="备注", exact=True).press("Enter")
    expect(page.get_by_role("row").filter(has_text="单位已经补缴").last).to_be_visible()
    expect(words).to_have_value("")


@pytest.mark.timeout(300)
def test_a_recording_is_heard_marked_and_its_silence_left_out(
    opened: Opened, page: Page, pictures: Path
) -> None:
    sign_in(page, opened, "李强")
    page.goto(f"{opened.address}/cases/{CASE.number}")
    page.get_by_label("为什么要听").fill("核实")
    page.get_by_label("为什么要听").press("Enter")
    player = page.locator("#player")
    expect(player).to_have_attribute("data-ready", "yes")
    seek, play = page.get_by_label("放到哪里"), page.get_by_role("button", name="播放")
    expect(seek).to_have_attribute("max", "12")
    page.get_by_label("跳过静音").press("Space")
    page.get_by_label("快慢").select_option("2")
    page.get_by_role("button", name="进 5 秒").press("Enter")
    expect(player.locator('[data-part="now"]')).to_have_text("0:05.0 / 0:12.0")
    play.press("Enter")
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    expect(player.locator('[data-part="now"]')).to_have_text(re.compile(r"^0:(0[7-9]|1)"))
    rate = page.evaluate("document.querySelector('[data-part=sound]').playbackRate")
    assert rate == 2
    expect(player.locator('[data-part="now"]')).to_have_text(re.compile(r"^0:1[12]\."))
    expect(play).to_be_visible()
    seek.focus()
    page.keyboard.press("Home")
    page.get_by_role("button", name="进 5 秒").press("Enter")
    page.get_by_label("这里有什么").fill("静音从这里开始")
    expect(page.get_by_label("时刻")).to_have_value("0:05.0")
    page.get_by_label("这里有什么").press("Enter")
    mark = page.get_by_role("button", name="0:05.0")
    expect(mark).to_be_visible()
    expect(player.locator('[data-part="now"]')).to_have_text("0:05.0 / 0:12.0")
    page.get_by_role("button", name="退 5 秒").press("Enter")
    expect(player.locator('[data-part="now"]')).to_have_text("0:00.0 / 0:12.0")
    mark.press("Enter")
    expect(player.locator('[data-part="now"]')).to_have_text("0:05.0 / 0:12.0")
    page.get_by_role("button", name="循环从这里").press("Enter")
    expect(page.get_by_label("循环", exact=True)).to_be_checked()
    look(page, pictures, "case-heard")


@pytest.mark.timeout(300)
def test_a_file_is_enclosed_and_the_paper_fits_one_page(
    opened: Opened, page: Page, pictures: Path
) -> None:
    number = "26112501002"
    register = Register.of(Settings(home=opened.home))
    both = frozenset({Office.LEADER, Office.HANDLER})
    for move, text in (
        ("accept", ""),
        ("take", ""),
        *(30 * [("note", "打过电话，没有人接。" * 9)]),
    ):
        register.act(number, Deed(Move(move), "王敏", both, text=text))
    sign_in(page, opened, "王敏")
    page.goto(f"{opened.address}/cases/{number}")
    file = {"name": "回函.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 x"}
    page.get_by_label("文件，最多").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="加附件").press("Enter")
    with page.expect_download() as taken:
        page.get_by_role("link", name="回函.pdf").click()
    assert taken.value.path().read_bytes() == b"%PDF-1.7 x"
    for length in (20, 399, 1499, 4000):
        working = register.cases.case(number).state
        if working is not State.WORKING:
            for move in ("close", "follow_up", "redo", "take"):
                how = "discontent" if move == "follow_up" else ""
                deed = Deed(Move(move), "王敏", both, text="不满意", content=how)
                register.act(number, deed)
        register.act(number, Deed(Move.ANSWER, "王敏", both, text="已经核实补缴。" * (length // 7)))
        page.goto(f"{opened.address}/cases/{number}/paper")
        made = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", made)) == 1, f"{length} characters"
        (pictures / f"paper-{length}.pdf").write_bytes(made)
    look(page, pictures, "paper")


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
