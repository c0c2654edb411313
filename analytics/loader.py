"""Spool files into the private database: rows and place in the file in one transaction."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from analytics.publish import publish
from analytics.store import FactsFolder, fact_columns, open_store

log = logging.getLogger(__name__)

PERIOD_SECONDS = 2.0
REST = 2.0
"""The loader rests this many times as long as it worked, and leaves the machine to the calls."""
MOST_BYTES = 32_000_000
"""Of one file in one transaction; bounds memory, and what is done again after a crash."""

_LOAD = (Path(__file__).resolve().parent / "load.sql").read_text()
_COLUMNS = ", ".join(f"'{name}': '{kind}'" for name, kind in fact_columns().items())
_INCOMING = f"""
CREATE OR REPLACE TEMP TABLE incoming AS SELECT * RENAME ("at" AS happened)
FROM read_json(?, format = 'newline_delimited', columns = {{{_COLUMNS}}}, ignore_errors = true)
WHERE id IS NOT NULL
"""  # noqa: S608  the names of our own fields


class AlreadyLoading(Exception):
    """Another loader works on the same facts."""


class Loader:
    """One pass after another over the spools; `load` reads what is new, `publish` shows it."""

    def __init__(self, folder: FactsFolder) -> None:
        self._folder = folder
        self._store = open_store(folder.private)
        self._unpublished = True

    def load(self) -> int:
        """Read what the spools have gained until now; the number of lines that were read.

        What is written meanwhile is left for the next pass: a busy line never stops writing.
        """
        lines = 0
        for path in sorted(self._folder.spool.glob("facts-*.jsonl")):
            end = path.stat().st_size
            while read := self._load_part(path, end):
                lines += read
        return lines

    def publish(self) -> bool:
        """Show analysts what was loaded since the last time; whether there was anything."""
        if not self._unpublished and self._folder.published.exists():
            return False
        publish(self._store, self._folder.private, self._folder.published)
        self._unpublished = False
        return True

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def _load_part(self, path: Path, end: int) -> int:
        """The next whole lines of one file before `end`; 0 when there are none."""
        begin = self._bytes_read(path.name)
        if end <= begin:
            return 0
        content = _whole_lines(path, begin, min(end - begin, MOST_BYTES))
        if not content:
            return 0
        part = self._folder.private.with_name("incoming.jsonl")
        part.write_bytes(content)
        try:
            self._take(part, path.name, begin + len(content))
        finally:
            part.unlink()
        return content.count(b"\n")

    def _take(self, part: Path, name: str, end: int) -> None:
        self._store.begin()
        try:
            self._store.execute(_INCOMING, [str(part)])
            self._store.execute(_LOAD)
            self._store.execute("INSERT OR REPLACE INTO spool VALUES (?, ?)", [name, end])
            self._store.commit()
        except duckdb.Error:
            self._store.rollback()
            raise
        self._unpublished = True

    def _bytes_read(self, name: str) -> int:
        row = self._store.execute("SELECT bytes_read FROM spool WHERE name = ?", [name]).fetchone()
        return int(row[0]) if row else 0


def run(folder: FactsFolder, *, once: bool = False, stop: threading.Event | None = None) -> None:
    """Load and publish until told to stop; raises AlreadyLoading when another loader does.

    A full disk or the like is told and tried again: the spools keep what is not loaded yet.
    """
    stop = stop or threading.Event()
    with _alone(folder.lock):
        loader = Loader(folder)
        try:
            if once:
                loader.load()
                loader.publish()
                return
            while not stop.is_set():
                began = time.monotonic()
                loader = _pass(loader, folder)
                stop.wait(max(PERIOD_SECONDS, REST * (time.monotonic() - began)))
            _pass(loader, folder)
        finally:
            loader.close()


def _pass(loader: Loader, folder: FactsFolder) -> Loader:
    """One round; after a fault of the database the loader to go on with, opened anew."""
    try:
        lines = loader.load()
        if loader.publish():
            log.info("published, with %d new facts", lines)
    except duckdb.Error as fault:
        log.error("facts are not loaded, and tried again: %s", fault)  # noqa: TRY400  the database's own words say it
        loader.close()
        return Loader(folder)
    except OSError as fault:
        log.error("facts are not published, and tried again: %s", fault)  # noqa: TRY400  as above
    return loader


def _whole_lines(path: Path, begin: int, most: int) -> bytes:
    """Up to the last end of a line: what follows is being written, or was torn by a crash."""
    with path.open("rb") as file:
        file.seek(begin)
        content = file.read(most)
    return content[: content.rfind(b"\n") + 1]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold the lock, which the system releases however this process ends."""
    lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyLoading(f"another loader holds {lock}; one is enough") from None
    try:
        yield
    finally:
        os.close(descriptor)
