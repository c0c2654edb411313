"""`ivr run` as a newcomer uses it: it comes up, it ends, and nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from console.users import Users
from ivr.config import PROJECT, Settings
from ivr.people.sensitive import Sensitive
from ivr.speech.prompts import PromptSet
from ivr.upkeep.supervisor import STOP_SECONDS
from tests.live.conftest import LiveLine, knowing
from tests.ports import free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
PASSWORD = "-".join(["[a-z0-9]{4}"] * 3)


class Run:
    """One `ivr run` in a home folder of its own."""

    def __init__(self, home: Path, terminal: int | None = None, **settings: str) -> None:
        self.home = home
        self.sip_port = free_port()
        self.http_port = free_port()
        self.console_port = free_port()
        self.output = home.parent / "run.out"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
            "IVR_HOME": str(home),
            "IVR_SIP_HOST": "127.0.0.1",
            "IVR_SIP_PORT": str(self.sip_port),
            "IVR_ARI_PORT": str(free_port()),
            "IVR_HTTP_PORT": str(self.http_port),
            "IVR_CONSOLE__PORT": str(self.console_port),
            **settings,
        }
        self.command = [sys.executable, "-m", "ivr.cli", "run"]
        self.environment = environment
        with self.output.open("wb") as output:
            shown: IO[bytes] | int = output if terminal is None else terminal
            self.process = subprocess.Popen(
                self.command, env=environment, cwd=PROJECT, stdout=shown, stderr=output
            )

    def healthy(self) -> bool:
        with suppress(urllib.error.URLError, ConnectionError):
            url = f"http://127.0.0.1:{self.http_port}/healthz"
            return bool(urllib.request.urlopen(url, timeout=2).status == 200)
        return False

    def told(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def programs(self) -> list[int]:
        """Every process of this line that is alive, the supervisor aside."""
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and int(entry.name) != self.process.pid
            and f"IVR_HOME={self.home}\0".encode() in _environment(entry)
        ]

    def program(self, command: str) -> int:
        """The process of `ivr COMMAND`."""
        return next(pid for pid in self.programs() if _command(pid)[-1] == command)

    def until(self, true: Callable[[], bool], within: float = 60.0) -> None:
        deadline = time.monotonic() + within
        while not true():
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.1)


def _environment(entry: Path) -> bytes:
    with suppress(OSError):
        return (entry / "environ").read_bytes()
    return b""


def _command(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    return [""]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Run]:
    """For a test that ends it."""
    with _running(tmp_path / "home") as run:
        yield run


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """For the tests after which it goes on, in their order here."""
    with _running(tmp_path_factory.mktemp("lasting") / "home") as run:
        yield run


@contextmanager
def _running(home: Path) -> Iterator[Run]:
    run = Run(home)
    try:
        run.until(lambda: "Ctrl-C" in run.told(), within=180.0)
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        run.until(lambda: not run.programs())


def test_a_terminal_is_told_the_first_password_and_the_logs_are_not_and_ctrl_c_stops_everything(
    tmp_path: Path,
) -> None:
    """A terminal of our own: nothing that it shows is kept."""
    terminal, its_end = pty.openpty()
    line = Run(tmp_path / "home", its_end)
    shown = bytearray()

    def told() -> str:
        while select.select([terminal], [], [], 0)[0]:
            shown.extend(os.read(terminal, 65536))
        return shown.decode(errors="replace")

    try:
        line.until(lambda: bool(re.search(rf"admin.* {PASSWORD}", told())), within=180.0)
        password = re.findall(PASSWORD, told())[-1]
        assert Users(line.home).signed_in("admin", Sensitive(password)) is not None
        logs = (line.home / "log").glob("*.log")
        assert password not in "".join(each.read_text(errors="replace") for each in logs)
        assert line.healthy()
        assert "990101199001010019" in told()
        assert len(line.programs()) >= 2
        line.process.send_signal(signal.SIGINT)
        assert line.process.wait(60) == 0
        assert line.programs() == []
        assert "nothing is left running" in told()
    finally:
        line.process.kill()
        line.process.wait()
        os.close(terminal)
        os.close(its_end)


def _opens(url: str) -> bool:
    with suppress(OSError):
        return bool(urllib.request.urlopen(url, timeout=2).status == 200)
    return False


def on_the_line(line: Run, whole_set: PromptSet) -> LiveLine:
    """The line as its callers know it."""
    settings = Settings(
        home=line.home,
        sip_port=int(line.environment["IVR_SIP_PORT"]),
        ari_port=int(line.environment["IVR_ARI_PORT"]),
        http_port=line.http_port,
    )
    return LiveLine(settings, line.environment, knowing(whole_set))


def test_a_signal_stops_everything_also_with_a_caller_on_the_line(
    line: Run, whole_set: PromptSet
) -> None:
    """Nobody waits for the caller for ever; he is hung up, not left in silence."""
    seen = on_the_line(line, whole_set)

    async def story() -> None:
        async with seen.call() as caller:
            await caller.hears_begin("main.menu")
            line.process.send_signal(signal.SIGTERM)
            await caller.phone.wait_for_end(within=2 * STOP_SECONDS)

    asyncio.run(story())
    assert line.process.wait(30) == 0
    assert line.programs() == []
    assert "nothing is left running" in line.told()


# --- one that lasts ---------------------------------------------------------------------------


def test_the_console_is_told_of_last_and_no_call_needs_it(lasting: Run) -> None:
    url = f"http://127.0.0.1:{lasting.console_port}/"
    lasting.until(lambda: "ivr users password admin" in lasting.told())
    *_, before, last = lasting.told().strip().splitlines()
    assert url in before
    assert "ivr users password admin" in last
    assert not re.search(PASSWORD, lasting.told()), "this is no terminal"
    assert b"12329" in urllib.request.urlopen(f"{url}sign-in", timeout=5).read()
    os.kill(lasting.program("console"), signal.SIGKILL)
    assert lasting.healthy()
    lasting.until(lambda: lasting.healthy() and _opens(f"{url}livez"))


def test_a_second_line_in_the_same_home_is_refused(lasting: Run) -> None:
    second = subprocess.run(
        lasting.command,
        env=lasting.environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 3
    assert f"runs in {lasting.home} already (process {lasting.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_named_with_its_setting(lasting: Run, tmp_path: Path) -> None:
    environment = {**lasting.environment, "IVR_HOME": str(tmp_path / "other")}
    second = subprocess.run(
        lasting.command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    for setting in ("IVR_SIP_PORT", "IVR_ARI_PORT", "IVR_HTTP_PORT"):
        assert setting in second.stderr


def test_a_caller_on_the_line_outlives_the_service(lasting: Run, whole_set: PromptSet) -> None:
    seen = on_the_line(lasting, whole_set)

    async def story() -> None:
        async with seen.call() as caller:
            await caller.hears_begin("main.menu")
            os.kill(lasting.program("serve"), signal.SIGKILL)
            await caller.hears_begin("line.sorry_wait")
            await caller.hears("main.menu")
            caller.phone.press("7")
            await caller.hears("line.goodbye")
        await seen.settled()

    asyncio.run(story())
    assert [fact["fact"] for fact in seen.facts() if fact["fact"].startswith("Session")] == [
        "SessionStarted",
        "SessionAnswered",
        "SessionResumed",
        "SessionEnded",
    ]


def test_programs_that_are_killed_come_back(lasting: Run) -> None:
    killed = lasting.programs()
    for pid in killed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    lasting.until(lambda: lasting.healthy() and not set(killed) & set(lasting.programs()))


def test_a_killed_supervisor_leaves_nothing(lasting: Run) -> None:
    """The last of these: the line is no more."""
    lasting.process.kill()
    lasting.process.wait()
    lasting.until(lambda: not lasting.programs())
