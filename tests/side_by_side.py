"""Several pytests at once: `python -m tests.side_by_side --calls RUN … --others RUN …`.

Each argument is one pytest, what it prints is shown when it ends; at the end stands how long each
took, and how long a processor. Tests that call wait for sentences that are spoken in real time and
hardly need a processor, the others need nothing else: they fill what the calls leave, at the lowest
priority, so that a call finds its processor as if it were alone. So many calls as asked are made at
once, and more while they leave the processors idle or to the others (`tests.turns`). Programs that
are no pytest (what looks at types) stand in line with the others, before them.

One program has imported everything; each pytest is a fork of it, as are the services and commands
that tests start (`tests.forks`).

What they write lies in memory where there is room: half of their time was the disk's.

What failed beside calls is tried once more when nothing else runs: a call in real time that met
others on two cores, or what stood still behind them, says less about the line than one that has
the machine to itself. What passes only then is named at the end, so that nobody takes it for a test
that never fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from tests import forks
from tests.turns import Turns

TESTS_FAILED = 1
"""pytest's exit code; every higher one is a fault that no second try mends."""
LAST = 19
"""So nice that it runs when nobody else wants to."""
PATIENCE = ("-o", "timeout=900")
"""Seconds that one test may take there; what runs last may stand still for minutes."""
LONGEST = 45 * 60
"""Seconds of one pytest; what takes longer stands still, and has to say where it does."""
IN_MEMORY = Path("/dev/shm")
ROOM = 6 * 2**30
"""Bytes; a run leaves some hundred million, until it ends."""
MORE = 2
"""So many times as many calls at once as asked for, where processors have nothing to do."""
WIDTH = 120
FAULT_WIDTH = 400
"""Characters: what failed and the beginning of why."""
LAST_LINES = 6
"""Of a program that is no pytest, or of one that came to no test."""
SHOWN = 12
"""So many runs, the longest, stand in the table at the end; and those that took most processor."""


class Kind(Enum):
    """What is run."""

    CALLS = auto()
    """A pytest whose tests call."""
    OTHERS = auto()
    """A pytest of other tests."""
    PROGRAM = auto()


@dataclass(frozen=True, slots=True)
class Run:
    """One pytest with its arguments, or a program; and a folder of its own."""

    arguments: tuple[str, ...]
    folder: Path
    kind: Kind

    def ended(self, *more: str) -> Ended:
        """Run it, show what it printed, and say what became of it."""
        written = self.folder / "written"
        written.mkdir(parents=True)
        began = time.monotonic()
        environment = {**os.environ, "TMPDIR": str(written)}
        code, busy, printed = self._ran(more, environment)
        shutil.rmtree(written, ignore_errors=True)
        print(printed, end="", flush=True)
        return Ended(self, code, time.monotonic() - began, busy, printed)

    def again(self) -> Ended:
        """Only what has failed; where it calls all of it, for each call finds what those before it
        have left: an agent who is signed in, a line that was closed.
        """
        only = ("--last-failed", "--last-failed-no-failures=none")
        return self.ended(*(() if self.kind is Kind.CALLS else only))

    def _ran(self, more: Sequence[str], environment: dict[str, str]) -> tuple[int, float, str]:
        """Its exit code, its seconds of processor and what it printed."""
        if self.kind is Kind.PROGRAM:
            return _program(["nice", "-n", str(LAST), *self.arguments], environment)
        printed = self.folder / "printed"
        words = ["pytest", "-o", f"cache_dir={self.folder / 'failed'}", *more]
        calls = self.kind is Kind.CALLS
        patience = () if calls else PATIENCE
        with printed.open("wb") as file:
            out = file.fileno()
            pytest = forks.start(
                *(*words, *patience, *self.arguments),
                env=environment,
                stdout=out,
                stderr=out,
                nice=0 if calls else LAST,
            )
        code = _exit_code(_waited(pytest))
        return code, pytest.busy, printed.read_text(encoding="utf-8", errors="replace")


def _waited(pytest: forks.Forked) -> int:
    """The end of a pytest; one that stands still prints where (its faulthandler) and is ended."""
    try:
        return pytest.wait(LONGEST)
    except subprocess.TimeoutExpired:
        pytest.send_signal(signal.SIGABRT)
    try:
        return pytest.wait(forks.SECONDS)
    except subprocess.TimeoutExpired:
        pytest.kill()
        return pytest.wait()


def _exit_code(ended: int) -> int:
    """As a shell has it: of a signal more than any other, so that it is the worst of all."""
    return ended if ended >= 0 else 128 - ended


def _program(words: list[str], environment: dict[str, str]) -> tuple[int, float, str]:
    """The same of a program that is no pytest; what it did not wait for is not counted."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as program:
        printed = program.stdout.read() if program.stdout else ""
        _, status, used = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    return _exit_code(program.returncode), used.ru_utime + used.ru_stime, printed


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a run."""

    run: Run
    code: int
    seconds: float
    busy: float
    """Seconds of processor."""
    printed: str

    def faults(self) -> list[str]:
        """Pytest's own lines of what failed, or the last ones where there are none."""
        lines = self.printed.splitlines()
        named = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
        return [line[:FAULT_WIDTH] for line in named or lines[-LAST_LINES:]]


def main(given: Sequence[str]) -> int:
    """Exit code 0 when every test has passed; beside calls it may do so at its second try."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", nargs="*", default=[], metavar="RUN")
    parser.add_argument("--calls-jobs", type=int, default=4)
    parser.add_argument("--others", nargs="*", default=[], metavar="RUN")
    parser.add_argument("--others-jobs", type=int, default=2)
    parser.add_argument("--programs", nargs="*", default=[], metavar="COMMAND")
    parser.add_argument("--mark", default="", help="which of the others' tests; all of them")
    asked = parser.parse_args(given)
    marked = ("-m", asked.mark) if asked.mark else ()
    forks.address()  # before threads ask for it
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        Path(folder).chmod(0o755)  # tests act as other users too

        def runs(kind: Kind, words: Sequence[str], *first: str) -> list[Run]:
            named = ((*first, *run.split()) for run in words)
            return [
                Run(each, Path(folder, f"{kind.name}-{n}"), kind) for n, each in enumerate(named)
            ]

        calls = runs(Kind.CALLS, asked.calls)
        others = runs(Kind.PROGRAM, asked.programs) + runs(Kind.OTHERS, asked.others, *marked)
        ended = _all_at_once(
            (calls, Turns(asked.calls_jobs, MORE * asked.calls_jobs)),
            (others, Turns(asked.others_jobs, asked.others_jobs)),
        )
        print(_table(ended), flush=True)
        failed = [each.run for each in ended if each.code == TESTS_FAILED]
        if calls and max(each.code for each in ended) == TESTS_FAILED:
            ended = _alone(failed)
    return _verdict(ended)


def _memory() -> Path | None:
    """Where a folder is in memory, for programs too and with room for all; None: there is none."""
    if not os.access(IN_MEMORY, os.W_OK):
        return None
    found = os.statvfs(IN_MEMORY)
    fits = found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC
    return IN_MEMORY if fits else None


def _all_at_once(*queues: tuple[Sequence[Run], Turns]) -> list[Ended]:
    """Every queue by its turns, side by side; each begins in the order given."""

    def ended(run: Run, turns: Turns) -> Ended:
        with turns.taken():
            return run.ended()

    pools = [ThreadPoolExecutor(turns.most) for _, turns in queues]
    running: list[Future[Ended]] = [
        pool.submit(ended, run, turns)
        for pool, (runs, turns) in zip(pools, queues, strict=True)
        for run in runs
    ]
    try:
        return [each.result() for each in running]
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def _table(ended: Sequence[Ended]) -> str:
    longest = sorted(ended, key=lambda each: -each.seconds)[:SHOWN]
    busiest = sorted(ended, key=lambda each: -each.busy)[:SHOWN]
    rows = (
        f"  {each.seconds:6.1f} s {each.busy:6.1f} s  {' '.join(each.run.arguments)[:WIDTH]}"
        for each in dict.fromkeys((*longest, *busiest))
    )
    total = f"  {'all':>8} {sum(each.busy for each in ended):6.1f} s"
    return "\n".join(("\n=== what took longest, and its processor ===", *rows, total))


def _alone(failed: Sequence[Run]) -> list[Ended]:
    print(f"\n=== what failed in {len(failed)} runs, once more and alone ===", flush=True)
    again = [run.again() for run in failed]
    passed = [argument for each in again if each.code == 0 for argument in each.run.arguments]
    if passed:
        print(f"\n=== failed beside others and passed alone, in: {' '.join(passed)} ===")
    return again


def _verdict(ended: Sequence[Ended]) -> int:
    """Name at the very end what failed, where a reader of a long output looks; the exit code."""
    faults = [fault for each in ended if each.code for fault in each.faults()]
    if faults:
        print("\n=== what failed ===", *faults, sep="\n", flush=True)
    return max(each.code for each in ended)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
