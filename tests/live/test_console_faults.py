"""The console killed, hung, on a full disk, its database locked: no call notices."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.users import FILE, Users
from ivr.speech.prompts import PromptSet
from tests import forks
from tests.forks import Forked
from tests.live.conftest import HANGING_SECONDS, LiveLine, a_line
from tests.ports import free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


@dataclass
class Console:
    """`ivr console` beside a line, as a program of its own."""

    line: LiveLine
    port: int
    _running: list[Forked] = field(default_factory=list)

    def start(self) -> Forked:
        with (self.line.settings.home / "console.out").open("ab") as log:
            told = log.fileno()
            process = forks.start(
                *(forks.IVR, "console"), env=self.line.env, stdout=told, stderr=told
            )
        self._running.append(process)
        deadline = time.monotonic() + HANGING_SECONDS
        while self.asked("/livez") != 200:
            assert time.monotonic() < deadline, "the console does not answer"
            time.sleep(0.1)
        return process

    def asked(self, path: str, *, within: float = 30.0) -> int:
        """The status of a page; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(self._url(path), timeout=within) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def signs_in(self, *, within: float = 30.0) -> int:
        """The status of an attempt with a wrong password, which writes into the database."""
        form = b"name=admin&password=wrong"
        origin = self._url("").rstrip("/")
        request = urllib.request.Request(self._url("/sign-in"), form, {"Origin": origin})
        try:
            with urllib.request.urlopen(request, timeout=within) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(30)

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, whole_set: PromptSet
) -> Iterator[tuple[LiveLine, int]]:
    port = free_port()
    with a_line(tmp_path_factory.mktemp("line"), whole_set, console={"port": port}) as line:
        line.start_service()
        Users(line.settings.home).first()
        yield line, port


@pytest.fixture
def console(line: tuple[LiveLine, int]) -> Iterator[Console]:
    console = Console(*line)
    yield console
    console.end()


def whole_call(line: LiveLine, in_between: Callable[[], None]) -> None:
    """A caller hears the greeting, then something happens, and the call goes on to its end."""

    async def call() -> None:
        async with line.call() as caller:
            await caller.hears("main.menu")
            await asyncio.to_thread(in_between)
            caller.phone.press("1")
            await caller.hears("account.menu")
            await caller.phone.hang_up()
        await line.settled()

    asyncio.run(call())


def test_a_console_that_is_killed(console: Console) -> None:
    process = console.start()

    def kill() -> None:
        process.kill()
        process.wait(30)

    whole_call(console.line, kill)
    assert console.asked("/sign-in") == 0
    assert console.line.health()["status"] == "ok"


def test_a_console_that_hangs(console: Console) -> None:
    process = console.start()
    whole_call(console.line, lambda: process.send_signal(signal.SIGSTOP))
    assert console.asked("/sign-in", within=1.0) == 0
    assert console.line.health()["status"] == "ok"


def test_a_console_whose_disk_is_full(console: Console) -> None:
    """No file of it may grow any more; what it cannot write down it does not do."""

    process = console.start()
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    statuses: list[int] = []
    whole_call(console.line, lambda: statuses.append(console.signs_in()))
    assert statuses == [503]
    assert console.asked("/sign-in") == 200
    assert console.line.health()["status"] == "ok"


def test_a_console_whose_database_is_locked(console: Console) -> None:
    console.start()
    path: Path = console.line.settings.home / FILE
    holding = sqlite3.connect(path, check_same_thread=False)
    statuses: list[int] = []
    try:
        holding.execute("BEGIN EXCLUSIVE")
        whole_call(console.line, lambda: statuses.append(console.signs_in(within=60.0)))
    finally:
        holding.rollback()
        holding.close()
    assert statuses == [503]
    assert console.signs_in() == 403, "as soon as it is free"
    assert console.line.health()["status"] == "ok"
