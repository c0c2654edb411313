"""The console full of people beside a line full of callers: does either wait for the other?

`python -m bench.console_load [--calls 100] [--people 50] [--seconds 20] [--rounds 2]`

In turn, round after round: the callers alone, then the same callers while everybody has the live
page open (its stream and all that it asks for by itself) and opens another page every few seconds.
Printed: from the release of a key to the first frame of the next prompt, without and with people;
and how long the console took to answer. Needs `make asterisk prompts`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import aiohttp
from argon2 import PasswordHasher

from analytics.loading.loader import run
from analytics.loading.store import FactsFolder
from bench.versus import Load, Site, Tally, measure, site
from console.rights import Role
from console.users import Users
from ivr.accounts import passwords
from ivr.config import PROJECT
from ivr.people.sensitive import Sensitive
from tests.analytics.day import twenty_calls
from tests.analytics.spool import lines, spool_file
from tests.live.conftest import free_port

PASSWORD = "correct horse battery"
WANTED_MS = 200.0
BY_ITSELF = {"/alarms": 15.0, "/duty/today": 60.0, "/duty/parts": 60.0}
"""What the live page asks for, and every how many seconds (console/templates/duty.html.j2)."""
OPENED = ("/duty", "/calls", "/cases", "/night", "/duty")
CLICK_SECONDS = (2.0, 8.0)


@dataclass
class People:
    """Everybody who has signed in, in a thread of their own."""

    address: str
    names: Sequence[str]
    ms: dict[str, list[float]] = field(default_factory=dict)
    news: int = 0
    faults: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _there: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Once all of them have signed in, until the block ends."""
        working = threading.Thread(target=lambda: asyncio.run(self._all()))
        working.start()
        for _ in self.names:
            if not self._there.acquire(timeout=120):
                raise TimeoutError(self.faults)
        self.ms.clear()  # to sign in takes its time by intention (argon2)
        try:
            yield
        finally:
            self._over.set()
            working.join()

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(name) for name in self.names))

    async def _one(self, name: str) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        patience = aiohttp.ClientTimeout(total=None, sock_read=60)
        origin = {"Origin": self.address}
        async with aiohttp.ClientSession(
            self.address, cookie_jar=jar, timeout=patience, headers=origin
        ) as browser:
            form = {"name": name, "password": PASSWORD}
            async with browser.post("/sign-in", data=form, allow_redirects=False) as answer:
                if answer.status != 303:
                    self.faults.append(f"sign-in: {answer.status}")
            await self._asked(browser, "/duty")
            self._there.release()
            doing = [self._watches(browser), self._clicks(browser)]
            doing += [self._again(browser, *each) for each in BY_ITSELF.items()]
            tasks = [asyncio.create_task(each) for each in doing]
            while not self._over.is_set():  # noqa: ASYNC110  another thread's
                await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watches(self, browser: aiohttp.ClientSession) -> None:
        async with browser.get("/duty/live") as stream:
            async for line in stream.content:
                self.news += line.startswith(b"data:")

    async def _again(self, browser: aiohttp.ClientSession, path: str, seconds: float) -> None:
        while True:
            await self._asked(browser, path)
            await asyncio.sleep(seconds)

    async def _clicks(self, browser: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(random.uniform(*CLICK_SECONDS))
            await self._asked(browser, random.choice(OPENED))

    async def _asked(self, browser: aiohttp.ClientSession, path: str) -> None:
        began = time.perf_counter()
        async with browser.get(path, allow_redirects=False) as answer:
            await answer.read()
            if answer.status != 200:
                self.faults.append(f"{path}: {answer.status}")
        self.ms.setdefault(path, []).append((time.perf_counter() - began) * 1000)


@contextmanager
def console(place: Site, port: int) -> Iterator[str]:
    """`ivr console` beside the line, as a program of its own; its address."""
    home = place.running.settings.home
    address = f"http://127.0.0.1:{port}"
    with (home / "console.out").open("ab") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "ivr.cli", "console"],
            env=place.running.live.env,
            cwd=PROJECT,
            stdout=log,
            stderr=log,
        )
    try:
        while not _lives(address):
            if program.poll() is not None:
                sys.exit((home / "console.out").read_text())
            time.sleep(0.2)
        yield address
    finally:
        program.terminate()
        program.wait(120)


def _lives(address: str) -> bool:
    with suppress(OSError):
        return bool(urllib.request.urlopen(f"{address}/livez", timeout=2).status == 200)
    return False


def _furnish(home: Path, names: Sequence[str]) -> None:
    """Users who are leaders, and a day's published calls to report of.

    Their passwords are hashed at a hundredth of the work: nobody measures how long that takes.
    """
    passwords._HASHER = PasswordHasher(1, 8, 1)
    users = Users(home)
    for name in names:
        users.add(name, frozenset({Role.LEADER}))
        users.choose_password(name, Sensitive(PASSWORD))
    spool_file(home).write_bytes(lines(twenty_calls()))
    run(FactsFolder(home), once=True)


def _told(name: str, ms: Sequence[float]) -> str:
    if len(ms) < 2:
        return f"{name}: {len(ms)} answers"
    cuts = quantiles(ms, n=100)
    most = f"median {median(ms):.1f} ms, 95 % {cuts[94]:.1f} ms, 99 % {cuts[98]:.1f} ms"
    return f"{name}: {most} ({len(ms)})"


def main() -> None:
    """Print key to voice without and with people, and the console's answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    names = [f"leader{n}" for n in range(chosen.people)]
    load = Load(chosen.calls, chosen.seconds, "menus")
    alone, beside, answers, news = Tally(), Tally(), dict[str, list[float]](), 0
    port = free_port()
    with site(console={"port": port}) as place:
        _furnish(place.running.settings.home, names)
        with console(place, port) as address:
            for _ in range(chosen.rounds):
                measure(place, "service", alone, load)
                people = People(address, names)
                with people.at_work():
                    measure(place, "service", beside, load)
                news += people.news
                for path, ms in people.ms.items():
                    answers.setdefault(path, []).extend(ms)
                for fault in sorted(set(people.faults)):
                    print(f"the console: {fault}")
    print(f"load {os.getloadavg()[0]:.1f}; {chosen.calls} calls, {chosen.people} people")
    for tally, told in ((alone, "key to voice alone"), (beside, "key to voice with people")):
        print(_told(told, [each for spent in tally.ms.values() for each in spent]))
        for failures in tally.failures:
            print(f"  {failures}")
    for path, ms in sorted(answers.items()):
        print(_told(f"  {path}", ms))
    every = [each for ms in answers.values() for each in ms]
    print(_told("the console answers", every))
    print(f"news on the live page: {news / max(1, chosen.people * chosen.rounds):.0f} for each")
    if every and median(every) > WANTED_MS:
        sys.exit(f"more than {WANTED_MS:g} ms")


if __name__ == "__main__":
    main()
