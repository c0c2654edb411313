"""A line of its own for live tests: a real Asterisk and a real service on free ports."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ivr.accounts.demo import make_demo
from ivr.asterisk import locate, process
from ivr.asterisk.configure import publish_sounds
from ivr.config import PROJECT, Settings
from ivr.lifecycle import asking
from ivr.probe.ear import Ear, HeardClip, Listener
from ivr.speech import numbers, prompts
from prompt_build import sets
from tests import forks
from tests.forks import Forked
from tests.live import known
from tests.live.pages import chromium, tab
from tests.live.phone import Phone
from tests.ports import free_port

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
AGENTS = {"ring_seconds": 6, "hours": {day: ["00:00-24:00"] for day in WEEK}}
"""Tests do not choose their hour, nor have they half a minute."""
HANGING_SECONDS = 60.0
"""What takes so long never comes. No measure of speed: a loaded machine takes its time."""
WRITING_SECONDS = 1.0
"""What a fact needs to its page, or a service to say that none waits."""


@dataclass
class LiveLine:
    """One whole line: its settings, its Asterisk, its service, and ways to look into them."""

    settings: Settings
    env: dict[str, str]
    ear: Ear
    asterisk: subprocess.Popen[bytes] | None = None
    service: Forked | None = None
    start: Callable[..., Forked] = forks.start
    """Of the service; who measures it takes a program of its own."""

    def start_service(self) -> None:
        self.launch_service()
        self.wait_until_healthy()

    async def service_anew(self) -> None:
        """Killed and started; meanwhile the phones answer Asterisk, and so stay reachable."""
        self.kill_service()
        await asyncio.to_thread(self.start_service)

    def launch_service(self) -> None:
        with (self.settings.home / "service.out").open("ab") as file:
            log = file.fileno()
            self.service = self.start(forks.IVR, "serve", env=self.env, stdout=log, stderr=log)

    def wait_until_healthy(self, within: float = HANGING_SECONDS) -> None:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.health().get("status") == "ok":
                return
            time.sleep(0.1)
        raise AssertionError(f"not healthy: {self.health()}\n{self.log()}")

    def health(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.settings.http_port}/healthz"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as unwell:
            return json.load(unwell)
        except OSError as absent:
            return {"status": str(absent)}

    def kill_service(self, sign: int = signal.SIGKILL) -> None:
        if self.service is not None:
            self.service.send_signal(sign)
            self.service.wait(15)
            self.service = None

    def log(self) -> str:
        return (self.settings.home / "service.out").read_text(errors="replace")

    def ari(self, path: str) -> Any:
        secret = f"{self.settings.ari_user}:{self.settings.ari_secret()}"
        request = urllib.request.Request(
            f"{self.settings.ari_base}/{path}",
            headers={"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def facts(self) -> list[dict[str, Any]]:
        """Of the service, in their order; Asterisk writes a page of its own."""
        self._wait_until_written()
        return [
            json.loads(line)
            for path in sorted((self.settings.home / "spool").glob("*.jsonl"))
            if not path.name.endswith("-asterisk.jsonl")
            for line in path.read_text().splitlines()
        ]

    def _wait_until_written(self) -> None:
        """The service lets facts gather; one that stands still or has no disk keeps them."""
        deadline = time.monotonic() + WRITING_SECONDS
        while self._facts_waiting() and time.monotonic() < deadline:
            time.sleep(0.005)

    def _facts_waiting(self) -> bool:
        if self.service is None or self.service.poll() is not None:
            return False
        try:
            figures = asking.metrics(self.settings, within=WRITING_SECONDS)
        except OSError:
            return False
        return "\nivr_facts_waiting 0.0\n" not in figures

    def names(self, *clips: str) -> list[str]:
        """Clips as the ear names them, without pauses."""
        return [self.ear.alias[clip] for clip in clips if not clip.startswith("pause.")]

    def reading(self, kind: str, value: str, *, ends: bool = True) -> list[str]:
        """The clips of a value at the end of a sentence, or within it."""
        read = numbers.read(kind, value)
        return self.names(*(read.clips if ends else read.clips_within))

    @asynccontextmanager
    async def call(self, number: str = "12329", *, user: str = "guest") -> AsyncIterator[Caller]:
        async with Phone.open(self.settings.sip_port, user=user) as phone:
            status = await phone.dial(number)
            assert status == 200, f"the call was answered {status}\n{self.log()}"
            yield Caller(self, phone)

    async def settled(self, within: float = HANGING_SECONDS) -> None:
        """Until no channel is left and every session has its end."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            kinds = [fact["fact"] for fact in self.facts()]
            if not self.ari("channels") and kinds.count("SessionStarted") == kinds.count(
                "SessionEnded"
            ):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"left behind: {self.ari('channels')}")


@dataclass
class Caller:
    """Someone on the telephone who knows the prompts when they are heard."""

    line: LiveLine
    phone: Phone

    def __post_init__(self) -> None:
        self._listener = Listener(self.line.ear)

    def heard(self) -> list[HeardClip]:
        return self._listener.listen(bytes(self.phone.heard.audio))

    async def hears(
        self, clip: str, *, times: int = 1, within: float = HANGING_SECONDS
    ) -> list[HeardClip]:
        """Wait until a clip has been heard to its end so many times."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            heard = self.heard()
            if sum(each.name == clip and each.whole for each in heard) >= times:
                return heard
            await asyncio.sleep(0.1)
        raise AssertionError(f"{clip} was not heard within {within} s, but {self._instead()}")

    async def hears_begin(
        self, clip: str, *, times: int = 1, within: float = HANGING_SECONDS
    ) -> None:
        """Wait until a clip has begun so many times."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if sum(each.name == clip for each in self.heard()) >= times:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{clip} did not begin within {within} s, but {self._instead()}")

    def _instead(self) -> str:
        lost = self.phone.heard.lost
        return f"{self.heard()}; {lost} packets were lost\n{self.line.log()[-3000:]}"


def copied_clips(audio: Path) -> dict[str, Any]:
    """The built clips in a folder of the test's, to change; back what set of them is published."""
    built = PROJECT / "generated_audio"
    shutil.copytree(built / "clips", audio / "clips")
    published = sets.published(built)
    assert published is not None, "build the prompts first: make prompts"
    return {key: value for key, value in published.items() if key not in ("set", "built")}


@pytest.fixture(scope="module", autouse=True)
def users_of_tests(quick_passwords: None) -> None:
    """They come in as often as a page is looked at; a hash says itself how much work it is."""


@pytest.fixture(scope="session")
def whole_set() -> prompts.PromptSet:
    """The prompts as `ivr build-prompts` made them; `make test` runs it first."""
    return known.whole_set()


@pytest.fixture(scope="module")
def bare_line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: prompts.PromptSet
) -> Iterator[LiveLine]:
    """Asterisk runs, no service yet."""
    with a_line(tmp_path_factory.mktemp("line"), whole_set) as line:
        yield line


def knowing(whole_set: prompts.PromptSet) -> Ear:
    """An ear for the clips of a set."""
    return known.ear() if whole_set is known.whole_set() else known.ear_for(whole_set)


def _in_environment(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@contextmanager
def a_line(home: Path, whole_set: prompts.PromptSet, **changes: Any) -> Iterator[LiveLine]:
    """Asterisk with other settings than usual, and no service yet."""
    found = locate.install()
    given: dict[str, Any] = {
        "sip_port": free_port(),
        "sip_host": "127.0.0.1",
        "ari_port": free_port(),
        "http_port": free_port(),
        "agents": AGENTS,
        "realtime": False,  # tests run side by side with what they call
        **changes,
    }
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
        "IVR_HOME": str(home),
        **{f"IVR_{name.upper()}": _in_environment(value) for name, value in given.items()},
    }
    settings = Settings(home=home, **given)
    make_demo(home / "accounts.sqlite")
    line = LiveLine(settings, env, knowing(whole_set))
    publish_sounds(settings, whole_set)
    line.asterisk = process.start(settings, found)
    try:
        process.wait_until_ready(settings, line.asterisk)
        yield line
    finally:
        line.kill_service(signal.SIGTERM)
        process.stop(line.asterisk)


@pytest.fixture(scope="module")
def line(bare_line: LiveLine) -> LiveLine:
    """Asterisk and the service."""
    bare_line.start_service()
    return bare_line


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For the tests that look at pages."""
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of a test's own."""
    with tab(browser) as opened:
        yield opened


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests put what pages look like, for somebody to look at."""
    told = os.environ.get("CONSOLE_PICTURES")
    folder = Path(told) if told else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
