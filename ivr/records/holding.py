"""Whose a file is just now: a lock that the kernel takes from a process when it ends, anyhow."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any


def hold(file: int | IO[Any]) -> bool:
    """Whether it is ours from now on; False, at once, while somebody else holds it.

    Ours until the file is closed: by its descriptor, or with this process.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Nobody else is in such a block of the same file meanwhile, in any program; blocks."""
    with open(lock, "ab", opener=partial(os.open, mode=0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
