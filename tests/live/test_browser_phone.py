"""The browser phone in a real browser: it calls the real line by WebRTC, and hears what is right.

The sound is taken from the packets that the browser receives, before it decodes them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import Browser, Page, async_playwright

from console.certificate import make
from ivr.asterisk.configure import relay_secret
from ivr.config import PROJECT
from ivr.probe.ear import HeardClip, Listener
from ivr.speech.prompts import PromptSet, sentence
from ivr.upkeep.doctor import network_addresses
from tests import forks
from tests.forks import Forked
from tests.live.conftest import HANGING_SECONDS, LiveLine, a_line
from tests.live.measured import measured
from tests.live.pages import (
    AXE,
    CHROMIUM,
    EXAMINED,
    NARROW,
    PATIENCE_MS,
    WIDE,
    complaints_of,
    program,
)
from tests.ports import free_port

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not network_addresses(),
        reason="this machine has only lo: neither browser nor Asterisk speaks WebRTC by it",
    ),
]

FAKE_MEDIA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
SCREENS = PROJECT / "var" / "screens"
"""Pictures of the page, made anew by each run, for people to look at."""
HOLDER = "990102200012120127"
MOST = 3
TAP = """
(() => {
  const Plain = RTCPeerConnection;
  window.heard = [];
  window.RTCPeerConnection = class extends Plain {
    constructor(wanted, ...others) {
      super({ ...wanted, encodedInsertableStreams: true }, ...others);
      window.connection = this;
      this.addEventListener("track", ({ receiver }) => {
        const { readable, writable } = receiver.createEncodedStreams();
        const tap = new TransformStream({
          transform(frame, out) {
            const bytes = new Uint8Array(frame.data);
            if (window.firstSound === undefined && bytes.some((b) => b !== 0xd5)) {
              window.firstSound = performance.now();
            }
            window.heard.push(String.fromCharCode(...bytes));
            out.enqueue(frame);
          },
        });
        readable.pipeThrough(tap).pipeTo(writable);
      });
    }
    addTrack(...given) {
      const sender = super.addTrack(...given);
      const { readable, writable } = sender.createEncodedStreams();
      readable.pipeTo(writable);
      return sender;
    }
  };
  addEventListener("click", () => (window.clicked = performance.now()), true);
})();
"""


@dataclass
class Console:
    """`ivr console` of a line, as a program of its own."""

    line: LiveLine
    port: int
    process: Forked | None = None
    otherwise: Mapping[str, str] = field(default_factory=dict)
    """What is set otherwise than for the line's other programs."""
    scheme: str = "http"

    def start(self) -> None:
        before = self.log().count(f"{self.scheme}://") if self.output.exists() else 0
        with self.output.open("ab") as log:
            env = {**self.line.env, **self.otherwise}
            told = log.fileno()
            self.process = forks.start(forks.IVR, "console", env=env, stdout=told, stderr=told)
        deadline = time.monotonic() + 120
        while self.log().count(f"{self.scheme}://") <= before:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def log(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def output(self) -> Path:
        return self.line.settings.home / f"console-{self.port}.out"

    def end(self, sign: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(60)
            self.process = None

    def address(self, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}/phone"


@dataclass
class Seat:
    """Somebody before the page of the browser phone."""

    page: Page
    line: LiveLine
    sound: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._listener = Listener(self.line.ear)

    async def calls(self) -> None:
        await self.page.click("#call")
        await self.is_told("通话中")

    async def is_told(self, words: str) -> None:
        await self.page.wait_for_function(
            "words => document.getElementById('state').textContent.includes(words)", arg=words
        )

    async def heard(self) -> list[HeardClip]:
        taken = await self.page.evaluate("btoa(window.heard.splice(0).join(''))")
        self.sound += base64.b64decode(taken)
        return self._listener.listen(bytes(self.sound))

    async def hears(self, clip: str, within: float = HANGING_SECONDS) -> list[HeardClip]:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            heard = await self.heard()
            if any(each.name == self.line.ear.alias[clip] and each.whole for each in heard):
                return heard
            await asyncio.sleep(0.2)
        raise AssertionError(
            f"{clip} was not heard, but {await self.heard()}; the page says"
            f" {await self.page.inner_text('#state')}\n{self.line.log()}"
        )

    async def hears_every_byte(self, clip: str) -> None:
        """Its last frame too, which a clip that is whole to the ear may lack for the moment."""
        await self.hears(clip)
        deadline = time.monotonic() + HANGING_SECONDS
        while self.line.ear.sound(clip) not in bytes(self.sound):
            assert time.monotonic() < deadline, "byte for byte"
            await asyncio.sleep(0.02)
            await self.heard()

    async def reads(self) -> list[str]:
        """The sentences on the page, without what was not said of them."""
        return await self.page.evaluate(
            "[...document.querySelectorAll('#said li')].map((line) => [...line.children]"
            ".filter((part) => !part.matches('.unsaid, .yet')).map((s) => s.textContent).join(''))"
        )

    async def has_read(self, letters: int) -> None:
        """Wait until so many of the last sentence have been said."""
        while len((await self.reads())[-1]) < letters:
            await self.page.wait_for_timeout(50)

    async def picture(self, name: str) -> None:
        """At a desk and on a phone."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        for size in (NARROW, WIDE):
            await self.page.set_viewport_size(size)  # type: ignore[arg-type]
            width = size["width"]
            path = SCREENS / f"phone-{name}-{width}.png"
            await self.page.screenshot(path=path, full_page=True)
            wide = await self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is wider than {width} px"

    async def faults(self) -> list[str]:
        """What axe-core finds."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = await self.page.evaluate(EXAMINED)
        return found


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet) -> Iterator[Console]:
    port = free_port()
    wishes = {"port": port, "address": "0.0.0.0", "phone": {"calls": MOST, "open_to": "everybody"}}
    with a_line(tmp_path_factory.mktemp("line"), whole_set, console=wishes) as line:
        line.start_service()
        opened = Console(line, port)
        opened.start()
        try:
            yield opened
        finally:
            opened.end()


@asynccontextmanager
async def a_browser(*more: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        args = [*CHROMIUM, *FAKE_MEDIA, *more]
        opened = await playwright.chromium.launch(executable_path=program(), args=args)
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def seated(
    browser: Browser, console: Console, host: str = "127.0.0.1", *, complains: bool = False
) -> AsyncIterator[Seat]:
    """A tab of its own; whatever the browser complains about is a failure, unless it has reason."""
    context = await browser.new_context(viewport=WIDE, locale="zh-CN")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    complaints = complaints_of(page)
    await page.add_init_script(TAP)
    await page.goto(console.address(host))
    yield Seat(page, console.line)
    await context.close()
    assert complains or complaints == []


Story = Callable[[Browser], Awaitable[None]]


async def until(holds: Callable[[], bool], within: float = HANGING_SECONDS) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def tell(story: Story) -> None:
    async def course() -> None:
        async with a_browser() as browser:
            await story(browser)

    asyncio.run(course())


def test_one_click_calls_and_the_balance_is_heard_and_read(
    console: Console, whole_set: PromptSet
) -> None:
    """1-1-ID with the mouse: the clips byte for byte, the same words on the page, the course."""
    line = console.line
    readout = sentence(
        "account.readout",
        id=HOLDER,
        paid_to="2026-10",
        monthly_deposit=Decimal("1680.32"),
        balance=Decimal("12345.67"),
    )
    told = whole_set.utterance(readout)
    clips = line.names(*(clip.name for clip in told.clips))

    async def story(browser: Browser) -> None:
        async with seated(browser, console) as seat:
            page = seat.page
            assert await seat.faults() == []
            await seat.picture("before")
            await seat.calls()
            await seat.hears_every_byte("main.greeting")
            measured(
                "phone_click_to_sound",
                await page.evaluate("(window.firstSound - window.clicked) / 1000"),
            )
            await page.click('[data-key="1"]')
            await seat.hears("account.menu")
            await page.click('[data-key="1"]')
            await page.click(f'[data-keys="{HOLDER}"]')
            heard = [each.name for each in await seat.hears(clips[-1])]
            assert heard[-len(clips) :] == clips
            assert await seat.faults() == []
            await seat.picture("talking")
            read = await seat.reads()
            assert read[0] == "您好，幺二三二九住房公积金热线为您服务。"
            (written,) = [each for each in read if each.startswith("您输入的身份证号为")]
            assert written.startswith(told.text)
            await page.click("#call")
            await seat.is_told("您挂断了")
            await page.wait_for_selector("#course:not([hidden])")
            course = await page.inner_text("#steps")
            assert "按 1" in course
            assert "输入 18 位" in course
            assert "查询：查到了" in course
            assert HOLDER not in course
            assert await seat.faults() == []
            await seat.picture("after")
        await line.settled()

    tell(story)
    written = [line.log(), console.log(), *logs(line.settings.home)]
    assert not [text for text in written if "一万二千" in text or HOLDER in text]
    assert {fact["caller"] for fact in line.facts() if fact["fact"] == "SessionStarted"} == {None}


def logs(home: Path) -> list[str]:
    files = (path for path in home.rglob("*") if path.is_file() and path.suffix in {".log", ".out"})
    return [path.read_text(errors="replace") for path in files]


def test_what_is_read_is_what_was_said_when_a_key_cuts_it_short(console: Console) -> None:
    async def story(browser: Browser) -> None:
        async with seated(browser, console) as seat:
            await seat.calls()
            await seat.hears("main.greeting")
            await seat.page.wait_for_selector("#said li:nth-child(2) .now-said")
            await seat.has_read(8)
            await seat.page.keyboard.press("3")
            await seat.page.wait_for_selector("#said li:nth-child(3)")
            greeting, menu, _ = await seat.reads()
            assert greeting == "您好，幺二三二九住房公积金热线为您服务。"
            assert menu, "as far as it was said"
            assert "查询公积金余额请按一".startswith(menu[:9])
            assert len(menu) < 40, "and the rest is crossed out"
            crossed = await seat.page.inner_text("#said li:nth-child(2) .unsaid")
            assert crossed.endswith("退出查询请按七。")
            (said,) = [each for each in await seat.heard() if each.name == "main.menu"]
            assert not said.whole
            await seat.page.click("#call")
            await seat.page.wait_for_selector("#course:not([hidden])")
            # where it was cut is reckoned by the page and by the records, each by its own clock
            assert f"\t{menu[0]}" in await seat.page.inner_text("#steps")
            assert "退出查询请按七" not in await seat.page.inner_text("#steps")
        await console.line.settled()

    tell(story)


LATE_SPEECH = """() => {
const plain = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = async function ({ type, sdp }) {
  const ways = sdp.match(/^a=candidate:[^\\r]*/gm);
  await plain.call(this, { type, sdp: sdp.replace(/^a=candidate:.*\\r\\n/gm, "") });
  setTimeout(() => ways.forEach((way) => {
    this.addIceCandidate({ candidate: way.slice(2), sdpMLineIndex: 0 });
  }), 1000);
};
}"""
"""The call is answered, and only then the browser learns by which way the speech goes."""


def test_the_keyboard_alone_is_enough(console: Console) -> None:
    """From the address bar: Tab to the button, Enter, keys, and the same button hangs up.

    What is keyed before the speech has its way is not lost.
    """

    async def story(browser: Browser) -> None:
        async with seated(browser, console) as seat:
            keyboard = seat.page.keyboard
            await seat.page.evaluate(LATE_SPEECH)
            for _ in range(12):
                await keyboard.press("Tab")
                if await seat.page.evaluate("document.activeElement.id") == "call":
                    break
            await keyboard.press("Enter")
            await seat.is_told("通话中")
            assert await seat.page.evaluate("connection.connectionState") != "connected"
            await keyboard.type("11")
            await seat.hears("identity.ask")
            await keyboard.type("11010519491231002*")
            await seat.hears(console.line.reading("amount", "100500.05")[-1])
            await keyboard.press("#")
            await keyboard.press("*")
            assert await seat.page.evaluate("document.activeElement.id") == "call"
            await keyboard.press("Enter")
            await seat.is_told("您挂断了")
        await console.line.settled()

    tell(story)


PRESSED = """async (isHeard) => {
  const { Keys } = await import("/static/voice.js");
  const pause = (ms) => new Promise((over) => setTimeout(over, ms));
  const sent = [];
  const dtmf = {
    canInsertDTMF: true,
    insertDTMF(keys) {
      sent.push(keys);
      setTimeout(() => dtmf.ontonechange({ tone: "" }), 50);
    },
  };
  let sources = [];
  const connection = Object.assign(new EventTarget(), {
    connectionState: "connecting",
    getSenders: () => [{ dtmf }],
    getReceivers: () => [{ getSynchronizationSources: () => sources }],
  });
  const keys = new Keys(connection);
  keys.press("1");
  connection.connectionState = "connected";
  connection.dispatchEvent(new Event("connectionstatechange"));
  keys.press("2");
  await pause(300);
  const early = sent.join();
  if (isHeard) sources = [{}];
  while (sent.length === 0) await pause(10);
  sources = [];
  keys.press("3");
  keys.press("4");
  await pause(300);
  return [early, ...sent];
}"""
"""What becomes of keys, on a connection that is played."""


@pytest.mark.parametrize("heard", [True, False], ids=["heard at last", "silent all the time"])
def test_keys_wait_until_the_line_is_heard(console: Console, *, heard: bool) -> None:
    """Asterisk is connected after the browser, and takes none before; nor do they wait for ever."""

    async def story(browser: Browser) -> None:
        async with seated(browser, console) as seat:
            assert await seat.page.evaluate(PRESSED, heard) == ["", "12", "34"]

    tell(story)


def test_one_call_too_many_is_refused_with_words(console: Console) -> None:
    async def story(browser: Browser) -> None:
        async with AsyncExitStack() as open_tabs:
            *seats, late = [
                await open_tabs.enter_async_context(seated(browser, console))
                for _ in range(MOST + 1)
            ]
            for seat in seats:
                await seat.calls()
            await late.page.click("#call")
            await late.is_told(f"网页电话正忙：同时最多 {MOST} 路")
            await late.picture("full")
            await seats[0].page.click("#call")
            await until(lambda: len(console.line.ari("channels")) < MOST)
            await late.calls()
            await late.hears("main.greeting")
        await console.line.settled()  # tabs that are closed hang up

    tell(story)


def test_from_another_machine_without_https_it_is_heard_and_the_page_says_what_lacks(
    console: Console,
) -> None:
    """By this machine's own address in the network: for a browser that is no secure context."""

    async def story(browser: Browser) -> None:
        host = network_addresses()[0]
        async with seated(browser, console, host, complains=True) as seat:
            assert not await seat.page.evaluate("window.isSecureContext")
            assert "没有麦克风" in await seat.page.inner_text("#insecure")
            await seat.calls()
            assert not await seat.page.is_visible("#microphone")
            await seat.page.keyboard.press("1")
            await seat.hears("account.menu")
            assert await seat.faults() == []
            await seat.picture("http")
            await seat.page.click("#call")
        await console.line.settled()

    tell(story)


@pytest.fixture
def encrypted(console: Console) -> Iterator[tuple[Console, str]]:
    """A second console of the line, by https with a certificate of our own making; who is trusted.

    A machine of the LAN would have the root installed; this browser is told of its one key.
    """
    home, host, port = console.line.settings.home, network_addresses()[0], free_port()
    made = make(home, (host,), datetime.now(UTC))
    key = x509.load_pem_x509_certificate(made.certificate.read_bytes()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    trusted = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    set_ = {"CERTIFICATE": made.certificate, "KEY": made.key, "PORT": port}
    otherwise = {f"IVR_CONSOLE__{name}": str(value) for name, value in set_.items()}
    opened = Console(console.line, port, None, otherwise, "https")
    opened.start()
    try:
        yield opened, trusted
    finally:
        opened.end()


def test_from_another_machine_by_https_there_is_a_microphone_too(
    encrypted: tuple[Console, str],
) -> None:
    """By this machine's own address: a secure context, SIP over wss, no warning."""
    console, trusted = encrypted

    async def course() -> None:
        async with (
            a_browser(f"--ignore-certificate-errors-spki-list={trusted}") as browser,
            seated(browser, console, network_addresses()[0]) as seat,
        ):
            sockets: list[str] = []
            seat.page.on("websocket", lambda opened: sockets.append(opened.url))
            assert await seat.page.evaluate("window.isSecureContext")
            assert not await seat.page.is_visible("#insecure")
            await seat.calls()
            await seat.hears("main.greeting")
            assert [each.partition(":")[0] for each in sockets] == ["wss"]
            await seat.page.click("#microphone")
            await seat.page.wait_for_selector("#microphone[aria-pressed=true]")
            await seat.page.keyboard.press("1")
            await seat.hears("account.menu")
            await seat.picture("https")
            await seat.page.click("#call")
        await console.line.settled()

    asyncio.run(course())


def test_the_microphone_is_opened_when_it_is_wanted(console: Console) -> None:
    """A complaint is recorded: silence before the button, the fake device's beeps after it."""

    async def story(browser: Browser) -> None:
        async with seated(browser, console) as seat:
            await seat.calls()
            await seat.page.click("#microphone")
            await seat.page.wait_for_selector("#microphone[aria-pressed=true]")
            await seat.page.keyboard.type("6")
            await seat.hears("feedback.menu_progress")
            await seat.page.keyboard.type("12")
            await seat.hears("feedback.suggestion_ask_id")
            await seat.page.keyboard.type(HOLDER)
            await seat.page.wait_for_selector("#said .aside")
            await asyncio.sleep(4)
            await seat.page.keyboard.type("#")
            await seat.hears("feedback.saved_menu")
            await seat.page.click("#call")
        await console.line.settled()

    tell(story)
    recorded = [fact for fact in console.line.facts() if fact["fact"] == "Recorded"]
    assert len(recorded) == 1, "what was heard was no silence"


def test_a_console_that_dies_in_mid_call_is_noticed_by_no_caller(console: Console) -> None:
    """The browser hears on and is heard; so does a telephone; afterwards both are let go."""
    line = console.line

    async def story(browser: Browser) -> None:
        async with seated(browser, console, complains=True) as seat, line.call() as caller:
            await seat.calls()
            await seat.hears("main.greeting")
            await caller.hears_begin("main.greeting")
            console.end(signal.SIGKILL)
            await seat.page.keyboard.press("1")
            caller.phone.press("2")
            await seat.hears("account.menu")
            await caller.hears("loan.menu")
            console.start()
            await seat.page.click("#call")
        await line.settled()

    tell(story)


def test_the_name_of_a_browser_opens_no_door(console: Console) -> None:
    """A telephone that calls itself so is a guest like all others, and has no screen."""
    line = console.line

    async def story() -> None:
        async with line.call(user="browser") as caller:
            await caller.hears_begin("main.greeting")
            (channel,) = line.ari("channels")
            assert channel["name"].startswith("PJSIP/anonymous-")
        await line.settled()

    asyncio.run(story())
    assert relay_secret(line.settings) not in line.log() + console.log()
