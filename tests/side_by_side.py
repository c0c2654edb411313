"""Several pytests at once: `python -m tests.side_by_side --jobs 4 --mark live FILE [FILE …]`.

Each argument is one pytest, what it prints is shown when it ends. With `--again`, tests that failed
are tried once more when nothing else runs: a call in real time that met four others on two cores
says less about the line than one that has the machine to itself. What passes only then is named
at the end, so that nobody takes it for a test that never fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TESTS_FAILED = 1
"""pytest's exit code; every higher one is a fault that no second try mends."""


@dataclass(frozen=True, slots=True)
class Run:
    """One pytest: its arguments, and the folder in which it notes what failed."""

    arguments: tuple[str, ...]
    notes: Path

    def code(self, mark: str, *more: str) -> int:
        """Run it, show what it printed, and return its exit code."""
        noted = f"cache_dir={self.notes}"
        command = [sys.executable, "-m", "pytest", "-m", mark, "-o", noted, *more, *self.arguments]
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        print(ended.stdout, end="", flush=True)
        return ended.returncode


def main(given: Sequence[str]) -> int:
    """Exit code 0 when every test has passed, at the first or, where asked for, second try."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--mark", required=True)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("runs", nargs="+")
    asked = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as folder:
        runs = [Run(tuple(run.split()), Path(folder, str(n))) for n, run in enumerate(asked.runs)]
        with ThreadPoolExecutor(asked.jobs) as pool:
            codes = list(pool.map(lambda run: run.code(asked.mark), runs))
        ended = list(zip(runs, codes, strict=True))
        failed = [run for run, code in ended if code == TESTS_FAILED]
        if asked.again and failed and max(codes) == TESTS_FAILED:
            return _alone(failed, asked.mark)
    return max(codes)


def _alone(failed: Sequence[Run], mark: str) -> int:
    print(f"\n=== what failed in {len(failed)} runs, once more and alone ===", flush=True)
    codes = [run.code(mark, "--last-failed", "--last-failed-no-failures=none") for run in failed]
    if max(codes) == 0:
        files = " ".join(argument for run in failed for argument in run.arguments)
        print(f"=== failed beside others and passed alone, in: {files} ===", flush=True)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
