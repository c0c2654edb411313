"""The editor's page in a real browser: read, searched and heard, by mouse, by keys, on a phone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ivr.config import PROJECT
from prompt_build import sets
from tests import forks
from tests.forks import Forked
from tests.ports import free_port

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Preview:
    """`ivr preview` of the built set, and a copy of the catalog that a test may change."""

    address: str
    catalog: Path
    process: Forked

    def rewrite(self, before: str, after: str) -> None:
        text = self.catalog.read_text(encoding="utf-8")
        assert before in text
        self.catalog.write_text(text.replace(before, after), encoding="utf-8")


@contextmanager
def previewing(folder: Path) -> Iterator[Preview]:
    catalog = Path(shutil.copy(PROJECT / "scripts.zh.toml", folder))
    port = free_port()
    env = {**os.environ, "IVR_CATALOG": str(catalog)}
    words = (forks.IVR, "preview", "--port", str(port))
    process = forks.start(*words, env=env, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
        yield Preview(f"http://127.0.0.1:{port}/", catalog, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.returncode == 0, "Ctrl-C is how it ends"


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    """One for all tests that only look."""
    with previewing(tmp_path_factory.mktemp("preview")) as opened:
        yield opened


def sentence(page: Page, name: str) -> str:
    return page.locator(f'[id="{name}"] .words').first.inner_text()


def test_everything_is_there_and_settled(preview: Preview, page: Page) -> None:
    page.goto(preview.address)
    manifest = sets.published(PROJECT / "generated_audio") or {}
    expect(page.locator("article:has(.player)")).to_have_count(len(manifest["scripts"]))
    expect(page.locator(".player")).to_have_count(len(manifest["scripts"]))
    expect(page.locator(".mark.stale, .mark.changed, .mark.loud")).to_have_count(0)
    assert sentence(page, "main.greeting") == "您好，幺二三二九住房公积金热线为您服务。"


def test_a_sentence_is_heard_to_its_end(preview: Preview, page: Page) -> None:
    page.goto(preview.address)
    card = page.locator('[id="line.no_input"]')
    seconds = float(card.locator("audio").get_attribute("data-seconds") or 0)
    card.get_by_role("button", name="播放 line.no_input").click()
    expect(card.locator(".player")).to_have_class("player playing")
    page.wait_for_function(
        "audio => audio.ended && audio.duration", arg=card.locator("audio").element_handle()
    )
    played = card.locator("audio").evaluate("audio => audio.duration")
    assert played == pytest.approx(seconds, abs=0.01)
    expect(card.get_by_role("button", name="播放 line.no_input")).to_be_visible()


def test_one_sentence_at_a_time_from_any_place(preview: Preview, page: Page) -> None:
    page.goto(preview.address)
    first, second = page.locator("audio").nth(0), page.locator("audio").nth(1)
    page.get_by_role("button", name="播放 main.greeting").click()
    page.get_by_role("button", name="播放 main.menu").click()
    expect(page.locator(".player.playing")).to_have_count(1)
    assert first.evaluate("audio => audio.paused")
    page.get_by_role("slider", name="main.menu 的位置").fill("5")
    page.wait_for_function("audio => audio.currentTime > 5", arg=second.element_handle())


def test_searching_by_words(preview: Preview, page: Page) -> None:
    page.goto(preview.address)
    page.keyboard.press("/")
    page.keyboard.type("公租房")
    shown = page.locator("article:visible")
    expect(page.locator(".found")).to_have_text(f"找到 {shown.count()} 句")
    assert 0 < shown.count() < 10
    assert all("公租房" in text for text in shown.all_inner_texts())
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("公租房")
    page.get_by_role("searchbox").fill("没有这样的话")
    expect(page.locator(".found")).to_have_text("没有找到，换个说法试试")


def test_an_edit_is_seen_after_reloading(tmp_path: Path, page: Page) -> None:
    with previewing(tmp_path) as preview:
        _edit(preview, page)


def _edit(preview: Preview, page: Page) -> None:
    preview.rewrite("没有听到您的按键。", "没有听到<b>按键</b>。")
    page.goto(preview.address)
    expect(page.get_by_role("alert")).to_contain_text("no voice can say")
    preview.rewrite("没有听到<b>按键</b>。", "没有听到按键。")
    preview.rewrite("reviewed = 2026-11-24\nexpires = 2027-02-24", "expires = 2020-01-01")
    page.reload()
    page.get_by_role("button", name="待生成 1").click()
    card = page.locator("article:visible")
    expect(card).to_have_count(1)
    expect(card).to_contain_text("没有听到按键。")
    expect(card.locator(".other")).to_contain_text("没有听到您的按键。")
    page.get_by_role("button", name="待核对").click()
    expect(page.locator("article:visible .mark.due").first).to_have_text("已过期")


def test_listening_to_a_number(preview: Preview, page: Page) -> None:
    page.goto(preview.address)
    page.get_by_label("数值").fill("80,000.05")
    page.keyboard.press("Enter")
    reading = page.locator(".reading")
    expect(reading.locator(".words")).to_have_text("八万元零五分")
    expect(reading.locator(".player")).to_have_class("player playing")


def test_a_number_that_cannot_be_read(preview: Preview, browser: Browser) -> None:
    page = browser.new_page()  # which says itself that the answer was 404
    page.goto(preview.address)
    page.get_by_label("数值").fill("许多")
    page.keyboard.press("Enter")
    expect(page.locator(".reading")).to_contain_text("请照例子写：12345.67")
    page.close()


def test_keys_alone_reach_and_play(preview: Preview, page: Page) -> None:
    page.goto(preview.address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到话术")).to_be_focused()
    page.keyboard.press("Enter")
    play = page.get_by_role("button", name="播放 main.greeting")
    for _ in range(10):
        page.keyboard.press("Tab")
        if play.evaluate("button => button === document.activeElement"):
            break
    expect(play).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="暂停 main.greeting")).to_be_focused()


def test_it_fits_a_telephone(preview: Preview, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(preview.address)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    menu = page.get_by_role("navigation", name="菜单")
    expect(menu.get_by_role("link", name="提取政策")).to_be_hidden()
    menu.get_by_text("菜单", exact=True).click()
    menu.get_by_role("link", name="提取政策").click()
    expect(page.locator("h3", has_text="提取政策")).to_be_in_viewport()
    small = page.locator(".player button, .filters button").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().height < 40).length"
    )
    assert small == 0, "fingers need forty pixels"
