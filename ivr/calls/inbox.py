"""What a call has yet to hear of, in order: keys, ends of sounds, news of agents' phones."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from ivr.desk.orders import Order


@dataclass(frozen=True, slots=True)
class Key:
    """A key that the caller pressed, and when (the loop's clock, seconds)."""

    digit: str = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class Begun:
    """A playback or a recording has begun, and when (the loop's clock, seconds)."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A playback came to its end."""

    playback: str


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """A recording came to its end, and its file is closed."""

    name: str
    ms: int
    failed: bool


@dataclass(frozen=True, slots=True)
class PickedUp:
    """An agent's phone was answered."""

    leg: str


@dataclass(frozen=True, slots=True)
class LegGone:
    """An agent's phone is out: never reached, refused, or hung up (cause of Q.850)."""

    leg: str
    cause: int | None
    vanished: bool = False
    """Nobody hung up: the phone was not heard any more."""


@dataclass(frozen=True, slots=True)
class Parted:
    """Somebody does not hear the others of a bridge any more, and may still be there."""

    leg: str
    """By which the bridge is called."""
    who: str = ""
    """CALLER or a leg; empty: the bridge is no more."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """Somebody at a desk wants something of the conversation."""

    order: Order


@dataclass(frozen=True, slots=True)
class PhoneFreed:
    """An agent's phone may be free for whoever waits."""


@dataclass(frozen=True, slots=True)
class CallerBack:
    """The caller had the line on hold and is heard again."""


News = (
    Key
    | Begun
    | Finished
    | RecordingEnded
    | PickedUp
    | LegGone
    | Parted
    | Ordered
    | PhoneFreed
    | CallerBack
)

MOST = 64
"""Keys kept for later; a storm beyond that is noise, not an answer."""


MOST_HELD_SECONDS = 600.0
"""Whoever puts the line on hold for longer is waited for no more."""


class Inbox:
    """Filled by whoever carries the call, emptied by its verbs; single consumer."""

    def __init__(self) -> None:
        self._waiting: deque[News] = deque()
        self._news: asyncio.Future[None] | None = None
        """Somebody waits for the next."""
        self._alarm: asyncio.TimerHandle | None = None
        """Ends that wait, or an earlier one: whoever waits longer than it has it set anew then."""
        self._listening = asyncio.Event()
        self._swallow_until = float("-inf")
        self._held_since: float | None = None
        self._held = 0.0
        """Seconds that the caller has had us on hold, without what goes on now."""
        self._cut = ""
        """The playback that a key has cut, while its end is still to come."""
        self._far = 0
        """So many digits more wake nobody."""

    def hold(self) -> None:
        """The caller has put the line on hold and hears nothing: nobody's patience runs."""
        if self._held_since is None:
            self._held_since = _now()
            self._wake()

    @property
    def is_held(self) -> bool:
        """Whether the caller has the line on hold now."""
        return self._held_since is not None

    def unhold(self) -> None:
        """The caller is back."""
        self._held, self._held_since = self._held_so_far(), None
        self._wake()

    def put(self, heard: News) -> None:
        """Add what has just happened. Keys to be swallowed and keys of a storm are dropped.

        That something has begun matters with what comes next, or when the wait for it is over: it
        wakes nobody. Nor do digits of a number that is far from whole, nor the end of what was cut.
        """
        if isinstance(heard, Key) and (self._swallowed(heard) or len(self._waiting) >= MOST):
            return
        if isinstance(heard, Finished) and heard.playback == self._cut:
            self._cut = ""
            return
        self._waiting.append(heard)
        if isinstance(heard, Begun):
            if heard.name == self._cut:  # the name has come back: another sound's
                self._cut = ""
        elif self._far and isinstance(heard, Key) and heard.digit.isdecimal():
            self._far -= 1
        else:
            self._listening.clear()
            self._wake()

    def cut(self, playback: str) -> None:
        """A key has cut this sound: that it ends is no news."""
        self._cut = playback

    def put_back(self, key: Key) -> None:
        """A key that was read too early is the next one to be read."""
        self._waiting.appendleft(key)
        self._wake()

    async def get(self, deadline: float, *, far: int = 0) -> News | None:
        """The next thing heard, or None when `deadline` (the loop's clock) has passed.

        The time on hold, from now on, does not count. The next `far` digits are told with what
        comes after them, or at the deadline.
        """
        deadline -= self._held_so_far()
        self._far = far
        while not self._waiting and deadline + self._held_so_far() > _now():
            await self._wait_for_news(self._look_again(deadline))
        return self._waiting.popleft() if self._waiting else None

    async def wanted(self) -> None:
        """Wait until the call listens: for someone who types no faster than the line asks."""
        await self._listening.wait()

    def has_key(self) -> bool:
        """Whether the caller has typed ahead."""
        return any(isinstance(heard, Key) for heard in self._waiting)

    def forget_keys(self) -> None:
        """Drop what was typed ahead."""
        self._waiting = deque(heard for heard in self._waiting if not isinstance(heard, Key))

    def swallow_hash(self, until: float) -> None:
        """Drop a `#` that is pressed before `until`: it belongs to a number already complete.

        One that came meanwhile and waits at the front is dropped as well.
        """
        self._swallow_until = until
        if self._waiting and isinstance(key := self._waiting[0], Key) and self._swallowed(key):
            self._waiting.popleft()

    def _held_so_far(self) -> float:
        now = 0.0 if self._held_since is None else _now() - self._held_since
        return self._held + min(now, MOST_HELD_SECONDS)

    def _look_again(self, deadline: float) -> float:
        """When a `deadline` without holding may have passed."""
        going_on = 0.0 if self._held_since is None else MOST_HELD_SECONDS
        return deadline + self._held + going_on

    async def _wait_for_news(self, deadline: float) -> None:
        """Until there are some, or perhaps sooner; no later than `deadline`."""
        self._news = asyncio.get_running_loop().create_future()
        self._ring_by(deadline)
        self._listening.set()
        try:
            await self._news
        except asyncio.CancelledError:
            self._stop_alarm()
            raise
        finally:
            self._news = None
            self._listening.clear()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _ring_by(self, deadline: float) -> None:
        """Nearly every wait ends by a key: a timer of its own would be set for nothing."""
        if self._alarm is None or self._alarm.when() > deadline:
            self._stop_alarm()
            self._alarm = asyncio.get_running_loop().call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._wake()

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _swallowed(self, key: Key) -> bool:
        if key.digit != "#" or key.at > self._swallow_until:
            return False
        self._swallow_until = float("-inf")
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
