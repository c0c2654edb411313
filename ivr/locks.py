"""Locks that outlive the service: one JSON line each, on disk soon after they are set."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ivr.limits import Lock


class LockFile:
    """The locks of this line at `path`; they name tokens, and nothing else of anybody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="locks")

    def read(self, now: float) -> tuple[Lock, ...]:
        """Those that still hold; what is over is taken out of the file."""
        held = tuple(lock for lock in self._all() if lock.until > now)
        scratch = self._path.with_suffix(".new")
        scratch.unlink(missing_ok=True)
        _append(scratch, b"".join(map(_line, held)))
        scratch.replace(self._path)
        return held

    def keep(self, lock: Lock) -> None:
        """Write it down, without letting anybody wait."""
        self._writer.submit(_append, self._path, _line(lock))

    def close(self) -> None:
        """Until everything is written."""
        self._writer.shutdown()

    def _all(self) -> list[Lock]:
        if not self._path.exists():
            return []
        locks = []
        for line in self._path.read_bytes().splitlines():
            try:
                key, until = json.loads(line)
                locks.append(Lock(str(key), float(until)))
            except (ValueError, TypeError):
                continue  # torn by a power cut: the lock was being set at that moment
        return locks


def _line(lock: Lock) -> bytes:
    return json.dumps([lock.key, lock.until]).encode() + b"\n"


def _append(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
