"""What a browser's call is told, in words for its own page: by a token, in memory, soon forgotten.

Callers without a token, which is all who do not call from the page, cost nothing here. The texts
hold balances and ID numbers: they go to whoever knows the token of 128 bits, and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.calls.call import Line
from ivr.records.facts import Fact, LookedUp, SessionEnded, SessionResumed, Step, Transferred
from ivr.speech.prompts import Utterance

_TOKEN = re.compile(r"[0-9a-f]{32}\Z")
MOST_SHOWN = 500
"""Of one call; whoever looks later sees the last of them."""
MOST_SCREENS = 200
"""Of calls in progress and of those just ended."""
MOST_WATCHERS = 100
LINGER_SECONDS = 30.0
"""The end of a call can be read for so long."""
ARRIVAL_SECONDS = 60.0
"""A page looks before it calls, and waits for its call so long."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing on a screen; `mark` tells a page that comes back how far it has read."""

    mark: str
    json: str


class Screen:
    """One call as its page sees it, from the first word to the end."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.ended = False
        self._name = secrets.token_hex(4)
        self._began = _now()
        self._shown: deque[str] = deque(maxlen=MOST_SHOWN)
        self._count = 0
        self._news = asyncio.Event()

    def show(self, kind: str, **content: Any) -> None:
        """Add to it; `at` is in milliseconds since the call came."""
        at = round((_now() - self._began) * 1000)
        line = {"kind": kind, "at": at, **content}
        self._shown.append(json.dumps(line, ensure_ascii=False))
        self._count += 1
        self._wake()

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        self._wake()

    async def since(self, mark: str) -> AsyncIterator[Shown]:
        """What was and will be shown after `mark`, until the end; all of it where none is known."""
        name, _, count = mark.partition(".")
        seen = int(count) if name == self._name and count.isdecimal() else 0
        while True:
            news = self._news
            first = self._count - len(self._shown)
            for line in [*self._shown][max(0, seen - first) :]:
                seen = max(seen, first) + 1
                yield Shown(f"{self._name}.{seen}", line)
            if seen < self._count:
                continue
            if self.ended:
                return
            await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A caller's line that writes on its screen what it says."""

    line: Line
    screen: Screen

    async def play(self, utterance: Utterance) -> str:
        """With its length, clip by clip: the page follows the voice by its own clock."""
        playback = await self.line.play(utterance)
        said = [[clip.text, round(clip.seconds * 1000)] for clip in utterance.clips]
        self.screen.show("says", id=playback, said=said)
        return playback

    async def stop(self, playback: str) -> None:
        """The rest is not heard."""
        await self.line.stop(playback)
        self.screen.show("stops", id=playback)

    async def record(self, name: str, *, most_seconds: int, silence_seconds: int) -> None:
        """Now is the time to speak."""
        await self.line.record(name, most_seconds=most_seconds, silence_seconds=silence_seconds)
        self.screen.show("records")

    async def stop_recording(self, name: str) -> None:
        """It may have ended already."""
        await self.line.stop_recording(name)

    async def is_recording(self, name: str) -> bool:
        """Whether it still goes on."""
        return await self.line.is_recording(name)


class Screens:
    """All screens of a service, by token and by session."""

    def __init__(self) -> None:
        self._by_token: dict[str, Screen] = {}
        self._by_session: dict[str, Screen] = {}
        self._arrived = asyncio.Event()
        self._watchers = 0

    def shown(self, line: Line, token: str, session: str) -> Line:
        """The line that a call is given: the same, unless its browser looks at a screen."""
        if not _TOKEN.match(token):
            return line
        screen = self._by_token.get(token)
        if screen is None or (screen.session != session and screen.ended):
            screen = self._new(token, session)
        return ShownLine(line, screen) if screen.session == session else line

    def noting(self, note: Callable[[Fact], None]) -> Callable[[Fact], None]:
        """`note`, and the fact's own call sees it on its screen."""

        def noted(fact: Fact) -> None:
            note(fact)
            screen = self._by_session.get(getattr(fact, "session", None) or "")
            if screen is not None:
                self._show(screen, fact)

        return noted

    @property
    def crowded(self) -> bool:
        """Whether so many look that nobody else may."""
        return self._watchers >= MOST_WATCHERS

    async def watch(self, token: str, mark: str = "") -> AsyncGenerator[Shown]:
        """What is on the screen of this token, until its call is over.

        Ends at once for what is no token, and soon where no call comes.
        """
        self._watchers += 1
        try:
            screen = await self._expected(token)
            if screen is not None:
                async for shown in screen.since(mark):
                    yield shown
        finally:
            self._watchers -= 1

    def close(self) -> None:
        """The service ends: who watches comes back to the next one."""
        for screen in self._by_token.values():
            screen.end()

    def _new(self, token: str, session: str) -> Screen:
        if len(self._by_token) >= MOST_SCREENS:
            self._forget(next(iter(self._by_token)))
        screen = Screen(session)
        self._by_token[token] = self._by_session[session] = screen
        self._arrived.set()
        self._arrived = asyncio.Event()
        return screen

    async def _expected(self, token: str) -> Screen | None:
        if not _TOKEN.match(token):
            return None
        try:
            async with asyncio.timeout(ARRIVAL_SECONDS):
                while token not in self._by_token:
                    await self._arrived.wait()
        except TimeoutError:
            return None
        return self._by_token[token]

    def _show(self, screen: Screen, fact: Fact) -> None:
        if told := _told(fact):
            screen.show(**told)
        if isinstance(fact, SessionEnded):
            screen.end()
            self._by_session.pop(screen.session, None)
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._forget_ended, screen)

    def _forget_ended(self, screen: Screen) -> None:
        for token in [each for each, held in self._by_token.items() if held is screen]:
            self._forget(token)

    def _forget(self, token: str) -> None:
        screen = self._by_token.pop(token)
        self._by_session.pop(screen.session, None)
        screen.end()


def _told(fact: Fact) -> Mapping[str, Any] | None:
    """What a page may know of a fact, to tell the course of the call; None: nothing."""
    match fact:
        case Step():
            return {
                "kind": "heard",
                "verb": fact.verb,
                "heard": fact.heard,
                "key": fact.key,
                "keys": fact.keys,
            }
        case LookedUp():
            return {"kind": "looked_up", "outcome": fact.outcome, "ms": fact.ms}
        case Transferred():
            return {"kind": "transferred", "outcome": fact.outcome}
        case SessionResumed():
            return {"kind": "resumed"}
        case SessionEnded():
            return {"kind": "ended", "disposition": fact.disposition, "ms": fact.ms}
    return None


def _now() -> float:
    return asyncio.get_running_loop().time()
