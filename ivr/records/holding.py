"""Whose a file is just now: a lock that the kernel takes from a process when it ends, anyhow."""

from __future__ import annotations

import fcntl
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
