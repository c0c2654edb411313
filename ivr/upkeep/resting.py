"""Whether a line's programs are at rest: each holds a lock that ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ivr.records.holding import hold

LOCKS = {
    "run.lock": "ivr run",
    "serving.lock": "ivr-service",
    "facts/loader.lock": "ivr-loader",
}


class StillRunning(Exception):
    """A program works in this home folder; says which."""


@contextmanager
def at_rest(home: Path) -> Iterator[None]:
    """Nobody starts meanwhile; StillRunning where somebody works already."""
    with ExitStack() as held:
        for name, program in LOCKS.items():
            path = home / name
            if not path.exists():
                continue
            lock = held.enter_context(path.open("a"))
            if not hold(lock):
                raise StillRunning(
                    f"{program} 正在运行：先停下（systemctl stop 'ivr-*'，或 Ctrl-C）"
                    f" · {program} runs: stop the line first"
                )
        yield
