"""`ivr service install` on a machine that knows nothing of us; its units under a real systemd."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import pytest

from ivr.accounts.demo import make_demo
from ivr.config import LINE_NUMBER, PROJECT
from ivr.lifecycle.succession import REPLACED
from ivr.upkeep import installation
from tests.live.phone import Phone
from tests.machine import Machine, why_not
from tests.ports import free_port
from tests.textset import text_set

T = TypeVar("T")
pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

CACHE = Path.home() / ".cache" / "ivr-12329"
PLACE = "/opt/ivr-12329"
"""Where deploy/systemd/README.md puts the checkout."""
IVR = f"{PLACE}/.venv/bin/ivr"
SERVICES = [unit for unit in installation.STARTED if unit.endswith(".service")]
PERSON = "990101199001010019"
PHRASE = ("--passphrase-file", "/root/phrase")
PAGES = str(installation.CACHE / "ivr-12329" / "pages")
WITHIN_SECONDS = 240.0
KILLS = 6
"""More than the five in ten seconds after which systemd, untold, would let a service lie."""
_DISK = """
set -e
mount -t tmpfs none {scratch}
cd {scratch}
mkdir upper work above under root
mount -t overlay none -o lowerdir=/,upperdir=upper,workdir=work root
cd root
mkdir -p .{place} opt/python opt/asterisk-root etc/ivr .{cache} etc/ld.so.conf.d
mount -t overlay none -o lowerdir={project},upperdir=../above,workdir=../under .{place}
for each in {python}:opt/python {asterisk}:opt/asterisk-root; do
  mount --bind ${{each%:*}} ${{each#*:}}
  mount -o remount,bind,ro ${{each#*:}}
done
rm -rf etc/systemd/system/*.wants var/log/journal var/lib/systemd
ln -s /opt/asterisk-root .{cache}/asterisk-root
cp -r {pages} .{cache}/pages
cp -r {silent} .{audio}
mkdir usr/lib/systemd/system/ivr-.service.d
echo "{hurried}" > usr/lib/systemd/system/ivr-.service.d/tests.conf
chmod 755 root
echo /opt/python/lib > etc/ld.so.conf.d/python.conf
chroot . ldconfig
cd .{place}/.venv
ln -sfn /opt/python/bin/python3 bin/python3
sed -i 's|^home = .*|home = /opt/python/bin|' pyvenv.cfg
sed -i 's|{project}/|{place}/|g' bin/ivr
cd lib/python3*/site-packages
rm -f __editable__*
echo {place} > checkout.pth
"""
"""The whole disk of this machine, whose changes are forgotten, with what was enabled here not
enabled; the checkout where the page puts it, with a Python that its user can run; what takes
long to make: Asterisk, and sentences that are silence."""
HURRIED = "[Service]\nNice=-5\nIOSchedulingClass=best-effort"
"""Who yields to the others would take minutes to start on a machine full of tests."""
NO_VOICE = "IVR_SPEECH__VOICE=edge\nIVR_SPEECH__EDGE_PROXY=http://127.0.0.1:9\n"
"""The sentences are there; new ones would take an hour."""
PATIENT = "IVR_PATIENCE__FAILURES=9\nIVR_PATIENCE__FIRST_KEY_SECONDS=60\n"
"""Whoever is on the line during an upgrade says nothing, on a full machine for minutes."""
BROUGHT = ("prompts", "catalog", "probe")
"""A silent beep is an empty file, nobody built this catalog, and a trial call hears silence."""


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published set whose sentences are silence of the right length."""
    folder = tmp_path_factory.mktemp("silent") / "audio"
    lengths = {clip.path: clip.seconds for clip in text_set(folder).clips.values()}
    for path, seconds in lengths.items():
        Path(f"{path}.alaw").write_bytes(b"\xd5" * round(seconds * 8000))
    return folder


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port() for name in ("SIP", "ARI", "HTTP", "CONSOLE", "ALARMS")}


@pytest.fixture(scope="module")
def machine(
    tmp_path_factory: pytest.TempPathFactory, silent: Path, ports: dict[str, int]
) -> Iterator[Machine]:
    if reason := why_not():
        pytest.skip(reason)
    scratch = tmp_path_factory.mktemp("machine")
    script = _DISK.format(
        scratch=scratch, place=PLACE, project=PROJECT, python=sys.base_prefix,
        asterisk=CACHE / "asterisk-root", pages=CACHE / "pages", silent=silent,
        cache=installation.CACHE / "ivr-12329", audio=installation.AUDIO, hurried=HURRIED,
    )  # fmt: skip
    own = Machine(scratch / "root")
    try:
        subprocess.run(["sh", "-c", script], check=True)
        (own.root / "etc" / "ivr" / "environment").write_text(_environment(ports))
        own.boot()
        yield own
    finally:
        own.off()
        subprocess.run(["umount", "--recursive", str(scratch)], check=False)


def _environment(ports: dict[str, int]) -> str:
    named = {"CONSOLE": "CONSOLE__PORT", "ALARMS": "ALARMS__PORT"}
    lines = (f"IVR_{named.get(n, n + '_PORT')}={port}\n" for n, port in ports.items())
    return "".join(lines) + NO_VOICE + PATIENT


@pytest.fixture(scope="module")
def installed(machine: Machine, ports: dict[str, int]) -> Machine:
    """By the command of the page."""
    machine.run(IVR, "service", "install")
    make_demo(machine.root / str(installation.HOME / "accounts.sqlite").lstrip("/"))
    accounts = str(installation.HOME / "accounts.sqlite")
    machine.run("chown", "-R", f"{installation.USER}:", str(installation.AUDIO), PAGES, accounts)
    _until(lambda: _healthy(ports["HTTP"]), "the line is healthy")
    return machine


# --- what an operator sees, in the order of a machine's life -----------------------------------


def test_its_units_run_in_their_order(installed: Machine) -> None:
    assert installed.run("ivr", "line", "status") == "the line is open\n"
    for unit in SERVICES:
        _until(lambda unit=unit: installed.shown(unit, "ActiveState") == "active", unit)
    for timer in set(installation.STARTED) - set(SERVICES):
        assert installed.shown(timer, "ActiveState") == "active"
    for unit in SERVICES:
        _is_confined(installed, unit)


def test_a_call_is_answered_while_all_of_it_is_backed_up(
    installed: Machine, ports: dict[str, int]
) -> None:
    installed.run("sh", "-c", "echo correct horse > /root/phrase")
    with _calling(ports["SIP"]) as call:
        installed.run("ivr", "backup", "/root/b.tar", *PHRASE)
        assert call() == "goes on"
    assert installed.run(*STRANGERS) == ""
    findings = json.loads(installed.tries("ivr", "doctor", "--json").stdout)
    wrong = [each for each in findings if not each["ok"] and each["name"] not in BROUGHT]
    assert wrong == [], wrong


def test_a_killed_service_is_started_again_however_often_and_its_call_goes_on(
    installed: Machine, ports: dict[str, int]
) -> None:
    before = int(installed.shown("ivr-service", "NRestarts"))
    with _calling(ports["SIP"]) as call:
        installed.run("sh", "-c", _KILLED.format(kills=KILLS))
        assert int(installed.shown("ivr-service", "NRestarts")) >= before + KILLS
        _until(lambda: _healthy(ports["HTTP"]), "the line is healthy")
        assert call() == "goes on"


_KILLED = """
for kill in $(seq {kills}); do
  pid=$(systemctl show --value -p MainPID ivr-service)
  systemctl kill -s KILL ivr-service
  for look in $(seq 600); do
    now=$(systemctl show --value -p MainPID ivr-service)
    [ $now = $pid ] || [ $now = 0 ] || break
    sleep 0.1
  done
done
"""
"""Each time it is there."""


def test_the_watchdog_bites_who_hangs_and_the_page_of_the_night_says_who_died_and_how(
    installed: Machine, ports: dict[str, int]
) -> None:
    """Of the programs that are watched the service has the least patience."""
    restarts = int(installed.shown("ivr-service", "NRestarts"))
    installed.run("kill", "-STOP", installed.shown("ivr-service", "MainPID"))
    _until(lambda: int(installed.shown("ivr-service", "NRestarts")) > restarts, "a new service")
    told = installed.run("journalctl", "-u", "ivr-service", "--no-pager", "-o", "cat")
    assert "Watchdog timeout" in told
    _until(lambda: _healthy(ports["HTTP"]), "the line is healthy")
    night = installed.run("ivr", "night", "--from", "2020-01-01", "--to", "2100-01-01")
    assert f"接电话的服务意外结束（signal, killed KILL）（{KILLS} 次" in night
    assert "接电话的服务意外结束（watchdog, killed KILL）" in night


def test_who_has_lost_the_calls_to_another_ends_for_good(
    installed: Machine, ports: dict[str, int]
) -> None:
    _until(lambda: _healthy(ports["HTTP"]), "the line is healthy")
    other = subprocess.Popen(installed.command("ivr", "serve"), stderr=subprocess.DEVNULL)
    try:
        _until(lambda: installed.shown("ivr-service", "ActiveState") == "inactive", "it ends")
        assert installed.shown("ivr-service", "ExecMainStatus") == str(REPLACED)
        assert installed.shown("ivr-service", "Result") == "success"
        installed.run("systemctl", "start", "ivr-service")
        assert other.wait(timeout=WITHIN_SECONDS) == REPLACED
    finally:
        other.kill()
        other.wait()


def test_an_upgrade_restarts_all_but_who_carries_the_calls_and_cuts_none(
    installed: Machine, ports: dict[str, int]
) -> None:
    """Whoever is on the line goes on with the new service: what he keys then is looked up."""
    before = {unit: installed.shown(unit, "MainPID") for unit in SERVICES}
    known = _sessions(installed)
    with _calling(ports["SIP"]) as call:
        _until(lambda: _sessions(installed) > known, "the call is on record")
        (session,) = _sessions(installed) - known
        installed.run(IVR, "service", "upgrade")
        after = {unit: installed.shown(unit, "MainPID") for unit in SERVICES}
        changed = {unit for unit in SERVICES if before[unit] != after[unit]}
        assert changed == set(installation.RESTARTED)
        _until(lambda: _of(installed, session, "SessionResumed") != [], "the new service has it")
        assert call(f"11{PERSON}") == "goes on"
        _until(lambda: _of(installed, session, "LookedUp") != [], "the look-up")
        assert call() == "goes on"
        assert _of(installed, session, "SessionEnded") == []
    assert _healthy(ports["HTTP"])
    journal = installed.run("journalctl", "--no-pager", "-o", "export", "-u", "ivr-*")
    assert "12329 hotline" in journal
    assert PERSON not in journal
    assert PERSON not in installed.run("sh", "-c", "cat /var/lib/ivr/log/* 2>/dev/null || true")


def test_after_a_reboot_the_line_is_back_and_what_was_missed_is_done(
    installed: Machine, ports: dict[str, int]
) -> None:
    stamp = "/var/lib/systemd/timers/stamp-ivr-retention.timer"
    installed.run("touch", "-d", "40 days ago", stamp)
    installed.reboot()
    _until(lambda: _healthy(ports["HTTP"]), "the line is healthy")
    with _calling(ports["SIP"]) as call:
        assert call() == "goes on"
    _until(lambda: _began(installed, "ivr-retention") > 0, "retention is made up for")
    _until(lambda: _began(installed, "ivr-console") > 0, "the console")
    order = [_began(installed, unit) for unit in ("ivr-asterisk", "ivr-service", "ivr-console")]
    assert order == sorted(order)


def test_the_probe_is_called_by_its_timer_and_retention_by_a_command(installed: Machine) -> None:
    _until(lambda: installed.shown("ivr-probe.timer", "LastTriggerUSec") != "", "the timer")
    _until(lambda: "Probed" in _facts(installed), "the timer's trial call")
    installed.run("systemctl", "start", "ivr-retention")
    assert installed.shown("ivr-retention", "Result") == "success"
    assert "ivr-retention.timer" in installed.run("systemctl", "list-timers", "--no-pager")


def test_it_is_restored_only_when_it_stands_and_goes_without_a_trace(installed: Machine) -> None:
    refused = installed.tries("ivr", "restore", "/root/b.tar", *PHRASE)
    assert "正在运行" in refused.stderr
    installed.run("systemctl", "stop", "ivr-*")
    installed.run("ivr", "restore", "/root/b.tar", *PHRASE)
    installed.run("sh", "-c", "ls -d /var/lib/ivr/before-restore-*")
    installed.run("ivr", "accounts", "show", PERSON)
    assert installed.run(*STRANGERS) == ""
    installed.run(IVR, "service", "uninstall")
    assert installed.run("sh", "-c", "ls /etc/systemd/system/ivr* /usr/local/bin/ivr || true") == ""
    assert installed.run("systemctl", "list-units", "--no-legend", "--all", "ivr-*") == ""
    installed.run("test", "-d", "/var/lib/ivr/keys")
    installed.run(IVR, "service", "uninstall", "--purge")
    installed.run("sh", "-c", "! test -e /var/lib/ivr && ! test -e /etc/ivr && ! id ivr")


STRANGERS = ("find", "/var/lib/ivr/", "-xdev", "-not", "-user", installation.USER,
             "-not", "-type", "l")  # fmt: skip
"""What is in the line's home and is not its user's."""


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def _began(machine: Machine, unit: str) -> int:
    """When it was started last, in microseconds since the boot of this kernel; 0: never."""
    return int(machine.shown(unit, "ExecMainStartTimestampMonotonic"))


def _is_confined(machine: Machine, unit: str) -> None:
    """What the unit's lines say is so for the process: no right of root's, none to be had."""
    status = machine.run("cat", f"/proc/{machine.shown(unit, 'MainPID')}/status")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (int(told["CapBnd"], 16), told["NoNewPrivs"], told["Seccomp"]) == (0, "1", "2"), unit


def _facts(machine: Machine) -> str:
    return machine.run("sh", "-c", "cat /var/lib/ivr/spool/facts-*.jsonl")


def _of(machine: Machine, session: str, kind: str) -> list[dict[str, Any]]:
    """What the records have of one call."""
    return [fact for fact in _told(machine, kind) if fact["session"] == session]


def _sessions(machine: Machine) -> set[str]:
    """Calls of others than the line's own caller."""
    begun = {str(fact["session"]) for fact in _told(machine, "SessionStarted")}
    return {session for session in begun if not session.startswith("probe_")}


def _told(machine: Machine, kind: str) -> Iterator[dict[str, Any]]:
    """All of one kind; a line that is being written is read the next time."""
    for line in _facts(machine).splitlines():
        with suppress(ValueError):
            fact = json.loads(line)
            if fact["fact"] == kind:
                yield fact


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except OSError:
        return False


@contextmanager
def _calling(port: int) -> Iterator[Callable[..., str]]:
    """A call that has been taken, and talks on by itself; what is yielded presses keys, if any are
    given, and says how it fares."""
    opened = Phone.open(port, user="guest")

    async def call() -> Phone:
        phone = await opened.__aenter__()
        assert await phone.dial(LINE_NUMBER) == 200
        return phone

    async def state(phone: Phone, keys: str = "") -> str:
        phone.press(keys)
        return "was cut" if phone.ended.is_set() else "goes on"

    async def leave() -> None:
        await opened.__aexit__(None, None, None)

    with _loop() as runs:
        phone = runs(call())
        try:
            yield lambda keys="": runs(state(phone, keys))
        finally:
            runs(leave())


@contextmanager
def _loop() -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """An event loop in a thread of its own; what is yielded runs something there to its end."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(WITHIN_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
