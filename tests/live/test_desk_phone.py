"""An agent's phone in a real browser: rung by the real line, answered, held, and vanished."""

from __future__ import annotations

import asyncio
import base64
import math
import re
import signal
import struct
import time
import wave
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from console.rights import Role
from console.users import Users
from ivr.agents.book import Book
from ivr.people.sensitive import Sensitive
from ivr.probe.sound import FRAME
from ivr.speech.prompts import PromptSet
from ivr.upkeep.doctor import network_addresses
from tests.live.conftest import AGENTS, HANGING_SECONDS, LiveLine, a_line
from tests.live.pages import AXE, EXAMINED, NARROW, PATIENCE_MS, WIDE, complaints_of
from tests.live.phone import Phone, hum, share_of
from tests.live.test_agents import agent_phone, ask_for_an_agent, until
from tests.live.test_browser_phone import SCREENS, TAP, Console, a_browser
from tests.live.test_desks import ask
from tests.ports import free_port

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not network_addresses(),
        reason="this machine has only lo: neither browser nor Asterisk speaks WebRTC by it",
    ),
]

NAME, PASSWORD = "一号坐席", "correct horse battery"
CALLER, AGENT = 1050, 650
"""The tones, in hertz, by which the two are known."""
LOUD = 0.12
"""Share of a sound's power from which on a tone is in it."""
LISTENED = 25 * FRAME
"""Half a second."""
_EXPECTED = re.compile("inline style")
"""What a browser says of htmx, which settles an element on which axe tries a style just then."""


def microphone(path: Path) -> Path:
    """What the browser's microphone hears: beeps, for a steady tone is taken for noise."""
    rate = 48_000
    turn = 2 * math.pi * AGENT / rate
    beep = [round(12_000 * math.sin(turn * n)) for n in range(rate // 2)]
    samples = struct.pack(f"<{rate}h", *beep, *[0] * (rate // 2))
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        sound.writeframes(samples * 4)
    return path


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[Console]:
    agents = {**AGENTS, "sign_in": True, "after_call_seconds": 2, "contentment": False}
    with a_desk(tmp_path_factory.mktemp("desk"), whole_set, NAME, agents) as opened:
        yield opened


@contextmanager
def a_desk(
    home: Path, whole_set: PromptSet, name: str, agents: Mapping[str, object]
) -> Iterator[Console]:
    """A console with the line behind it; the agent of that name may sign in there."""
    port = free_port()
    users = Users(home)
    users.add(name, frozenset({Role.AGENT}))
    users.choose_password(name, Sensitive(PASSWORD))
    with a_line(home, whole_set, agents=agents, console={"port": port}) as line:
        line.start_service()
        opened = Console(line, port)
        opened.start()
        try:
            yield opened
        finally:
            opened.end()


@pytest.fixture
def line(console: Console) -> LiveLine:
    return console.line


@dataclass
class Seat:
    """The agent before the page 坐席."""

    page: Page
    context: BrowserContext
    line: LiveLine
    name: str = NAME

    async def signs_in(self, at: Page | None = None) -> None:
        page = self.page if at is None else at
        root = "http://127.0.0.1:" + page.url.split(":")[2].split("/")[0]
        await page.goto(f"{root}/sign-in")
        await page.get_by_label("名字").fill(self.name)
        await page.get_by_label("口令").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="退出").wait_for()
        await page.goto(f"{root}/desk")

    async def turns_on(self) -> None:
        await self.page.click("#phone-on")
        await self.is_told("等来电")

    async def is_told(self, words: str) -> None:
        await self.page.wait_for_function(
            "words => document.getElementById('phone-state').textContent.includes(words)",
            arg=words,
        )

    async def hears(self, *tones: int) -> None:
        """Until exactly these are in what came in lately; the browser's own packets, A-law."""
        deadline = time.monotonic() + HANGING_SECONDS
        found: set[int] = set()
        while time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            taken = await self.page.evaluate("btoa(window.heard.splice(0).slice(-25).join(''))")
            sound = base64.b64decode(taken)
            found = {hertz for hertz in (CALLER, AGENT) if share_of(hertz, sound) > LOUD}
            if found == {*tones}:
                return
        raise AssertionError(f"{tones} expected, heard {found}\n{self.line.log()[-3000:]}")

    async def state(self, words: str) -> None:
        """As the page shows it."""
        await self.page.get_by_role("status").filter(has_text=words).first.wait_for()

    async def faults(self) -> list[str]:
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = await self.page.evaluate(EXAMINED)
        return found

    async def looks_right(self, name: str) -> None:
        """At a desk and on a phone: nothing sticks out, axe finds nothing; photographed."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        for size in (NARROW, WIDE):
            await self.page.set_viewport_size(size)  # type: ignore[arg-type]
            wide = await self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], f"{name} is wider than {size['width']} px"
            path = SCREENS / f"desk-phone-{name}-{size['width']}.png"
            await self.page.screenshot(path=path, full_page=True)
        assert await self.faults() == []


@asynccontextmanager
async def seated(
    browser: Browser, console: Console, name: str = NAME, *, complains: bool = False
) -> AsyncIterator[Seat]:
    """`complains`: the browser has reason to."""
    context = await browser.new_context(viewport=WIDE, locale="zh-CN")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    complaints = complaints_of(page)
    await page.add_init_script(TAP)
    await page.goto(console.address())
    seat = Seat(page, context, console.line, name)
    await seat.signs_in()
    yield seat
    await context.close()
    assert complains or [each for each in complaints if not _EXPECTED.search(each)] == []


def written(line: LiveLine) -> str:
    """The agent's state as a next service would know it."""
    last = {each.extension: str(each.presence.state) for each in Book(line.settings.home).last()}
    return last.get("6001", "signed_out")


async def comes_to(line: LiveLine, *states: str) -> None:
    """Until the agent is in one of these."""
    try:
        await until(lambda: written(line) in states)
    except AssertionError:
        book = (line.settings.home / "agents" / "states.jsonl").read_text()
        raise AssertionError(f"{states} expected\n{book}\n{line.log()[-3000:]}") from None


async def heard(phone: Phone, *tones: int) -> None:
    """Until exactly these tones are in what the caller hears within half a second."""

    def hears() -> bool:
        sound = bytes(phone.heard.audio[-LISTENED:])
        return {each for each in (CALLER, AGENT) if share_of(each, sound) > LOUD} == {*tones}

    await until(hears)


@asynccontextmanager
async def at_desk(
    console: Console, tmp_path: Path, *, complains: bool = False
) -> AsyncIterator[Seat]:
    """Signed in and free. `complains`: the browser has reason to."""
    spoken = microphone(tmp_path / "microphone.wav")
    async with (
        a_browser(f"--use-file-for-fake-audio-capture={spoken}") as browser,
        seated(browser, console, complains=complains) as seat,
    ):
        await seat.page.get_by_role("button", name="接听来电").click()
        await comes_to(console.line, "free")
        yield seat


def test_rung_answered_held_and_hung_up(console: Console, line: LiveLine, tmp_path: Path) -> None:
    """The desk set beside it is registered too, and is not rung."""

    async def story() -> None:
        (desk_set, *_) = line.settings.agents.phones
        async with (
            agent_phone(line, desk_set, "answer") as beside,
            at_desk(console, tmp_path) as seat,
            line.call() as caller,
        ):
            page = seat.page
            await seat.looks_right("off")
            await seat.turns_on()
            await ask_for_an_agent(caller)
            await seat.is_told("来电：")
            assert (await page.title()).startswith("【来电】")
            await seat.looks_right("rung")
            await page.keyboard.press("F2")
            await seat.is_told("通话中")
            caller.phone.speak(hum(CALLER, 240))
            await seat.hears(CALLER)
            await heard(caller.phone, AGENT)
            await seat.looks_right("talking")
            await page.keyboard.press("F8")
            await page.wait_for_selector("#phone-microphone[aria-pressed=true]")
            await heard(caller.phone)
            await page.keyboard.press("F8")
            await heard(caller.phone, AGENT)
            await page.click("#phone-pad summary")
            await page.click('#phone-pad [data-key="5"]')
            await until(lambda: caller.phone.keys_heard == "5")
            await page.click("#do-hold")
            await seat.hears()
            await page.click("#do-retrieve")
            await seat.hears(CALLER)
            await page.keyboard.press("F9")
            await seat.is_told("等来电")
            await caller.hears("agent.ended")
            await comes_to(line, "wrap_up", "free")
            assert not beside.incoming, "the browser's counts"
            await page.click("#phone-off")
            await comes_to(line, "free")
            async with line.call() as second:
                await ask_for_an_agent(second)
                await until(lambda: bool(beside.incoming))
        await line.settled()
        assert line.ari("bridges") == []

    asyncio.run(story())


def test_a_page_that_is_closed_costs_the_caller_no_place(
    console: Console, line: LiveLine, tmp_path: Path
) -> None:
    """The caller is told, and comes first at the next phone; nobody waits for the page again."""

    async def story() -> None:
        (_, second) = line.settings.agents.phones
        async with (
            agent_phone(line, second, "answer") as other,
            at_desk(console, tmp_path) as seat,
            line.call() as caller,
        ):
            await seat.turns_on()
            await ask_for_an_agent(caller)
            await seat.is_told("来电：")
            await seat.page.click("#phone-answer")
            await seat.is_told("通话中")
            ask(line, second.extension, {"wish": "sign_in"}, about="")
            await seat.page.close()
            await caller.hears("agent.cut_off")
            await comes_to(line, "away")
            await until(other.answered.is_set)
            other.speak(hum(AGENT, 60))
            await heard(caller.phone, AGENT)
        await line.settled()
        assert line.ari("bridges") == []

    asyncio.run(story())


def test_a_console_that_dies_in_mid_call_cuts_nobody_off(
    console: Console, line: LiveLine, tmp_path: Path
) -> None:
    """The two talk on; once the agent has signed in again, the page hangs up as ever."""

    async def story() -> None:
        async with at_desk(console, tmp_path, complains=True) as seat, line.call() as caller:
            await seat.turns_on()
            await ask_for_an_agent(caller)
            await seat.is_told("来电：")
            await seat.page.keyboard.press("F2")
            await seat.is_told("通话中")
            caller.phone.speak(hum(CALLER, 240))
            console.end(signal.SIGKILL)
            await seat.page.wait_for_selector("#phone-told:not([hidden])")
            await heard(caller.phone, AGENT)
            console.start()
            beside = await seat.context.new_page()
            await beside.goto(console.address())
            await seat.signs_in(beside)
            await seat.page.wait_for_selector("#phone-told[hidden]", state="attached")
            await seat.hears(CALLER)
            await seat.page.keyboard.press("F9")
            await caller.hears("agent.ended")
            await seat.is_told("等来电")
        await line.settled()
        assert line.ari("bridges") == []

    asyncio.run(story())
