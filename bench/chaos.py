"""Blow after blow at a line that is called without a pause: who was cut off, what was lost.

`python -m bench.chaos [--seconds 3600] [--calls 2] [--seed 1] [--quiet 300] [--keep FOLDER]`, as
root (it mounts a disk of its own): the whole line as `ivr run` keeps it, in a folder of its own, a
trial call every minute, and a chat robot that hears the alarms. First a quiet time, in which
nothing may ring. Then programs are killed and stopped, the disk is full, packets are dropped, the
account database is locked, the clock jumps: the same blows in the same order for the same seed, one
at a time. Ends with 1 when a call was cut off by us, a fact is lost, an alarm did not ring, one
rang in the quiet time, or the page of the night keeps silent about a blow. Beside each alarm stands
how long the line's programs stood ready and waited for a processor, and how much they had of one:
who waits long and had little rings for what others do on this machine.
Needs `make asterisk prompts`; with the package faketime and a C compiler the clock jumps too. A new
FOLDER keeps the story, the night's page, logs and facts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.callers import NUMBERS
from ivr.alarms.messages import BEGINNING, END
from ivr.alarms.table import ALARMS, BY_NAME, SEVERITIES, Alarm
from ivr.config import LINE_NUMBER, PROJECT
from ivr.hours import BEIJING
from ivr.upkeep.supervisor import HUNG_SECONDS, LONGEST_PAUSE_SECONDS
from tests.alarms.test_messages import robot
from tests.live.phone import Phone
from tests.live.test_run import Run

DISK_BYTES = 3_000_000_000
"""Of the line's own disk, in memory; below 1e9 free an alarm rings."""
LONG_SECONDS = 105.0
"""More than an alarm's patience (60 s), a look (15 s) and a message together."""
STOPPED_SECONDS = 12.0
"""Longer than anything may hang unnoticed."""
REST_SECONDS = 25.0
"""After each blow, in which what was broken comes back."""
BACK_SECONDS = 45.0
"""The same for what has died so often that it is started again with pauses."""
LOSS = 0.05
"""Of all packets, both ways; keys are sent in several."""
JUMP_SECONDS = 90.0
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
SLEEP = """
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *rest)
{
    return syscall(SYS_clock_nanosleep, clock, flags, until, rest) == -1 ? errno : 0;
}
"""
"""In front of faketime 0.9.10, whose own fails (EINVAL) for every time.sleep() of Python 3.11."""
SETTLE_SECONDS = 60.0
AGAIN_SECONDS = 0.3
"""What is kept down is looked for so often, and killed."""
LOOK_SECONDS = 10.0


# --- which blows, and when ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that goes wrong, from so many seconds after the beginning and for so long."""

    at: float
    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Kind:
    """How long it lasts, which alarms must ring meanwhile, what the night's page must hold."""

    seconds: float = 0.0
    rings: frozenset[str] = frozenset()
    told: str = ""
    rest: float = REST_SECONDS


KINDS: Mapping[str, Kind] = {
    "kill serve": Kind(told="接电话的服务启动"),
    "kill loader": Kind(told="装载程序意外结束（by SIGKILL）"),
    "kill guard": Kind(told="守护程序意外结束（by SIGKILL）"),
    "kill watch": Kind(told="告警程序意外结束（by SIGKILL）"),
    "kill console": Kind(told="控制台意外结束（by SIGKILL）"),
    "kill asterisk": Kind(told="与 Asterisk 的连接断了"),
    "stop serve": Kind(STOPPED_SECONDS, told="接电话的服务不再回答"),
    "stop loader": Kind(STOPPED_SECONDS, told="装载程序不再回答"),
    "stop guard": Kind(STOPPED_SECONDS, told="守护程序不再回答"),
    "stop watch": Kind(STOPPED_SECONDS, told="告警程序不再回答"),
    "stop asterisk": Kind(4.0),
    "keep serve down": Kind(
        LONG_SECONDS, frozenset({"service_away"}), "接电话的服务不在：开始", BACK_SECONDS
    ),
    "keep asterisk down": Kind(
        LONG_SECONDS, frozenset({"asterisk_away"}), "与 Asterisk 断开：开始", BACK_SECONDS
    ),
    "drop packets": Kind(40.0),
    "full disk": Kind(LONG_SECONDS, frozenset({"disk_low"}), "磁盘快满（home）：开始"),
    "lock accounts": Kind(LONG_SECONDS, frozenset({"accounts_away"}), "账户数据库查不了：开始"),
    "take accounts away": Kind(
        LONG_SECONDS, frozenset({"accounts_away"}), "账户数据库查不了：开始"
    ),
    "clock forward": Kind(20.0),
    "clock back": Kind(20.0),
}


ENDING: Mapping[str, float] = {
    "kill asterisk": 0.0,
    "keep asterisk down": BACK_SECONDS,
    "keep serve down": BACK_SECONDS,
}
"""Blows by which calls end, as the design has it, and for how long after them."""
RETURN_SECONDS = LONGEST_PAUSE_SECONDS + 5.0
"""So soon whoever died is there again: after a pause, and its start on a full machine."""
TURNING_AWAY: Mapping[str, float] = {
    "kill serve": RETURN_SECONDS,
    "stop serve": HUNG_SECONDS + RETURN_SECONDS - STOPPED_SECONDS,
}
"""Blows that end no call in progress; who calls only now may be told by Asterisk or the guardian
that nobody is there, and is in the records as such. For how long after them."""


def plan(seed: int, seconds: float, kinds: Sequence[str]) -> list[Blow]:
    """Every kind once in a round, each round in another order, until the time is over; pure."""
    chance = random.Random(seed)
    blows: list[Blow] = []
    at, rest = 0.0, REST_SECONDS
    while True:
        for kind in chance.sample(sorted(kinds), len(kinds)):
            at += rest + chance.uniform(0, 10)
            lasts, rest = KINDS[kind].seconds, KINDS[kind].rest
            if at + lasts > seconds:
                return blows
            blows.append(Blow(at, kind, lasts))
            at += lasts


# --- how each is struck -------------------------------------------------------------------------


@dataclass
class Network:
    """Between all callers and the line."""

    chance: random.Random
    loss: float = 0.0

    def loses(self) -> bool:
        """Whether this packet is lost."""
        return self.chance.random() < self.loss


@dataclass
class Victim:
    """A line that is run, and what is done to it."""

    line: Run
    network: Network
    clock: Path
    """What faketime reads: an offset to the true time."""

    def blow(self, kind: str) -> AbstractContextManager[None]:
        """Struck when it is entered, and over when it is left."""
        what, _, program = kind.partition(" ")
        if what == "kill":
            return self._killed(program)
        if what == "stop":
            return self._stopped(program)
        if what == "keep":
            return self._kept_down(program.removesuffix(" down"))
        struck: Mapping[str, Callable[[], AbstractContextManager[None]]] = {
            "drop packets": self._lossy,
            "full disk": self._full,
            "lock accounts": self._locked,
            "take accounts away": self._away,
            "clock forward": lambda: self._jumped(JUMP_SECONDS),
            "clock back": lambda: self._jumped(-JUMP_SECONDS),
        }
        return struck[kind]()

    def _pid(self, program: str) -> int:
        if program != "asterisk":
            return self.line.program(program)
        return next(pid for pid in self.line.programs() if b"asterisk.conf" in _command(pid))

    @contextmanager
    def _killed(self, program: str) -> Iterator[None]:
        with suppress(ProcessLookupError):
            os.kill(await_pid(lambda: self._pid(program)), signal.SIGKILL)
        yield

    @contextmanager
    def _kept_down(self, program: str) -> Iterator[None]:
        """However often it is started again."""
        over = threading.Event()

        def kill() -> None:
            while not over.wait(AGAIN_SECONDS):
                with suppress(ProcessLookupError, StopIteration):
                    os.kill(self._pid(program), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        yield
        over.set()
        killer.join()

    @contextmanager
    def _stopped(self, program: str) -> Iterator[None]:
        pid = await_pid(lambda: self._pid(program))
        os.kill(pid, signal.SIGSTOP)
        yield
        with suppress(ProcessLookupError):  # the line's own care has ended it meanwhile
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def _lossy(self) -> Iterator[None]:
        self.network.loss = LOSS
        yield
        self.network.loss = 0.0

    @contextmanager
    def _full(self) -> Iterator[None]:
        filler = self.line.home / "filler"
        with filler.open("wb") as file, suppress(OSError):
            for part in (1 << 24, 1 << 12):
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.tell(), part)
                        file.seek(part, os.SEEK_CUR)
        yield
        filler.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with sqlite3.connect(self.line.home / "accounts.sqlite", isolation_level=None) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")
        other.close()

    @contextmanager
    def _away(self) -> Iterator[None]:
        file = self.line.home / "accounts.sqlite"
        file.rename(file.with_suffix(".away"))
        yield
        file.with_suffix(".away").rename(file)

    @contextmanager
    def _jumped(self, seconds: float) -> Iterator[None]:
        _set_clock(self.clock, seconds)
        yield
        _set_clock(self.clock, 0)


def _set_clock(file: Path, seconds: float) -> None:
    scratch = file.with_suffix(".new")
    scratch.write_text(f"{seconds:+.0f}\n")
    scratch.replace(file)


def await_pid(asked: Callable[[], int]) -> int:
    """Who is just being started again is there in a moment."""
    deadline = time.monotonic() + REST_SECONDS
    while True:
        try:
            return asked()
        except StopIteration:
            assert time.monotonic() < deadline, "a program of the line did not come back"
            time.sleep(AGAIN_SECONDS)


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


# --- who calls meanwhile ------------------------------------------------------------------------


class Caller(Phone):
    """A telephone on a network that may lose packets, of either way and of any kind."""

    network: Network

    def _send_packet(self, packet: bytes) -> None:
        if not self.network.loses():
            super()._send_packet(packet)

    def heard_packet(self, packet: bytes) -> None:
        if not self.network.loses():
            super().heard_packet(packet)

    def _on_sip(self, data: bytes) -> None:
        if not self.network.loses():
            super()._on_sip(data)


@dataclass
class Callers:
    """So many at once, each calling again and again until told to stop."""

    port: int
    network: Network
    chance: random.Random
    outcomes: list[tuple[float, float, str]] = field(default_factory=list)
    """When each was dialled and over (the monotonic clock), and what it came to."""
    over: bool = False

    async def call(self, count: int) -> None:
        await asyncio.gather(*(self._again_and_again() for _ in range(count)))

    async def _again_and_again(self) -> None:
        while not self.over:
            began = time.monotonic()
            what = await self._one_call()
            self.outcomes.append((began, time.monotonic(), what))
            await asyncio.sleep(self.chance.uniform(0.5, 3))

    async def _one_call(self) -> str:
        async with Caller.connected(("127.0.0.1", self.port)) as phone:
            phone.network = self.network
            try:
                status = await phone.dial(LINE_NUMBER, within=20)
            except TimeoutError:
                return "no answer"
            if status != 200:
                return f"answered {status}"
            for keys in self._course():
                phone.press(keys)
                with suppress(TimeoutError):
                    await phone.wait_for_end(within=self.chance.uniform(5, 9))
                    return "cut"
            return "whole" if phone.heard.audio else "silence"

    def _course(self) -> Sequence[str]:
        """Keys, and after each some time to listen; then the caller hangs up."""
        number = self.chance.choice(NUMBERS)
        return self.chance.choice(
            [("1", "1", number, "*", "**"), ("4", "1", "1", "*"), ("", "9", "*"), ("1", "2", "*")]
        )


# --- the whole of it ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """Of one processor, what the line's programs had until then, and how long they waited for it;
    seconds of all their threads within LOOK_SECONDS."""

    at: float
    had: float
    waited: float


@dataclass
class Story:
    """What was seen, by the monotonic clock."""

    quiet_until: float = 0.0
    struck: list[tuple[float, float, str]] = field(default_factory=list)
    rang: list[tuple[float, str]] = field(default_factory=list)
    """When each alarm was told to have begun."""
    over: list[tuple[float, str]] = field(default_factory=list)
    """When each was told to be over."""
    shares: list[Share] = field(default_factory=list)
    night: str = ""
    """The page of what happened."""
    calls: list[tuple[float, float, str]] = field(default_factory=list)


async def run(victim: Victim, chosen: argparse.Namespace, heard: list[Any]) -> Story:
    """Quiet, then the blows, then quiet again; callers all the time."""
    story = Story()
    began = time.monotonic()
    callers = Callers(victim.line.sip_port, victim.network, random.Random(chosen.seed))
    calling = asyncio.create_task(callers.call(chosen.calls))
    async with _beside(_listen(heard, story)), _beside(_weigh(victim.line, story)):
        await asyncio.sleep(chosen.quiet)
        story.quiet_until = time.monotonic()
        for blow in plan(chosen.seed, chosen.seconds, _possible()):
            await asyncio.sleep(max(0.0, story.quiet_until + blow.at - time.monotonic()))
            struck = time.monotonic()
            print(f"{struck - began:7.0f} s  {blow.kind}", flush=True)
            with victim.blow(blow.kind):
                await asyncio.sleep(blow.seconds)
            story.struck.append((struck, time.monotonic(), blow.kind))
        await asyncio.sleep(SETTLE_SECONDS)
    callers.over = True
    await calling
    story.calls = callers.outcomes
    return story


def _possible() -> list[str]:
    return [kind for kind in KINDS if _can_jump() or not kind.startswith("clock")]


def _can_jump() -> bool:
    return FAKETIME.exists() and shutil.which("cc") is not None


async def _listen(heard: list[Any], story: Story) -> None:
    """Note when each alarm was told to have begun, and to be over."""
    while True:
        while heard:
            _, body = heard.pop(0)
            told = body["text"]["content"]
            now = time.monotonic()
            for alarm in ALARMS:
                if _head(BEGINNING, alarm) in told:
                    story.rang.append((now, alarm.name))
                if _head(END, alarm) in told:
                    story.over.append((now, alarm.name))
        await asyncio.sleep(0.2)


async def _weigh(line: Run, story: Story) -> None:
    """Note what the line has of the processors."""
    before = _schedules(line)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = await asyncio.to_thread(_schedules, line)
        grown = [
            (had - before[thread][0], waited - before[thread][1])
            for thread, (had, waited) in now.items()
            if thread in before
        ]
        had, waited = (sum(each[part] for each in grown) / 1e9 for part in (0, 1))
        story.shares.append(Share(time.monotonic(), had, waited))
        before = now


def _schedules(line: Run) -> dict[str, tuple[int, int]]:
    """What each thread has had and has waited for, in nanoseconds since it began."""
    found = {}
    for pid in line.programs():
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                had, waited, _ = map(int, file.read_text().split())
                found[str(file)] = had, waited
    return found


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that goes on meanwhile."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()


def _head(what: str, alarm: Alarm) -> str:
    return f"{what} · {SEVERITIES[alarm.severity]} · {alarm.title}"


# --- what came of it ----------------------------------------------------------------------------


def faults(story: Story, records: Mapping[str, int]) -> list[str]:
    """Every promise that was broken, in words."""
    ended = [call for call in story.calls if call[2] == "cut" and not _by_a_blow(call, story)]
    turned_away = [call for call in ended if _was_turned_away(call, story)]
    cut = len(ended) - min(len(turned_away), records["away"])
    answered = sum(call[2] in {"whole", "cut", "silence"} for call in story.calls)
    found = [f"{cut} calls were cut off"] if cut else []
    if records["begun"] + records["away"] < answered:
        found.append(f"{answered} calls were answered, {records} are in the records")
    if records["begun"] != records["ended"]:
        found.append(f"{records['begun']} sessions begun, {records['ended']} ended")
    if records["loaded"] != records["begun"]:
        found.append(f"{records['begun']} sessions in the spool, {records['loaded']} loaded")
    found += [
        f"{name} rang in the quiet time ({beside(story, at)})"
        for at, name in story.rang
        if at < story.quiet_until
    ]
    found += [
        f"the night's page is silent about {kind}"
        for kind in dict.fromkeys(kind for _, _, kind in story.struck)
        if KINDS[kind].told not in story.night
    ]
    return [*found, *_silent(story)]


def beside(story: Story, at: float) -> str:
    """What the line had of the processors until an alarm rang, in words."""
    near = [each for each in story.shares if at - LONG_SECONDS < each.at <= at]
    had, waited = sum(each.had for each in near), sum(each.waited for each in near)
    span = LOOK_SECONDS * len(near) or 1
    return f"had {had / span:.0%} of a processor, waited {waited / span:.0%} of the time"


def _silent(story: Story) -> Iterator[str]:
    for began, ended, kind in story.struck:
        wanted = KINDS[kind].rings
        rang = {
            name
            for at, name in story.rang
            if at <= ended + KINDS[kind].rest
            and _over(at, name, story) >= began + BY_NAME[name].seconds
        }
        if wanted - rang:
            yield f"{kind}: {sorted(wanted - rang)} did not ring, but {sorted(rang)}"


def _over(began: float, name: str, story: Story) -> float:
    """When an alarm that began then was told to be over. Of two blows soon after each other it
    tells once, and rings on."""
    return min((at for at, over in story.over if over == name and at > began), default=float("inf"))


def _by_a_blow(call: tuple[float, float, str], story: Story) -> bool:
    """Who talks by an Asterisk that is killed is cut off by whoever kills it; who calls while the
    service is kept down hears so, and that nobody else is there."""
    return any(
        call[0] <= ended + ENDING[kind] and struck <= call[1]
        for struck, ended, kind in story.struck
        if kind in ENDING
    )


def _was_turned_away(call: tuple[float, float, str], story: Story) -> bool:
    """Who calls while the service starts again; nobody who talked when it was struck."""
    return any(
        struck <= call[0] <= ended + TURNING_AWAY[kind]
        for struck, ended, kind in story.struck
        if kind in TURNING_AWAY
    )


def _records(line: Run) -> dict[str, int]:
    """What is written of callers, in the spool and in what analysts see, once the line stands."""
    counted: Counter[str] = Counter()
    served, away = set(), set()
    for page in (line.home / "spool").glob("*.jsonl"):
        for written in page.read_bytes().splitlines():
            with suppress(
                ValueError
            ):  # torn by a kill: what it began to say is missing, and counted
                fact = json.loads(written)
                counted[fact["fact"]] += not str(fact.get("session", "")).startswith("probe_")
                if fact["fact"] == "SessionStarted":
                    served.add(fact["channel"])
                if fact["fact"] == "Carried" and fact["away"]:
                    away.add(fact["channel"])
    _ivr(line, "loader", "--once")
    told = _ivr(line, "sql", "--format", "csv", "SELECT count(*) FROM call_session")
    return {
        "begun": counted["SessionStarted"],
        "ended": counted["SessionEnded"],
        "away": len(away - served),
        "loaded": int(told.split()[-1]),
    }


def _ivr(line: Run, *words: str) -> str:
    environment = {
        name: value for name, value in line.environment.items() if "FAKETIME" not in name
    }
    environment.pop("LD_PRELOAD", None)
    asked = [sys.executable, "-m", "ivr.cli", *words]
    return subprocess.run(
        asked, env=environment, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--quiet", type=float, default=300.0)
    parser.add_argument("--calls", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder")
    chosen = parser.parse_args()
    began = datetime.now(BEIJING)
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        robot({"errcode": 0}) as (url, heard),
        _disk(Path(folder) / "home") as home,
    ):
        with _line(home, url) as victim:
            story = asyncio.run(run(victim, chosen, heard))
        since = began.strftime("%Y-%m-%d %H:%M")
        story.night = _ivr(victim.line, "night", "--from", since, "--to", _soon())
        if chosen.keep is not None:
            _keep(victim.line, story, chosen.keep)
        records = _records(victim.line)
    _tell(story, records)
    sys.exit(bool(faults(story, records)))


def _soon() -> str:
    return datetime.fromtimestamp(time.time() + 2 * JUMP_SECONDS, BEIJING).strftime(
        "%Y-%m-%d %H:%M"
    )


def _keep(line: Run, story: Story, folder: Path) -> None:
    """For whoever asks afterwards why."""
    for part in ("log", "spool"):
        shutil.copytree(line.home / part, folder / part)
    (folder / "story.json").write_text(json.dumps(asdict(story), ensure_ascii=False))
    (folder / "night.txt").write_text(story.night)
    (folder / "run.out").write_text(line.told())


def _tell(story: Story, records: Mapping[str, int]) -> None:
    print(story.night)
    print("SUMMARY")
    print(f"calls: {dict(Counter(what for _, _, what in story.calls))}; in the records: {records}")
    print(f"blows: {dict(Counter(kind for _, _, kind in story.struck))}")
    print(f"rang: {dict(Counter(name for _, name in story.rang))}")
    began = story.quiet_until
    for at, name in story.rang:
        print(f"  {at - began:+7.0f} s  {name}: {beside(story, at)}")
    told = faults(story, records)
    print(
        "\n".join(told) or "no call was cut off by us, no fact lost, every alarm rang in its time"
    )


@contextmanager
def _disk(home: Path) -> Iterator[Path]:
    home.mkdir()
    options = f"size={DISK_BYTES},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(home)], check=True)
    try:
        yield home
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def _faked(clock: Path) -> dict[str, str]:
    """The environment of programs whose clock is this file's."""
    slept = clock.with_name("sleep.so")
    cc = ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(slept), "-"]
    subprocess.run(cc, input=SLEEP, text=True, check=True)
    return {"LD_PRELOAD": f"{slept}:{FAKETIME}", "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1"}  # fmt: skip


@contextmanager
def _line(home: Path, robot_url: str) -> Iterator[Victim]:
    """`ivr run`, with no limit that these callers would meet."""
    clock = home.parent / "clock"
    _set_clock(clock, 0)
    hooks = [{"kind": "wecom", "url": robot_url}]
    limits = dict.fromkeys(
        ("lookups_per_person", "lookups_per_minute", "ids_of_unknown_callers", "calls"), 1_000_000
    )
    line = Run(
        home,
        IVR_ALARMS=json.dumps({"webhooks": hooks}),
        IVR_LIMITS=json.dumps(limits),
        IVR_PROBE=json.dumps({"every_seconds": 60}),
        terminal=None,
        **(_faked(clock) if _can_jump() else {}),
    )
    try:
        line.until(lambda: "Ctrl-C" in line.told(), within=300)
        yield Victim(line, Network(random.Random(0)), clock)
    finally:
        line.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            line.process.wait(60)
        line.process.kill()
        line.process.wait()
        line.until(lambda: not line.programs())


if __name__ == "__main__":
    main()
