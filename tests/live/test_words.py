"""A sentence from the editor's keys to what callers hear, in a real browser by keys alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from console.rights import Role
from console.users import Users
from ivr.config import PROJECT, Settings
from ivr.people.sensitive import Sensitive
from ivr.speech.prompts import PromptSet
from prompt_build import sets
from prompt_build.catalog.source import source_of
from prompt_build.rehearing import as_written
from tests.live.conftest import LiveLine, a_line, free_port
from tests.live.pages import tab
from tests.live.test_console import PASSWORD, look

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

BUILT = PROJECT / "generated_audio"
SENTENCE = "line.goodbye"
TEXT = "感谢您的来电，祝您一切都好。"
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
    shutil.copytree(BUILT / "clips", audio / "clips", copy_function=os.link)
    built = sets.published(BUILT)
    assert built is not None
    content = {key: value for key, value in built.items() if key not in ("set", "built")}
    sets.publish(audio, sets.keep(audio, content), who="安装")
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


def _console(line: LiveLine) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ivr.cli", "console"],
        env=line.env,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
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


# --- the way ----------------------------------------------------------------------------------


def test_changed_heard_approved_and_published_while_nobody_looks(
    studio: Studio, editor: Page, second: Page, pictures: Path
) -> None:
    changed_and_heard(editor, pictures)
    approved(second, studio)
    published_while_nobody_looks(editor, studio, pictures)


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
