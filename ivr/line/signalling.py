"""What SIP and RTCP tell of the calls: by which way keys come, and whose speech has stopped.

Asterisk sends a copy of its packets to a UDP port of ours on loopback (res_hep). Little is lost
with one: a key is counted without its way, a caller who has moved is heard a little later.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from ivr.ari.capture import Described, KeyByInfo, Received, Report, report_of
from ivr.asterisk.configure import capture_secret
from ivr.config import Settings
from ivr.lifecycle.traffic import Way

log = logging.getLogger(__name__)

MOST_CALLS = 2000
"""Calls that are kept in mind; of calls that never reach us nobody tells the end."""
ALL_READ_SECONDS = 1.0
"""ARI's event may be read before the packet that brought it, which Asterisk copies in a thread of
its own: by then both have been."""
GATHER_SECONDS = 0.2
"""Packets are read together: each by itself would wake the service between two keys."""
MOST_AT_ONCE = 1000
"""More than the kernel keeps for us: only a flood has more, and calls go on meanwhile."""
MOST_BYTES = 65_535
INFO_SECONDS = 5.0
"""A key by INFO is told of by ARI when its told length is over; later it is another."""
MOST_REFRESHES = 3
"""Of one call: a telephone that suppresses silence stops again and again."""


@dataclass(slots=True)
class _Dialog:
    """One call, as its packets tell of it."""

    ours: Described | None = None
    theirs: Described | None = None
    by_info: list[tuple[str, float]] = field(default_factory=list)
    """Keys that ARI has not told of yet, and when they came (the loop's clock)."""
    info_sequence: int = -1
    highest: int = -1
    """The last packet of the caller's speech that Asterisk took."""
    stopped: bool = False
    times_stopped: int = 0

    def described(self, side: Described) -> None:
        """An offer or an answer; the last of each side counts."""
        if side.ours:
            self.ours = side
        else:
            self.theirs = side

    def sent_by_info(self, key: KeyByInfo, now: float) -> None:
        """A key is on its way, and not the last one sent again."""
        if key.sequence != self.info_sequence:
            self.info_sequence = key.sequence
            self.by_info.append((key.digit.reveal(), now))

    def came_by_info(self, digit: str, now: float) -> bool:
        """Whether this key is one that was on its way; it is not any more."""
        self.by_info = [each for each in self.by_info if each[1] > now - INFO_SECONDS]
        found = next((each for each in self.by_info if each[0] == digit), None)
        if found is not None:
            self.by_info.remove(found)
        return found is not None

    def has_stopped(self, received: Received) -> bool:
        """Whether nothing has come since the last report of ours, for the first time, or again."""
        if self.ours is None or received.port - self.ours.port not in {0, 1}:
            return False
        if received.highest != self.highest:
            self.highest, self.stopped = received.highest, False
        elif not self.stopped and self.times_stopped < MOST_REFRESHES:
            self.stopped = True
            self.times_stopped += 1
            return True
        return False


@dataclass(frozen=True, slots=True)
class _Pressed:
    """A key that ARI has told of, and who is to learn by which way it came."""

    read: float
    """When all is read that tells it (the loop's clock)."""
    call: str
    digit: str = field(repr=False)
    tell: Callable[[Way], None]


@dataclass(slots=True)
class Signalling:
    """All calls by their Call-ID."""

    stopped: Callable[[str], None] = lambda _: None
    """Called with the Call-ID of one of whom nothing is received any more, for the time being."""
    _calls: OrderedDict[str, _Dialog] = field(default_factory=OrderedDict)
    _pressed: deque[_Pressed] = field(default_factory=deque)
    _looking: asyncio.TimerHandle | None = None

    def take(self, report: Report) -> None:
        """What a packet has told; of a call that nobody has described nothing can be said."""
        if isinstance(report, Described):
            self._known(report.call).described(report)
        elif dialog := self._calls.get(report.call):
            if isinstance(report, KeyByInfo):
                dialog.sent_by_info(report, _now())
            elif dialog.has_stopped(report):
                self.stopped(report.call)

    def has_events(self, call: str) -> bool | None:
        """Whether both sides have agreed upon telephone-event; None while nobody knows."""
        dialog = self._calls.get(call)
        if dialog is None or dialog.ours is None or dialog.theirs is None:
            return None
        return dialog.ours.events and dialog.theirs.events

    def pressed(self, call: str, digit: str, tell: Callable[[Way], None]) -> None:
        """ARI told of a key: soon `tell` learns by which way it came, where that is known."""
        self._pressed.append(_Pressed(_now() + ALL_READ_SECONDS, call, digit, tell))
        if self._looking is None:
            self._look_later()

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(ALL_READ_SECONDS, self._look)

    def _look(self) -> None:
        """One timer for all keys: each is told of after twice the time at the latest."""
        self._looking, now = None, _now()
        while self._pressed and self._pressed[0].read <= now:
            key = self._pressed.popleft()
            if way := self.way(key.call, key.digit):
                key.tell(way)
        if self._pressed:
            self._look_later()

    def way(self, call: str, digit: str) -> Way | None:
        """By which way a key has come that ARI has told of; None where nobody knows."""
        dialog = self._calls.get(call)
        if dialog is None:
            return None
        if dialog.came_by_info(digit, _now()):
            return "info"
        agreed = self.has_events(call)
        return None if agreed is None else "rfc4733" if agreed else "inband"

    def over(self, call: str, tell: Callable[[bool | None], None]) -> None:
        """The call has ended: what its last keys were, and what both sides had agreed upon in the
        end (`has_events`), is told when all of its packets have been read."""
        asyncio.get_running_loop().call_later(3 * ALL_READ_SECONDS, self._forget, call, tell)

    def _forget(self, call: str, tell: Callable[[bool | None], None]) -> None:
        tell(self.has_events(call))
        self._calls.pop(call, None)

    def _known(self, call: str) -> _Dialog:
        if call not in self._calls and len(self._calls) >= MOST_CALLS:
            self._calls.popitem(last=False)
        return self._calls.setdefault(call, _Dialog())


@asynccontextmanager
async def overheard(settings: Settings, signalling: Signalling) -> AsyncIterator[None]:
    """Listen while the context lasts, where `hep.conf` sends to; calls go on without it.

    A successor may listen beside the service that it relieves (SO_REUSEPORT).
    """
    password = capture_secret(settings).encode()

    def take(packet: bytes) -> None:
        report = report_of(packet, password)
        if report is not None:
            signalling.take(report)

    try:
        packets = _bound(settings.http_port)
    except OSError as refused:
        log.warning(
            "UDP 端口 %d 被占用，看不到按键是怎么来的 · UDP port %d is taken (%s): by which way"
            " keys come is not seen, and callers who move are heard later",
            settings.http_port,
            settings.http_port,
            refused.strerror,
        )
        yield
        return
    reading = _Reading(packets, take)
    reading.read_on()
    try:
        yield
    finally:
        reading.close()


def _bound(port: int) -> socket.socket:
    packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        packets.setblocking(False)
        packets.bind(("127.0.0.1", port))
    except OSError:
        packets.close()
        raise
    return packets


@dataclass(slots=True)
class _Reading:
    """Packets of Asterisk's, or of somebody who should not be here, read now and then."""

    packets: socket.socket
    take: Callable[[bytes], None]
    _next: asyncio.TimerHandle | None = None

    def read_on(self) -> None:
        """All that has come, and again after a while."""
        self._next = asyncio.get_running_loop().call_later(GATHER_SECONDS, self.read_on)
        with suppress(BlockingIOError):
            for _ in range(MOST_AT_ONCE):
                self.take(self.packets.recv(MOST_BYTES))

    def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
        self.packets.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
