"""Locks that outlive the service: one JSON line each, on disk soon after they are set."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ivr.limits.limits import Lock
from ivr.records.durable import append, write

log = logging.getLogger(__name__)


class LockFile:
    """The locks of this line at `path`; they name tokens, and nothing else of anybody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="locks")

    def read(self, now: float) -> tuple[Lock, ...]:
        """Those that still hold; what is over is taken out of the file, if there is room to."""
        held = tuple(lock for lock in self._all() if lock.until > now)
        try:
            write(self._path, b"".join(map(_line, held)), mode=0o600)
        except OSError as full:
            log.warning("the file of locks stays as it is: %s", full.strerror)
        return held

    def keep(self, lock: Lock) -> None:
        """Write it down, without letting anybody wait."""
        self._writer.submit(self._write, lock)

    def close(self) -> None:
        """Until everything is written."""
        self._writer.shutdown()

    def _write(self, lock: Lock) -> None:
        try:
            append(self._path, _line(lock))
        except OSError as full:
            log.warning("a lock will not outlive this service: %s", full.strerror)
        except Exception:  # nobody reads what becomes of it
            log.exception("a lock will not outlive this service")

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
