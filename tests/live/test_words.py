"""A sentence from the editor's keys to a caller's ear and back, by real browser and real calls."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from console.rights import Role
from console.users import Users
from ivr.config import Settings
from ivr.people.sensitive import Sensitive
from ivr.probe.ear import Ear
from ivr.speech.prompts import PromptSet
from ivr.speech.publications import Timed
from prompt_build import sets
from prompt_build.catalog.source import source_of
from prompt_build.rehearing import as_written
from tests import forks
from tests.forks import Forked
from tests.live.conftest import LiveLine, a_line, copied_clips
from tests.live.pages import tab
from tests.live.test_console import PASSWORD, look
from tests.ports import free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

T = TypeVar("T")
SENTENCE = "line.goodbye"
TEXT = "感谢您的来电，祝您一切都好。"
OLD, NEW = "old goodbye", "new goodbye"
MAKING_MS = 240_000
"""A sentence takes the voice seconds, on a machine that does much else a minute."""
MOST_STEPS = 400


@dataclass(frozen=True)
class Studio:
    """A line, and a console beside it that shares its words and prompts."""

    line: LiveLine
    address: str
    audio: Path


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[Studio]:
    audio = tmp_path_factory.mktemp("audio")
    sets.publish(audio, sets.keep(audio, copied_clips(audio)), who="安装")
    with a_line(tmp_path_factory.mktemp("line"), whole_set) as line:
        port = free_port()
        line.env |= {"IVR_AUDIO": str(audio), "IVR_CONSOLE__PORT": str(port)}
        users = Users(line.settings.home)
        for name, role in (("编辑", Role.EDITOR), ("王敏", Role.LEADER)):
            users.add(name, frozenset({role}))
            users.choose_password(name, Sensitive(PASSWORD))
        _spoken_before(line.settings.model_copy(update={"audio": audio}))
        line.start_service()
        console = _console(line)
        try:
            yield Studio(line, f"http://127.0.0.1:{port}", audio)
        finally:
            console.send_signal(signal.SIGINT)
            console.wait(60)


def _spoken_before(settings: Settings) -> None:
    """By the real voice, into the user's cache: the console is nice, and on a full machine its
    voice would take minutes.
    """
    draft = f'[prompts.line]\ngoodbye = "{TEXT}"\n'
    as_written(settings, SENTENCE, replace(source_of(settings), instead=draft))


def _console(line: LiveLine) -> Forked:
    process = forks.start(forks.IVR, "console", env=line.env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert "http://127.0.0.1" in process.stdout.readline()
    return process


@pytest.fixture
def editor(studio: Studio, browser: Browser) -> Iterator[Page]:
    with tab(browser) as page:
        yield _signed_in(page, studio, "编辑")


@pytest.fixture
def second(studio: Studio, browser: Browser) -> Iterator[Page]:
    with tab(browser) as page:
        yield _signed_in(page, studio, "王敏")


def _signed_in(page: Page, studio: Studio, name: str) -> Page:
    page.goto(f"{studio.address}/sign-in")
    for label, text in (("名字", name), ("口令", PASSWORD)):
        reach(page, page.get_by_label(label))
        page.keyboard.type(text)
    page.set_default_timeout(MAKING_MS)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="退出")).to_be_visible(timeout=MAKING_MS)
    return page


def reach(page: Page, wanted: Locator) -> None:
    """With the Tab key alone."""
    for _ in range(MOST_STEPS):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} is not reached by the Tab key")


def press(page: Page, wanted: Locator) -> None:
    reach(page, wanted)
    page.keyboard.press("Enter")


def write(page: Page, wanted: Locator, text: str) -> None:
    """Instead of what stands there."""
    reach(page, wanted)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


# --- what callers hear ------------------------------------------------------------------------


def goodbye_of(audio: Path, number: int) -> bytes:
    manifest = sets.load(audio, number)
    (piece,) = manifest["scripts"][SENTENCE]
    return (audio / manifest["prompts"][piece["clip"]]["files"]["alaw"]).read_bytes()


def taught(studio: Studio, whole_set: PromptSet) -> None:
    """The ear tells the two goodbyes apart."""
    known = {name: Path(f"{clip.path}.alaw") for name, clip in whole_set.clips.items()}
    sounds = {name: file.read_bytes() for name, file in known.items() if name != SENTENCE}
    goodbyes = {OLD: goodbye_of(studio.audio, 1), NEW: goodbye_of(studio.audio, 2)}
    studio.line.ear = Ear({**sounds, **goodbyes})


def called(story: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own, for the browser's driver has an event loop in this one."""
    with ThreadPoolExecutor(1) as telephone:
        return telephone.submit(asyncio.run, story).result()


async def goodbye(line: LiveLine) -> str:
    """The one with which a new call ends."""
    async with line.call() as caller:
        await caller.hears_begin("main.greeting")
        caller.phone.press("7")
        return await _last(caller)


async def _last(caller) -> str:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [each.name for each in caller.heard() if each.name in (OLD, NEW) and each.whole]
        if found:
            return str(found[-1])
        await asyncio.sleep(0.1)
    raise AssertionError(f"no goodbye, but {caller.heard()}")


# --- the way ----------------------------------------------------------------------------------


def test_changed_heard_approved_published_called_and_taken_back(
    studio: Studio,
    whole_set: PromptSet,
    editor: Page,
    second: Page,
    pictures: Path,
) -> None:
    changed_and_heard(editor, pictures)
    approved(second, studio)
    published_while_nobody_looks(editor, studio, pictures)
    taught(studio, whole_set)
    assert called(goodbye(studio.line)) == NEW
    taken_back(second, studio)
    assert called(goodbye(studio.line)) == OLD
    called(for_a_time(studio))
    look_at_what_is_planned(second, studio, pictures)
    assert "Traceback" not in studio.line.log()


def changed_and_heard(page: Page, pictures: Path) -> None:
    write(page, page.get_by_role("searchbox"), "感谢您的来电")
    press(page, page.get_by_role("link", name=f"改 {SENTENCE}"))
    write(page, page.get_by_label("要说的话"), TEXT)
    checked = page.get_by_role("region", name="检查和读法")
    expect(checked).to_contain_text("没有错")
    press(page, page.get_by_role("button", name="听一听"))
    expect(page.locator("#sound")).to_be_visible(timeout=MAKING_MS)
    assert page.locator("#sound").evaluate("each => each.duration") > 1
    look(page, pictures, "words-heard")
    press(page, page.get_by_role("button", name="存进草稿"))
    write(page, page.get_by_label("为什么改"), "说得更亲切")
    page.keyboard.press("Enter")
    expect(page.get_by_text("已送审")).to_be_visible()
    expect(page.get_by_role("button", name="发布", exact=True)).to_have_count(0)


def approved(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.address}/words/draft")
    expect(page.locator("ins").first).to_contain_text("祝您一切")
    press(page, page.get_by_role("button", name="批准"))
    expect(page.get_by_text("已批准")).to_be_visible()


def published_while_nobody_looks(page: Page, studio: Studio, pictures: Path) -> None:
    page.goto(f"{studio.address}/words/draft")
    write(page, page.get_by_label("为什么发布"), "新的结束语")
    press(page, page.get_by_role("button", name="发布", exact=True))
    page.wait_for_url(f"{studio.address}/words/draft")
    page.screenshot(path=pictures / "words-publishing.png", full_page=True)
    page.goto("about:blank")
    deadline = time.monotonic() + MAKING_MS / 1000
    while sets.numbers_of(studio.audio) == [1] or _heard(studio) != 2:
        assert time.monotonic() < deadline, "not published"
        time.sleep(0.2)
    page.goto(f"{studio.address}/words/draft")
    expect(page.get_by_text("第 2 版做好了")).to_be_visible()
    look(page, pictures, "words-published")


def _heard(studio: Studio) -> int:
    return int((sets.published(studio.audio) or {})["set"])


def taken_back(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.address}/words/draft")
    write(page, page.get_by_label("为什么退回到第 1 版"), "还是原来的好")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="还是原来的好")).to_contain_text("正在播")


async def for_a_time(studio: Studio) -> None:
    """The new goodbye until a moment; a call that began before it keeps it."""
    now = datetime.now(UTC)
    until = now + timedelta(seconds=20)
    sets.schedule(studio.audio, Timed(2, now, until, "王敏", "试播"), now)
    async with studio.line.call() as early:
        await early.hears_begin("main.greeting")
        await asyncio.sleep((until - datetime.now(UTC)).total_seconds() + 0.1)
        assert await goodbye(studio.line) == OLD
        early.phone.press("7")
        assert await _last(early) == NEW
    await studio.line.settled()


def look_at_what_is_planned(page: Page, studio: Studio, pictures: Path) -> None:
    """Whoever has the night sees what comes into force, and when."""
    now = datetime.now(UTC)
    tomorrow = now + timedelta(days=1)
    sets.schedule(
        studio.audio, Timed(2, tomorrow, tomorrow + timedelta(days=7), "编辑", "国庆"), now
    )
    page.goto(f"{studio.address}/words/draft")
    expect(page.get_by_role("region", name="排好的")).to_contain_text("国庆")
    look(page, pictures, "words-planned")
    page.goto(f"{studio.address}/night")
    expect(page.get_by_text("起播第 2 版").first).to_be_visible()


def test_a_table_goes_out_and_comes_back(
    studio: Studio,
    editor: Page,
    pictures: Path,
) -> None:
    page = editor
    press(page, page.get_by_role("link", name="导出和导入"))
    with page.expect_download() as download:
        press(page, page.get_by_role("button", name="导出 Word"))
    page.get_by_label("文件").set_input_files(download.value.path())
    press(page, page.get_by_role("button", name="看看改了什么"))
    expect(page.get_by_text("没有要改的")).to_be_visible()
    page.get_by_label("文件").set_input_files(
        {"name": "x.docx", "mimeType": "application/msword", "buffer": b"no"}
    )
    press(page, page.get_by_role("button", name="看看改了什么"))
    expect(page.get_by_role("alert")).to_contain_text("打不开")
    look(page, pictures, "words-exchange")
