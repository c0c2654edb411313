"""Who may write just now."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr.records.holding import hold


class Busy(Exception):
    """Another process writes here just now."""


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends; Busy if it is not to wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if wait:
            fcntl.flock(file, fcntl.LOCK_EX)
        elif not hold(file):
            raise Busy(f"another build works in {path.parent} just now; wait for its end")
        yield
