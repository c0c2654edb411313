"""Facts, one JSON line each, on disk before anyone counts on them (design, analytics).

A call notes a fact and goes on: a thread of the journal's writes what has gathered and calls
fdatasync once for all of it; then it lets facts gather for a moment, unless somebody waits for one.
Each start writes a file of its own, so no two ever share one; a new day begins another, so that
old files can be put away.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from ivr import fast
from ivr.records.durable import sync
from ivr.records.facts import Fact
from ivr.records.queued import Queued

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.1
"""What a death of this program may cost of facts that nobody was promised; a caller presses a key
a second at most, and a slow disk takes as long for one fdatasync."""
MOST_WAITING = 200_000
"""Facts kept in memory while the disk is full; beyond that the oldest are given up, and told."""
HORIZON_SECONDS = 86_400.0
"""A session without an end may stand in files that were written so long before the newest."""
OPERATORS = "-operator"
ASTERISKS = "-asterisk"
PROBES = "-probe"
"""These end the names of files that no service wrote: Asterisk's dialplan, and trial calls."""
NOT_OF_A_SERVICE = (OPERATORS, ASTERISKS, PROBES)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock; passed in, so that tests have theirs."""
    return datetime.now(UTC)


class Unsettled(Exception):
    """The disk has a fact and does not say that it is safe: it may be written yet, or never."""


@dataclass(slots=True, eq=False)
class _Line:
    """A fact on its way to the disk."""

    content: bytes
    is_kept: bool = False
    """Somebody is promised it, and may withdraw it."""
    is_handed: bool = False
    """Some of it is on the page, or goes there just now."""
    is_withdrawn: bool = False
    is_given_up: bool = False
    """Too many waited behind it: it is never written, and nobody may be promised it."""


class Journal:
    """The records of one running service; `note` from the event loop, the disk from a thread."""

    def __init__(self, folder: Path, node: str, clock: Clock) -> None:
        self.folder = folder
        self._node = node
        self._clock = clock
        self._names = _names()
        self.path: Path | None = None
        """Of the page that is written now."""
        self._page: IO[bytes] | None = None
        self._day: date | None = None
        self._waiting: deque[_Line] = deque()
        self._in_hand = 0
        """So many the thread has taken and not yet written."""
        self._given_up = 0
        self._promises: list[Future[None]] = []
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        """Something is to be written."""
        self._hurry = threading.Condition(self._lock)
        """Somebody waits for it."""
        self._closing = False
        self._fault: str | None = None
        self._turn_page()
        self._thread = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, folder: Path, *, node: str, clock: Clock = utc_now) -> Journal:
        """A new spool file in `folder`, readable by this user only.

        On a full disk there is none yet: facts wait in memory, and `fault` says so.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(folder, node, clock)

    @property
    def fault(self) -> str | None:
        """What keeps facts from the disk, for the operator; None while all is well."""
        if self._fault is not None and self._given_up:
            return f"{self._fault}; {self._given_up} facts were given up, the oldest that waited"
        return self._fault

    @property
    def waiting(self) -> int:
        """Facts that are not yet on disk: a few, and only while the disk is well."""
        with self._lock:
            return len(self._waiting) + self._in_hand

    def note(self, fact: Fact) -> None:
        """Take a fact; never waits. Its id, its time and its node are added here."""
        self._take(fact)

    async def keep(self, *facts: Fact, within: float | None = None) -> None:
        """Take facts that somebody is promised; back when they would survive a power cut.

        After `within` seconds they are withdrawn and never written (OSError), unless the disk has
        some of them by then (Unsettled). OSError too when they were given up.
        """
        lines = [self._take(fact, is_kept=True) for fact in facts]
        try:
            async with asyncio.timeout(within):
                await self._settled(lines)
        except TimeoutError:
            if self._withdrawn(lines):
                raise OSError("the disk is too slow") from None
            raise Unsettled from None

    async def settled(self) -> None:
        """Return when all that waits now would survive a power cut; OSError if some never will."""
        with self._lock:
            lines = tuple(self._waiting)
        await self._settled(lines)

    async def _settled(self, lines: Sequence[_Line]) -> None:
        promise: Future[None] = Future()
        with self._lock:
            self._promises.append(promise)
            self._hurry_up()
        await asyncio.wrap_future(promise)
        if any(line.is_given_up for line in lines):
            raise OSError("too many facts wait for the disk")

    async def close(self) -> None:
        """Write what is left, and end."""
        with self._lock:
            self._closing = True
            self._hurry_up()
        await asyncio.to_thread(self._thread.join, RETRY_SECONDS * 5)
        if self._page is not None:
            self._page.close()

    def _must_hurry(self) -> bool:
        """Somebody waits, or the disk has just taken facts again and more of them wait."""
        return bool(self._promises) or self._closing or self._fault is not None

    def _hurry_up(self) -> None:
        self._news.notify()
        self._hurry.notify()

    def _take(self, fact: Fact, *, is_kept: bool = False) -> _Line:
        content = _line(next(self._names), fact, self._clock(), self._node)
        line = _Line(content, is_kept)
        with self._lock:
            self._waiting.append(line)
            if len(self._waiting) == 1:
                self._news.notify()
            elif len(self._waiting) > MOST_WAITING:
                self._give_up(self._waiting.popleft())
        return line

    def _give_up(self, line: _Line) -> None:
        line.is_given_up = True
        if not self._given_up:
            log.error("more than %d facts wait: the oldest are given up", MOST_WAITING)
        self._given_up += 1

    def _withdrawn(self, lines: Sequence[_Line]) -> bool:
        """Take them back, all or none; False when it is too late."""
        with self._lock:
            if any(line.is_handed for line in lines):
                return False
            for line in lines:
                line.is_withdrawn = True
            return True

    # --- the thread -------------------------------------------------------------------------

    def _write_all(self) -> None:
        lost: str | None = None  # why facts were given up, which no later promise may cover
        while True:
            with self._lock:
                # In this order a busy line wakes the thread once for all that has gathered.
                self._hurry.wait_for(self._must_hurry, GATHER_SECONDS)
                self._news.wait_for(lambda: self._waiting or self._promises or self._closing)
                lines, promises = list(self._waiting), self._promises
                self._waiting.clear()
                self._in_hand = len(lines)
                self._promises = []
                if not lines and not promises:
                    return
            if not self._write(lines):
                lost = self._fault
            self._in_hand = 0
            self._turn_page()
            for promise in promises:
                if not promise.set_running_or_notify_cancel():
                    continue  # whoever waited has gone
                if lost is None:
                    promise.set_result(None)
                else:
                    promise.set_exception(OSError(lost))

    def _write(self, lines: Sequence[_Line]) -> bool:
        """Until it is on disk; a partly written line is ended, so that it cannot spoil the next.

        False when the journal is closed meanwhile: these facts are lost, and nobody was told else.
        """
        waiting, written, rest = deque(lines), deque[_Line](), b""
        while True:
            try:
                page = (self._page or self._begin_page()).fileno()
                while rest or (rest := self._hand_over(waiting, written)):
                    rest = rest[os.write(page, rest) :]
                os.fdatasync(page)
            except Exception as refused:  # of any kind: a thread that ends writes nothing any more
                if self._fault is None:
                    log.exception("facts cannot be written; calls go on, facts wait in memory")
                self._fault = f"{self.folder}: {_why(refused)}"
                if self._closing:
                    return False
                rest = self._take_back(rest, waiting, written)
                time.sleep(RETRY_SECONDS)
            else:
                self._well_again()
                return True

    def _well_again(self) -> None:
        """All is well when nothing waits any more that a full disk has kept waiting."""
        with self._lock:
            if self._fault is not None and self._waiting:
                return
            self._fault = None
            given_up, self._given_up = self._given_up, 0
        if given_up:
            log.error("facts are written again; %d were given up and are in no record", given_up)

    def _hand_over(self, waiting: deque[_Line], written: deque[_Line]) -> bytes:
        """What is written in one go; nothing when all has been written.

        One line that somebody could have withdrawn and has not, or all before the next such line.
        """
        handed: list[bytes] = []
        with self._lock:
            while waiting and not (handed and waiting[0].is_kept):
                line = waiting.popleft()
                if not line.is_withdrawn:
                    line.is_handed = True
                    written.append(line)
                    handed.append(line.content)
                    if line.is_kept:
                        break
        return b"".join(handed)

    def _take_back(self, rest: bytes, waiting: deque[_Line], written: deque[_Line]) -> bytes:
        """What of the line in hand has still to be written, after the disk refused.

        Lines of which nothing was taken wait again, and may be withdrawn. What was not synced is
        written once more, for each fact has its id.
        """
        with self._lock:
            while written and len(rest) >= len(written[-1].content):
                line = written.pop()
                rest = rest[: -len(line.content)]
                line.is_handed = False
                waiting.appendleft(line)
        if not rest and not waiting:
            waiting.extend(written)
            written.clear()
        return rest

    def _turn_page(self) -> None:
        """On a new day (UTC) go on in a new file; while there is no room, in the old one."""
        before = self._page
        try:
            if self._clock().date() == self._day:
                return
            self._begin_page()
        except Exception as refused:  # noqa: BLE001  as in _write: the old page does meanwhile
            log.warning("no new spool file yet: %s", refused)
            return
        if before is not None:
            before.close()

    def _begin_page(self) -> IO[bytes]:
        now = self._clock()
        self.path, self._page = _new_file(self.folder, now)
        self._day = now.date()
        return self._page


def _why(refused: Exception) -> str:
    """For the operator; what is no fault of the disk's has its words in the log only."""
    if isinstance(refused, OSError) and refused.strerror:
        return refused.strerror
    return type(refused).__name__


def put(folder: Path, facts: Iterable[Fact], *, node: str, clock: Clock = utc_now) -> None:
    """Facts of an operator's command, in a file of their own; on disk when it returns.

    The file is none of a service's, so that many of them push no session over the horizon.
    """
    now = clock()
    put_timed(folder, ((now, fact) for fact in facts), node=node, clock=lambda: now)


def put_timed(
    folder: Path, facts: Iterable[tuple[datetime, Fact]], *, node: str, clock: Clock = utc_now
) -> None:
    """The same of facts that happened before, each at its own time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, file = _new_file(folder, clock(), mark=OPERATORS)
    names = _names()
    content = b"".join(_line(next(names), fact, at, node) for at, fact in facts)
    with file:
        if file.write(content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fdatasync(file.fileno())


def append(folder: Path, fact: Fact, *, node: str, clock: Clock = utc_now) -> None:
    """A fact of a trial call, on the page of its day, which all of them share; on disk after it.

    What a crash has torn stays a line of its own.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = clock()
    path = folder / f"facts-00000000-{now:%Y%m%d}{PROBES}.jsonl"
    is_new = not path.exists()
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as page:
        fcntl.flock(page, fcntl.LOCK_EX)
        size = page.seek(0, os.SEEK_END)
        is_torn = size > 0 and os.pread(page.fileno(), 1, size - 1) != b"\n"
        content = b"\n" * is_torn + _line(next(_names()), fact, now, node)
        if page.write(content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fdatasync(page.fileno())
    if is_new:
        sync(folder)


def _names() -> Iterator[str]:
    """Ids of facts, of the length of a UUID: one chance number for all of a writer, and a count."""
    writer = secrets.token_hex(8)
    return (f"{writer}{number:016x}" for number in count())


def _line(name: str, fact: Fact, now: datetime, node: str) -> bytes:
    head = {"id": name, "at": now, "node": node, "fact": type(fact).__name__}
    return fast.dumps(head)[:-1] + b"," + fast.dumps(fact)[1:] + b"\n"


def _new_file(folder: Path, now: datetime, *, mark: str = "") -> tuple[Path, IO[bytes]]:
    """The next file of the spool, its name durable, readable by this user only.

    Whoever writes it holds a lock on it, which ends with the program: the loader puts away no file
    that somebody may still add to.
    """
    name = f"facts-{_next_number(folder):08}-{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}{mark}.jsonl"
    descriptor = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    sync(folder)
    return folder / name, os.fdopen(descriptor, "wb", buffering=0)


def _next_number(folder: Path) -> int:
    """Files are read in the order of their starts, whatever the clock says."""
    numbers = [int(path.name[6:14]) for path in folder.glob(f"facts-{'[0-9]' * 8}-*.jsonl")]
    return max(numbers, default=0) + 1


# --- reading back -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A session that began and has not ended: where its caller was last."""

    session: str
    channel: str
    dialogue: str
    steps: int
    began: datetime
    agent_seconds: float = 0.0
    """Talked with agents so far."""
    queued: Queued | None = None
    """The place in the queue for an agent."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the records know of the sessions of services before."""

    unfinished: tuple[Unfinished, ...] = ()
    over: frozenset[str] = frozenset()
    """Channels whose sessions have ended; one that is still there was not hung up in time."""


# As `Journal.note` writes them: the kind of a fact, and then its session.
_STARTED = re.compile(rb'"fact": ?"SessionStarted", ?"session": ?"(\w+)", ?"channel": ?"([^"]+)"')
_ENDED = re.compile(rb'"fact": ?"SessionEnded", ?"session": ?"(\w+)"')


def left(folder: Path, ours: Path | None = None) -> Left:
    """What the newest spool files of `folder` tell of sessions, ended and not.

    Callers wait for this: a day's facts are parsed only from the first session without an end on.
    `ours` is the page of the service that asks: who called it meanwhile is nobody's heritage.
    """
    spools = [path.read_bytes() for path in _newest(folder) if path != ours]
    ended = {session for spool in spools for session in _ENDED.findall(spool)}
    open_sessions: dict[str, Unfinished] = {}
    over: set[bytes] = set()
    for spool in spools:
        begun = [(at[1], at[2], at.start()) for at in _STARTED.finditer(spool)]
        over.update(channel for session, channel, _ in begun if session in ended)
        begins = (start for session, _, start in begun if session not in ended)
        first = 0 if open_sessions else next(begins, len(spool))
        for fact in _facts(spool[spool.rfind(b"\n", 0, first) + 1 :].splitlines(keepends=True)):
            _follow(open_sessions, fact)
    return Left(tuple(open_sessions.values()), frozenset(channel.decode() for channel in over))


def _newest(folder: Path) -> list[Path]:
    """The services' files within the horizon."""
    paths = sorted(folder.glob("facts-*.jsonl"))
    written = {p: p.stat().st_mtime for p in paths if not p.stem.endswith(NOT_OF_A_SERVICE)}
    since = max(written.values(), default=0.0) - HORIZON_SECONDS
    return [path for path, moment in written.items() if moment >= since]


def recorded(folder: Path) -> frozenset[str]:
    """References of the recordings that the newest spool files of `folder` know."""
    return frozenset(fact["reference"] for fact in of_kinds(folder, "Recorded", "TalkRecorded"))


def of_kinds(folder: Path, *kinds: str) -> Iterator[dict[str, Any]]:
    """What the newest spool files of `folder` know of these kinds, in the order it happened."""
    kind = re.compile(rb'"fact": ?"(?:' + "|".join(kinds).encode() + rb')"')
    for path in _newest(folder):
        lines = path.read_bytes().splitlines(keepends=True)
        yield from _facts(line for line in lines if kind.search(line))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The facts of one spool file; a line torn by a crash is passed over."""
    with path.open("rb") as file:
        yield from _facts(file)


def _facts(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            fact = fast.loads(line)
        except ValueError:
            continue
        if line.endswith(b"\n") and isinstance(fact, dict):
            yield fact


def _follow(open_sessions: dict[str, Unfinished], fact: dict[str, Any]) -> None:
    session = fact.get("session", "")
    known = open_sessions.get(session)
    match fact.get("fact"):
        case "SessionStarted":
            began = datetime.fromisoformat(fact["at"])
            open_sessions[session] = Unfinished(session, fact["channel"], "welcome", 0, began)
        case "DialogueEntered" if known:
            open_sessions[session] = replace(known, dialogue=fact["dialogue"])
        case "Step" if known:
            open_sessions[session] = replace(known, steps=fact["n"])
        case "Transferred" if known:
            talked = known.agent_seconds + fact["talk_ms"] / 1000
            keeps = fact["outcome"] in {"failed", "callback"}
            queued = known.queued if keeps else None
            open_sessions[session] = replace(known, agent_seconds=talked, queued=queued)
        case "QueueEntered" if known:
            queued = Queued(datetime.fromisoformat(fact["at"]), fact["standing"])
            open_sessions[session] = replace(known, queued=queued)
        case "QueueTold" if known and known.queued:
            open_sessions[session] = replace(known, queued=known.queued.hearing(fact["ahead"]))
        case "SessionEnded":
            open_sessions.pop(session, None)
