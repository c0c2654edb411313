"""Callers without a pause on a whole line: none fails, memory stays flat, nothing is left open.

`python -m bench.soak [--seconds 1800] [--calls N]`: a real Asterisk and service in a folder of
their own, and callers who ask for balances, listen to texts, press wrong keys and hang up. How
many at once: as many as take 60 % of this machine, callers included, found by measuring the
processor time of a few. Needs `make asterisk prompts`. Ends with 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression

from ivr.accounts.demo import make_demo
from ivr.ari.client import Ari
from ivr.asterisk import locate, process
from ivr.config import Settings
from tests.live.conftest import free_port
from tests.live.phone import Phone

SHARE = 0.6
TRIAL_CALLS = 8
TRIAL_SECONDS = 25.0
CALLS_PER_PROCESS = 20
"""A telephone in Python sends and hears a hundred packets a second: one process bears so many."""
LOOK_SECONDS = 5.0
WARM_MINUTES, WARM_SHARE = 11.0, 0.5
"""In which memory may grow: the limits remember ten minutes of look-ups. Of a short run, half."""
MOST_TRIES = 5
PRESSED_AGAIN = "ended, pressed again"
SERVED = ("ended", PRESSED_AGAIN)
NUMBERS = ("990101199001010019", "990102200012120127", "990203197811071111", "11010519491231002*")


# --- callers ----------------------------------------------------------------------------------


async def _balance(phone: Phone) -> None:
    phone.press("11" + random.choice(NUMBERS))
    await asyncio.sleep(18)
    phone.press("**7")


async def _text(phone: Phone) -> None:
    phone.press("411")
    await asyncio.sleep(random.uniform(5, 20))
    phone.press("***7")


async def _wrong_keys(phone: Phone) -> None:
    phone.press("9")
    await asyncio.sleep(12)
    phone.press("7")


async def _patient(phone: Phone) -> None:
    await asyncio.sleep(12)
    phone.press("7")


async def _hangs_up(phone: Phone) -> None:
    phone.press(random.choice(["", "1", "11", "11990101", "42", "6"]))
    await asyncio.sleep(random.uniform(0, 15))
    await phone.hang_up()


WAYS = (_balance, _balance, _text, _wrong_keys, _patient, _hangs_up)


async def _end(phone: Phone) -> int:
    """Until the line has hung up; a key that a busy machine has spoilt is pressed again."""
    for tries in range(1, MOST_TRIES + 1):
        try:
            await phone.wait_for_end(within=15)
        except TimeoutError:
            phone.press("**")  # one clears what was typed of a number, the next goes up
            await asyncio.sleep(4)
            phone.press("7")
        else:
            return tries
    raise TimeoutError


async def _one_call(port: int) -> str:
    """What a call came to: "ended" as it should have, or what was wrong."""
    async with Phone.open(port) as phone:
        try:
            status = await phone.dial("12329")
            if status != 200:
                return f"answered {status}"
            await asyncio.sleep(random.uniform(1, 3))
            way = random.choice(WAYS)
            await way(phone)
            tries = await _end(phone)
        except TimeoutError:
            return "no end"
        if not phone.heard.audio and way is not _hangs_up:
            return "silence"
        return "ended" if tries == 1 else PRESSED_AGAIN


async def _calls(port: int, calls: int, seconds: float) -> Counter[str]:
    """So many callers at once, each calling again and again."""
    until, outcomes = time.monotonic() + seconds, Counter[str]()

    async def again_and_again() -> None:
        await asyncio.sleep(random.uniform(0, 10))
        while time.monotonic() < until:
            outcomes[await _one_call(port)] += 1

    await asyncio.gather(*(again_and_again() for _ in range(calls)))
    return outcomes


# --- the line ---------------------------------------------------------------------------------


@dataclass
class Running:
    """A line under load, and what is measured of it."""

    settings: Settings
    programs: dict[str, subprocess.Popen[bytes]]
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Minutes since the beginning and resident megabytes, by program."""

    def processor_seconds(self) -> float:
        ours = [*self.programs.values()]
        own = os.times()
        return (
            sum(_processor_seconds(each.pid) for each in ours)
            + own.children_user
            + (own.children_system)
        )

    def look(self, minutes: float) -> None:
        for name, program in self.programs.items():
            self.memory.setdefault(name, []).append((minutes, _megabytes(program.pid)))

    def metric(self, name: str) -> float:
        url = f"http://127.0.0.1:{self.settings.http_port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise LookupError(name)

    def files(self) -> dict[str, int]:
        return {
            name: len(list(Path(f"/proc/{program.pid}/fd").iterdir()))
            for name, program in self.programs.items()
        }


@contextmanager
def _line(home: Path) -> Iterator[Running]:
    ports = {name: free_port() for name in ("sip_port", "ari_port", "http_port")}
    settings = Settings(home=home, sip_host="127.0.0.1", **ports)  # type: ignore[arg-type]
    limits = dict.fromkeys(
        ("LOOKUPS_PER_PERSON", "LOOKUPS_PER_MINUTE", "IDS_OF_UNKNOWN_CALLERS", "CALLS"), "1000000"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
        **{f"IVR_{name.upper()}": str(value) for name, value in ports.items()},
        **{f"IVR_LIMITS__{name}": value for name, value in limits.items()},
        "IVR_HOME": str(home),
        "IVR_SIP_HOST": "127.0.0.1",
    }
    make_demo(home / "accounts.sqlite")
    asterisk = process.start(settings, locate.install())
    try:
        process.wait_until_ready(settings, asterisk)
        with (home / "service.out").open("wb") as output:
            service = subprocess.Popen(
                [sys.executable, "-m", "ivr.cli", "serve"],
                env=environment,
                stdout=output,
                stderr=output,
            )
        try:
            running = Running(settings, {"asterisk": asterisk, "service": service})
            _wait_for(running)
            yield running
        finally:
            service.send_signal(signal.SIGINT)
            service.wait()
    finally:
        process.stop(asterisk)


def _wait_for(running: Running) -> None:
    for _ in range(100):
        time.sleep(0.2)
        try:
            if running.metric("ivr_ari_link"):
                return
        except OSError:
            continue
    raise SystemExit((running.settings.home / "service.out").read_text())


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- the soak ---------------------------------------------------------------------------------


def _load(running: Running, calls: int, seconds: float) -> Counter[str]:
    """Callers in processes of their own, while memory is looked at."""
    shares = [CALLS_PER_PROCESS] * (calls // CALLS_PER_PROCESS)
    shares += [calls % CALLS_PER_PROCESS] if calls % CALLS_PER_PROCESS else []
    command = [sys.executable, "-m", "bench.soak", "--seconds", str(seconds)]
    port = ["--port", str(running.settings.sip_port)]
    callers = [
        subprocess.Popen([*command, *port, "--calls", str(share)], stdout=subprocess.PIPE)
        for share in shares
    ]
    began = time.monotonic()
    while any(each.poll() is None for each in callers):
        running.look((time.monotonic() - began) / 60)
        time.sleep(LOOK_SECONDS)
    outcomes = Counter[str]()
    for each in callers:
        outcomes.update(json.loads(each.communicate()[0]))
    return outcomes


def _calls_for_share(running: Running) -> int:
    """How many calls at once take `SHARE` of this machine, their callers included."""
    before, began = running.processor_seconds(), time.monotonic()
    _load(running, TRIAL_CALLS, TRIAL_SECONDS)
    used = (running.processor_seconds() - before) / (time.monotonic() - began)
    running.memory.clear()
    return max(1, int(SHARE * (os.cpu_count() or 1) / (used / TRIAL_CALLS)))


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Kilobytes a minute, once warm."""
    begins = min(WARM_MINUTES, WARM_SHARE * points[-1][0])
    warm = [point for point in points if point[0] >= begins]
    slope, _ = linear_regression([at for at, _ in warm], [size for _, size in warm])
    return slope * 1000


async def _left_open(settings: Settings) -> list[str]:
    async with Ari(settings.ari_base, settings.ari_user, settings.ari_secret()) as ari:
        channels = [f"channel {each.id}" for each in await ari.channels.list()]
        return channels + [f"bridge {each.id}" for each in await ari.bridges.list()]


def _sessions(home: Path) -> Counter[str]:
    """Beginnings and endings in the records."""
    counted = Counter[str]()
    for spool in (home / "spool").glob("*.jsonl"):
        for line in spool.read_text(encoding="utf-8").splitlines():
            fact = json.loads(line)
            if fact["fact"] in {"SessionStarted", "SessionEnded"}:
                counted[fact.get("disposition", "started")] += 1
    return counted


def _soak(home: Path, seconds: float, calls: int | None) -> list[str]:
    """What was broken; prints what was measured."""
    with _line(home) as running:
        idle_files = running.files()
        calls = calls or _calls_for_share(running)
        print(f"calls at once: {calls}, for {seconds / 60:.0f} minutes", flush=True)
        before, began = running.processor_seconds(), time.monotonic()
        outcomes = _load(running, calls, seconds)
        used = (running.processor_seconds() - before) / (time.monotonic() - began)
        time.sleep(12)  # connections that are kept open close by themselves
        left = asyncio.run(_left_open(running.settings))
        tasks, files = running.metric("ivr_tasks"), running.files()
        broken = running.metric("ivr_prompts_broken_total")
        slopes = {name: _slope(points) for name, points in running.memory.items()}
        for name, points in running.memory.items():
            print(f"memory of {name}: {points[-1][1]:.0f} MB, {slopes[name]:+.1f} kB/min")
    sessions = _sessions(home)
    print(f"processor: {used:.2f} of {os.cpu_count()} cores, callers included")
    print(f"calls: {outcomes.total()}, {dict(outcomes)}; in the records: {dict(sessions)}")
    print(f"left open: {left or 'nothing'}; tasks: {tasks:.0f}; files: {idle_files} -> {files}")
    started = sessions.pop("started")
    faults = [f"{count} calls: {what}" for what, count in outcomes.items() if what not in SERVED]
    faults += [f"{sessions[what]} sessions {what}" for what in ("failed",) if sessions[what]]
    faults += [f"{started} begun, {sessions.total()} ended"] if started != sessions.total() else []
    faults += [f"{broken:.0f} prompts that Asterisk could not play"] if broken else []
    return faults + left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.port is not None:
        print(json.dumps(asyncio.run(_calls(chosen.port, chosen.calls, chosen.seconds))))
        return
    with tempfile.TemporaryDirectory() as home:
        faults = _soak(Path(home), chosen.seconds, chosen.calls)
    print("\n".join(faults) or "every call was served, and nothing is left")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
