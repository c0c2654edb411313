"""What a node decided by itself while the database was away, until the database has it.

It is on disk soon after it happened, so that a service which ends meanwhile loses nothing. What is
kept here may be carried out twice by whoever delivers it: each has an id, and counts once.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

from ivr.records.durable import append, write

log = logging.getLogger(__name__)

MOST_AT_ONCE = 500


class Outbox:
    """The items of one kind, in the order in which they came. Each is JSON, and names tokens only.

    Each service has a file of its own in `folder`, and takes over those that others have left: one
    that is still there delivers its own too, which does no harm.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / f"{os.getpid()}-{uuid4().hex[:8]}.jsonl"
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._left = tuple(sorted(folder.glob("*.jsonl")))
        self._waiting: list[Any] = [item for file in self._left for item in _read(file)]
        if self._waiting:
            log.info("%d things are kept for shared state", len(self._waiting))
            self._writer.submit(self._rewrite, list(self._waiting))

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, item: Any) -> None:
        """Remember it, without letting anybody wait."""
        self._waiting.append(item)
        self._writer.submit(self._append, item)

    def first(self) -> list[Any]:
        """The oldest ones, to be delivered."""
        return self._waiting[:MOST_AT_ONCE]

    def delivered(self, count: int) -> None:
        """So many of the oldest are in the database."""
        del self._waiting[:count]
        self._writer.submit(self._rewrite, list(self._waiting))

    def close(self) -> None:
        """Until everything is written."""
        self._writer.shutdown()

    def _append(self, item: Any) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            append(self._file, _line(item))
        except OSError as full:
            log.warning("what was decided alone is in memory only: %s", full.strerror)

    def _rewrite(self, waiting: list[Any]) -> None:
        try:
            if waiting:
                write(self._file, b"".join(map(_line, waiting)), mode=0o600)
            else:
                self._file.unlink(missing_ok=True)
            for file in self._left:
                file.unlink(missing_ok=True)
        except OSError as full:
            log.warning("what is delivered will be delivered again: %s", full.strerror)


def _read(file: Path) -> Iterator[Any]:
    try:
        content = file.read_bytes()
    except OSError:
        return
    for line in content.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # torn by a power cut


def _line(item: Any) -> bytes:
    return json.dumps(item, ensure_ascii=False).encode() + b"\n"
