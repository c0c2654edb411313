"""`ivr loader`: spools into the private database, closed days into Parquet, a snapshot for all."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import duckdb

from analytics.answering.asking import CannotAnswer
from analytics.loading import listing
from analytics.loading.closing import HOT_DAYS, ClosedDays
from analytics.loading.horizon import first_days, kept_from
from analytics.loading.intake import Reader
from analytics.loading.publish import publish
from analytics.loading.spools import KEEP, oldest_open, retire
from analytics.loading.store import FactsFolder, is_damage, open_store, passes, read_all, shrink
from ivr.hours import BEIJING
from ivr.records.holding import hold

log = logging.getLogger(__name__)

PERIOD_SECONDS = 2.0
REST = 2.0
"""The loader rests this many times as long as it worked, and leaves the machine to the calls."""
PATIENCE_SECONDS = 600.0
"""No step of a pass takes so long; one that does hangs, and the loader is started anew."""
TIDY_SECONDS = 600.0
"""How often it looks for closed days, and for files that nobody needs any more."""
CHECK_EVERY = timedelta(days=1)
"""How often every table is read whole; each start does it too."""
LARGE_BLOCKS = 32
"""Eight megabytes: a smaller file is copied in no time, however little is in it."""
MOST_HOT_ROWS = 2_000_000
"""Steps in the database; when history is loaded, its days are filed on the way."""


class AlreadyLoading(Exception):
    """Another loader works on the same facts."""


class Loading(Protocol):
    """Where facts go: a file for this machine's analysts, or the lake of many machines."""

    @property
    def period(self) -> float:
        """Seconds between two passes."""

    def load(self) -> int:
        """Read what the spools have gained until now; the number of lines that were read."""

    def publish(self) -> bool:
        """Show analysts what was loaded since the last time; whether there was anything."""

    def tidy(self, now: datetime) -> Iterator[None]:
        """Put in order what has grown, remove what nobody needs any more; in short steps."""

    def close(self) -> None:
        """Let go of the database."""


class Loader:
    """Facts of one machine: a private database, Parquet, and a snapshot for analysts."""

    def __init__(self, folder: FactsFolder, *, give_up: bool = False) -> None:
        """`give_up`: files that are not there are noted as lost, and not waited for."""
        self._folder = folder
        self._unpublished = True
        self._open(give_up=give_up)

    @property
    def period(self) -> float:
        """Seconds between two passes."""
        return PERIOD_SECONDS

    def load(self) -> int:
        """Read what the spools have gained until now; the number of lines that were read."""
        lines = 0
        for read in self._reader.parts():
            lines += read
            self._unpublished = True
            self._file_history()
        return lines

    def publish(self) -> bool:
        """Show analysts what was loaded since the last time; whether there was anything."""
        if not self._unpublished and self._folder.published.exists():
            return False
        publish(self._store, self._folder.private, self._folder.published)
        self._unpublished = False
        return True

    def tidy(self, now: datetime) -> Iterator[None]:
        """File closed days, set apart what nobody needs any more, give disk space back.

        A file of closed days that turns out to be damaged is left out, and the next time goes on.
        """
        try:
            yield from self._put_in_order(now)
        except duckdb.Error as fault:
            if passes(fault) or not self._check_closed_days(now, every=True):
                raise

    def _put_in_order(self, now: datetime) -> Iterator[None]:
        if now - self._checked >= CHECK_EVERY:
            self._check(now)
            yield
        filed = False
        for _ in self._closed_days.close_days(last_closed(now)):
            self._unpublished = filed = True
            yield
        if filed:
            self._shrink()
            yield
        horizon = kept_from(self._folder)
        if horizon is not None and self._closed_days.drop(first_days(horizon)):
            self._unpublished = True
        if self._closed_days.take_back():
            self._unpublished = True
        self._closed_days.sweep(now)
        before = min(now - KEEP, oldest_open(self._store))
        retire(self._store, self._folder.spool, before, now=now)

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def _open(self, *, give_up: bool = False) -> None:
        self._store = open_store(self._folder)
        self._checked = datetime.now(UTC)
        self._closed_days = ClosedDays(self._store, self._folder.parquet)
        try:
            if give_up:
                listing.give_up(self._store, self._folder.parquet)
            self._closed_days.open(self._checked)
        except BaseException:
            self.close()
            raise
        scratch = self._folder.private.with_name("incoming.jsonl")
        kept = partial(kept_from, self._folder)
        self._reader = Reader(self._store, self._folder.spool, scratch, kept)

    def _check(self, now: datetime) -> None:
        """Find today what rotted; a damaged database is then opened anew, and repaired."""
        read_all(self._store)
        self._check_closed_days(now)
        self._checked = now

    def _check_closed_days(self, now: datetime, *, every: bool = False) -> int:
        """How many of their files are lost: what was published names them still."""
        lost = self._closed_days.check(now, every=every)
        self._unpublished |= lost > 0
        return lost

    def _file_history(self) -> None:
        """While much history is loaded, file its days on the way; today's line never comes here."""
        ((steps,),) = self._store.execute("SELECT count(*) FROM hot.call_step").fetchall()
        if steps > MOST_HOT_ROWS:
            ((newest,),) = self._store.execute("SELECT getvariable('newest')").fetchall()
            until = last_closed(min(newest.replace(tzinfo=UTC), datetime.now(UTC)))
            for _ in self._closed_days.close_days(until):
                pass

    def _shrink(self) -> None:
        """Copying for analysts takes as long as the file is large: give back what days left."""
        self._store.execute("CHECKPOINT")
        ((blocks, unused),) = self._store.execute(
            "SELECT total_blocks, free_blocks FROM pragma_database_size()"
        ).fetchall()
        if unused > blocks / 2 and blocks > LARGE_BLOCKS:
            self.close()
            self._unpublished = True  # analysts copy it too
            try:
                shrink(self._folder)
            finally:
                self._open()


def last_closed(now: datetime) -> date:
    """The newest day of Beijing time that leaves the database."""
    return now.astimezone(BEIJING).date() - timedelta(days=HOT_DAYS)


def run(
    folder: FactsFolder,
    *,
    once: bool = False,
    stop: threading.Event | None = None,
    opened: Callable[[FactsFolder], Loading] = Loader,
    moved: Callable[[], None] = lambda: None,
) -> None:
    """Load and publish until told to stop; raises AlreadyLoading when another loader does.

    `moved` is called as the work gets on: who calls it no more hangs.
    A full disk, a volume that is not mounted and the like are told and tried again: the spools keep
    what is not loaded yet. `once` raises them: CannotAnswer says what to do.
    """
    stop = stop or threading.Event()
    with _alone(folder.lock):
        if once:
            with closing(opened(folder)) as loading:
                _once(loading, moved)
            return
        told, done = "", False
        while not done:
            try:
                _keep_loading(opened(folder), stop, moved)
                done = True
            except (duckdb.Error, OSError, CannotAnswer) as fault:
                if str(fault) != told:
                    log.error("facts are not loaded, and tried again: %s", fault)  # noqa: TRY400  the database's own words say it
                told = str(fault)
                moved()
                done = stop.wait(PERIOD_SECONDS)


def _once(loading: Loading, moved: Callable[[], None]) -> None:
    _pass(loading, moved)
    for _ in loading.tidy(datetime.now(UTC)):
        moved()
    loading.publish()


def _keep_loading(loading: Loading, stop: threading.Event, moved: Callable[[], None]) -> None:
    """Pass after pass until told to stop, and one more then; a step of tidying after each."""
    with closing(loading):
        tidying: Iterator[None] | None = None
        due, told = 0.0, False
        while not told:
            told = stop.is_set()
            began = time.monotonic()
            try:
                _pass(loading, moved)
            except OSError as fault:
                log.error("facts are not published, and tried again: %s", fault)  # noqa: TRY400  its own words say it
            if tidying is None and began >= due:
                tidying, due = loading.tidy(datetime.now(UTC)), began + TIDY_SECONDS
            if tidying is not None and not _goes_on(tidying):
                tidying = None
            _rest(stop, max(loading.period, REST * (time.monotonic() - began)), moved)


def _rest(stop: threading.Event, seconds: float, moved: Callable[[], None]) -> None:
    """Wait, however long the work was, without being taken for hung."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop.wait(min(left, PERIOD_SECONDS)):
        moved()


def _goes_on(tidying: Iterator[None]) -> bool:
    """One step; whether there are more. What fails is told, and does not keep facts from analysts.

    Damage is no matter of tidying: whoever opens the database repairs it.
    """
    try:
        return next(tidying, tidying) is None
    except (duckdb.Error, OSError, CannotAnswer) as fault:
        if isinstance(fault, duckdb.Error) and is_damage(fault):
            raise
        log.error("not put in order, and tried again later: %s", fault)  # noqa: TRY400  its own words say it
        return False


def _pass(loading: Loading, moved: Callable[[], None]) -> None:
    moved()
    lines = loading.load()
    moved()
    if loading.publish():
        log.info("published, with %d new facts", lines)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold the lock, which the system releases however this process ends."""
    lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if not hold(descriptor):
            raise AlreadyLoading(f"another loader holds {lock}; one is enough")
        yield
    finally:
        os.close(descriptor)
