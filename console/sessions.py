"""Who is signed in: sessions in this process's memory, ended by idleness, sign-out and changes."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from console.users import User


@dataclass(slots=True)
class Session:
    """One browser in which somebody has signed in."""

    user: User
    token: str
    """What every form of this session carries, and no other site can know."""
    last: float
    """When the person last did something; what a page asks for by itself does not count."""


class Sessions:
    """All of them, by the hash of what the browser holds. They end with this process."""

    def __init__(self, idle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle_seconds
        self._clock = clock
        self._open: dict[str, Session] = {}

    def begin(self, user: User) -> str:
        """A new session; the secret that its browser is to keep, never one that it brought."""
        self._tidy()
        secret = secrets.token_urlsafe(32)
        self._open[_key(secret)] = Session(user, secrets.token_urlsafe(24), self._clock())
        return secret

    def find(self, secret: str, *, touch: bool) -> Session | None:
        """The session, unless it has ended; `touch` where the person did something just now."""
        session = self._open.get(_key(secret))
        if session is None or self._clock() - session.last > self._idle:
            self.end(secret)
            return None
        if touch:
            session.last = self._clock()
        return session

    def end(self, secret: str) -> None:
        """Harmless where it has ended."""
        self._open.pop(_key(secret), None)

    def _tidy(self) -> None:
        now = self._clock()
        for key in [key for key, each in self._open.items() if now - each.last > self._idle]:
            del self._open[key]


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
