"""`ivr service install` on a machine that knows nothing of us, and what its units start."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ivr.upkeep import installation
from tests.live.conftest import free_port
from tests.live.phone import Phone
from tests.textset import text_set

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

PYTHON = Path(sys.executable)
CACHE = Path.home() / ".cache" / "ivr-12329"
_SETUP = """
set -e
cd {scratch}
mount -t tmpfs tmpfs .
cd {scratch}
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root
for each in proc dev sys; do mount --rbind /$each $each; done
mount -t tmpfs tmpfs run
chmod 755 root
exec chroot . sleep 600
"""


@dataclass
class Machine:
    """The whole disk of this one, whose changes are forgotten; its network is ours."""

    pid: int
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, words: list[str]) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--mount", "--root", "--wd=/", *words]

    def run(self, *words: str, **more: str) -> str:
        done = subprocess.run(
            self.command(["env", *(f"{name}={value}" for name, value in more.items()), *words]),
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout

    def starts(self, unit: str) -> None:
        """What systemd would do with a unit: as its user, in its environment."""
        run = self.run("sed", "-n", "s/^ExecStart=//p", str(installation.UNITS / unit)).strip()
        told = self.run("cat", str(installation.ENVIRONMENT)).splitlines()
        environment = [line for line in told if not line.startswith("#")]
        user = installation.USER
        words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups",
                 "env", "-i", "PATH=/usr/bin:/bin", *environment, *shlex.split(run)]  # fmt: skip
        self.programs.append(subprocess.Popen(self.command(words), start_new_session=True))

    def end(self) -> None:
        for program in reversed(self.programs):
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, silent: Path) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("only root can make a machine of its own")
    scratch = tmp_path_factory.mktemp("machine")
    keeper = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", _SETUP.format(scratch=scratch)],
        stderr=subprocess.PIPE,
    )
    machine = Machine(keeper.pid)
    try:
        _wait_for_root(keeper, scratch)
        yield machine
    finally:
        machine.end()
        keeper.kill()
        keeper.wait()


def _wait_for_root(keeper: subprocess.Popen[bytes], scratch: Path) -> None:
    deadline = time.monotonic() + 20
    while not str(Path(f"/proc/{keeper.pid}/root").readlink()).startswith(str(scratch)):
        if keeper.poll() is not None or time.monotonic() > deadline:
            said = keeper.stderr.read().decode() if keeper.stderr and keeper.poll() else ""
            pytest.skip(f"no machine of our own without the right to mount: {said}")
        time.sleep(0.05)


NO_VOICE = "IVR_SPEECH__VOICE=edge\nIVR_SPEECH__EDGE_PROXY=http://127.0.0.1:9\n"
"""The sentences are there; new ones would take an hour."""


BROUGHT = ("prompts", "catalog")
"""A silent beep is an empty file, and nobody built this catalog."""


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published set whose sentences are silence of the right length."""
    folder = tmp_path_factory.mktemp("silent") / "audio"
    for clip in text_set(folder).clips.values():
        Path(f"{clip.path}.alaw").write_bytes(b"\xd5" * round(clip.seconds * 8000))
    return folder


def _bring_what_takes_long(machine: Machine, silent: Path) -> None:
    """Asterisk from our cache, and the silent sentences."""
    machine.run("mkdir", "-p", str(installation.CACHE / "ivr-12329"))
    machine.run("cp", "-r", str(silent), str(installation.AUDIO))
    root = CACHE / "asterisk-root"
    machine.run("ln", "-s", str(root), str(installation.CACHE / "ivr-12329" / root.name))
    machine.run("chmod", "755", str(root))


def test_a_machine_is_installed_runs_and_is_as_before(machine: Machine, silent: Path) -> None:
    ports = {name: free_port() for name in ("SIP", "ARI", "HTTP")}
    lines = "".join(f"IVR_{name}_PORT={port}\n" for name, port in ports.items()) + NO_VOICE
    machine.run("mkdir", "-p", "/etc/ivr")
    machine.run("sh", "-c", f"printf '{lines}' > {installation.ENVIRONMENT}")
    ours = str(PYTHON.with_name("ivr"))
    _bring_what_takes_long(machine, silent)
    machine.run(ours, "service", "install")
    machine.run("chown", "-R", installation.USER, str(installation.HOME))
    machine.run(ours, "service", "install")
    assert machine.run("ivr", "line", "status") == "the line is open\n"
    machine.run("ivr", "accounts", "demo")
    for unit in installation.STARTED:
        if unit.endswith(".service"):
            machine.starts(unit)
    assert _healthy(ports["HTTP"])
    assert _answered(ports["SIP"], lambda: _backed_up(machine))
    strangers = ["find", "/var/lib/ivr/", "-xdev", "-not", "-user", installation.USER,
                 "-not", "-type", "l"]  # fmt: skip
    assert machine.run(*strangers) == ""
    findings = json.loads(_doctor(machine))
    wrong = [each for each in findings if not each["ok"] and each["name"] not in BROUGHT]
    assert wrong == [], wrong
    refused = subprocess.run(machine.command(["ivr", "restore", "/root/b.tar", *PHRASE]),
                             capture_output=True, text=True, check=False)  # fmt: skip
    assert "正在运行" in refused.stderr
    machine.end()
    machine.run("ivr", "restore", "/root/b.tar", *PHRASE)
    assert machine.run("sh", "-c", "ls -d /var/lib/ivr/before-restore-*")
    machine.run("ivr", "accounts", "show", "990101199001010019")
    assert machine.run(*strangers) == ""
    machine.run(ours, "service", "upgrade")
    machine.run(ours, "service", "uninstall")
    assert machine.run("sh", "-c", "ls /etc/systemd/system/ivr* /usr/local/bin/ivr || true") == ""
    machine.run("test", "-d", "/var/lib/ivr/keys")
    machine.run(ours, "service", "uninstall", "--purge")
    machine.run("sh", "-c", "! test -e /var/lib/ivr && ! test -e /etc/ivr && ! id ivr")
    with pytest.raises(KeyError):
        pwd.getpwnam(installation.USER)  # of this machine, which never heard of it


def _doctor(machine: Machine) -> str:
    done = subprocess.run(
        machine.command(["ivr", "doctor", "--json"]), capture_output=True, text=True, check=False
    )
    return done.stdout


def _healthy(port: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                return bool(json.load(answer)["status"] == "ok")
        except OSError:
            time.sleep(0.2)
    return False


def _answered(port: int, meanwhile: Callable[[], None]) -> bool:
    """A call is taken, and goes on while something else is done."""

    async def call() -> bool:
        async with Phone.open(port, user="guest") as phone:
            if await phone.dial("12329") != 200:
                return False
            await asyncio.to_thread(meanwhile)
            return not phone.ended.is_set()

    return asyncio.run(call())


def _backed_up(machine: Machine) -> None:
    machine.run("sh", "-c", "echo correct horse > /root/phrase")
    machine.run("ivr", "backup", "/root/b.tar", *PHRASE)


PHRASE = ("--passphrase-file", "/root/phrase")
