"""The machine's Chromium for tests of pages: a tab, and what it complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.async_api import Page as AsyncPage
from playwright.sync_api import Browser, Page, expect, sync_playwright

from console import browser as libraries

PATIENCE_MS = 60_000
"""For a machine that does much else; whoever is idle waits for nothing."""
expect.set_options(timeout=PATIENCE_MS)
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = libraries.folder() / "checks" / "axe.min.js"
PICTURES_WANTED = "CONSOLE_PICTURES" in os.environ
COLOURS = ("color-contrast", "link-in-text-block")
"""axe's rules of WCAG 2.2 AA that look at colours: all that another colour scheme can break."""
EXAMINED = """async (options) => (await axe.run({
  resultTypes: ["violations"], preload: false, ...options,
})).violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html)}`)"""
"""What axe-core finds; the elements that pass are not described, which is most of its work."""


def program() -> str:
    """Chromium's; the one without a window first, for it needs half the processor."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, "no Chromium on this machine: run `make browser`"
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Started, and ended again."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program(), args=list(CHROMIUM))
        yield started
        started.close()


@contextmanager
def tab(browser: Browser) -> Iterator[Page]:
    """One of a laptop's size; it is a failure if the browser complains about anything."""
    context = browser.new_context(viewport=WIDE, locale="zh-CN")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints = complaints_of(page)
    yield page
    context.close()
    assert complaints == [], complaints


_MADE_ROOM = {"htmx:sendAbort", "htmx:afterRequest"}
_TYPED_ALREADY = (
    "Autofocus processing was blocked because a document already has a focused element."
)
"""Somebody was quicker than the page was drawn, and stays where he writes."""


def complaints_of(page: Page | AsyncPage) -> list[str]:
    """What the browser will have complained about: its console, and uncaught errors.

    A form that is refused (422) is an answer, whose status Chromium reports all the same; a page's
    own look that makes room for what somebody orders (hx-sync) is named by htmx as a fault.
    """
    heard: list[str] = []

    def told(text: str) -> None:
        expected = "status of 422" in text or text.startswith(_TYPED_ALREADY)
        if not expected and text not in _MADE_ROOM:
            heard.append(text)

    page.on("console", lambda message: told(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard
