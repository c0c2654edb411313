"""What a first `make run` or `make test` finds missing is made, the slow steps side by side.

The machine's own Python runs this before there is an environment: the standard library is enough.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ivr.asterisk import locate, packages

Say = Callable[[str], None]

PACKAGES = "系统软件包 · system packages"
PYTHON = "Python 软件包 · Python packages"
TOOLS = "测试用的 Python 软件包 · the tests' Python packages"
ASTERISK = "Asterisk"
SPEECH = "语音 · prompts"
PAGES = "网页用的库 · what the pages load"
SERVERS = "测试用的浏览器和服务器 · the tests' browser and servers"
_SERVERS = ("browser", "servers")
"""What the Makefile calls them."""
_IVR = Path(".venv/bin/ivr")
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM")
_LAST_WORDS = 5
_DRAWN_SECONDS = 0.2


class StepFailed(Exception):
    """A step came to nothing; its last words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be made ready; it begins when those that it names are done."""

    name: str
    work: Callable[[Say], None]
    after: tuple[str, ...] = ()
    """Names of steps; one that is not to be done is waited for by nobody."""
    needed: bool = True
    """Without the others nobody can be answered."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a step."""

    name: str
    seconds: float
    failed: str = ""
    """Why, in words; empty when all went well."""
    needed: bool = True


# --- what is to be done -----------------------------------------------------------------------


def todo(make: str, *, tests: bool) -> list[Step]:
    """The steps that this machine needs; none where a start finds everything."""
    environment = "tools" if tests else "setup"
    fresh = subprocess.run([make, "-q", environment], check=False).returncode == 0  # noqa: S603
    found = locate.find() is not None
    if fresh and found:
        return []
    absent = [*_venv(), *([] if found else locate.missing_packages())]
    steps = [Step(PACKAGES, lambda say: packages.need(absent, say))] if absent else []
    if not fresh:
        steps.append(Step(PYTHON, _command(make, "-s", "setup"), (PACKAGES,)))
    if tests and not fresh:  # the prompts need nothing of it, and are made meanwhile
        steps.append(Step(TOOLS, _command(make, "-s", "tools"), (PYTHON,)))
    if not found:
        steps.append(Step(ASTERISK, _asterisk, (PACKAGES,)))
    if tests:
        steps.append(Step(SERVERS, _command(make, "-s", *_SERVERS), (PACKAGES,)))
    speak = (str(_IVR), "build-prompts", "--if-none", "--why", "make")
    pages = Step(PAGES, _command(make, "-s", "pages"), (PYTHON, TOOLS), needed=tests)
    return [*steps, Step(SPEECH, _command(*speak), (PYTHON,)), pages]


def _venv() -> list[str]:
    """Debian keeps a part of Python's own library in a package of its own."""
    return [] if find_spec("ensurepip") and find_spec("venv") else ["python3-venv"]


def _asterisk(say: Say) -> None:
    try:
        locate.install(say)
    except locate.AsteriskUnavailable as unavailable:
        raise StepFailed(str(unavailable)) from unavailable


def _command(*words: str) -> Callable[[Say], None]:
    """A program as a step: what it prints is said, and explains a failure."""

    def work(say: Say) -> None:
        told: list[str] = []
        with subprocess.Popen(  # noqa: S603
            [*_ENDS_WITH_US, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as program:
            for line in program.stdout or ():
                told.append(line.strip())
                say(line.strip())
        if program.returncode:
            raise StepFailed("\n".join(told[-_LAST_WORDS:]) or f"{words[0]}: {program.returncode}")

    return work


# --- doing it ---------------------------------------------------------------------------------


def side_by_side(steps: Sequence[Step], screen: Screen) -> list[Done]:
    """Do all of them, each as soon as it can be; what waits for a failed one is not begun."""
    running: dict[str, Future[Done]] = {}
    with ThreadPoolExecutor(max(1, len(steps))) as pool:
        for step in steps:
            before = [running[name] for name in step.after if name in running]
            running[step.name] = pool.submit(_done, step, before, screen)
        while wait(running.values(), timeout=_DRAWN_SECONDS).not_done:
            screen.draw()
    return [each.result() for each in running.values()]


def _done(step: Step, before: Sequence[Future[Done]], screen: Screen) -> Done:
    if any(each.result().failed for each in before):
        return Done(step.name, 0.0, "没有开始 · not begun", step.needed)
    screen.begun(step.name)
    began = time.monotonic()
    failed = ""
    try:
        step.work(lambda line: screen.said(step.name, line))
    except (StepFailed, packages.PackagesMissing, OSError) as why:
        failed = str(why)
    done = Done(step.name, time.monotonic() - began, failed, step.needed)
    screen.done(done)
    return done


# --- what is seen of it -----------------------------------------------------------------------


class Screen:
    """Plain lines, for a log or a pipe: each step's begin, words and end."""

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def begun(self, name: str) -> None:
        """A step begins."""
        self._line(f"{name} …")

    def said(self, name: str, line: str) -> None:
        """A step tells how far it is."""
        self._line(f"{name}: {line}")

    def done(self, done: Done) -> None:
        """A step has ended."""
        self._line(
            f"{done.name}: {'没有成功 · failed, ' if done.failed else ''}{done.seconds:.1f} s"
        )

    def draw(self) -> None:
        """Now and then while steps are at work; a log needs nothing."""

    def _line(self, text: str) -> None:
        with self._turn:
            print(text, flush=True)


class Terminal(Screen):
    """The steps at work in one line that is drawn again and again, with their seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._began: dict[str, float] = {}
        self._words: dict[str, str] = {}

    def begun(self, name: str) -> None:
        """It has a place in the line now."""
        self._began[name] = time.monotonic()

    def said(self, name: str, line: str) -> None:
        """Its last words are shown with it."""
        self._words[name] = line

    def done(self, done: Done) -> None:
        """It leaves the line for one of its own."""
        self._began.pop(done.name, None)
        super().done(done)

    def draw(self) -> None:
        """The line as it is now, cut to the terminal's width."""
        at = time.monotonic()
        parts = [
            f"{name.split(' · ')[0]} {at - began:.0f} s {self._words.get(name, '')}".strip()
            for name, began in list(self._began.items())
        ]
        with self._turn:
            print(f"\r\x1b[K{_cut(' | '.join(parts))}", end="", flush=True)

    def _line(self, text: str) -> None:
        super()._line(f"\r\x1b[K{text}")


def _cut(text: str) -> str:
    """What fits into one line of the terminal; a Chinese character takes two columns."""
    room = shutil.get_terminal_size().columns - 1
    for at, character in enumerate(text):
        room -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if room < 0:
            return text[:at]
    return text


def table(all_done: Sequence[Done], seconds: float) -> Iterator[str]:
    """What took how long, and together."""
    yield f"准备好了，共 {seconds:.1f} s · ready; the steps, some of them side by side:"
    yield from (f"  {done.seconds:6.1f} s  {done.name}" for done in all_done)


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 with each failed step's last words where something could not be made."""
    parser = argparse.ArgumentParser(prog="python -m ivr.upkeep.preparing", description=__doc__)
    parser.add_argument("make", help="the program that makes the environment")
    parser.add_argument("--tests", action="store_true", help="also what only tests need")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    steps = todo(asked.make, tests=asked.tests)
    if not steps:
        return 0
    all_done = side_by_side(steps, Terminal() if sys.stdout.isatty() else Screen())
    failed = [done for done in all_done if done.failed]
    for done in failed:
        print(f"{done.name}: {done.failed}", file=sys.stderr)
    if any(done.needed for done in failed):
        return 1
    print(*table(all_done, time.monotonic() - began), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
