"""A caller who follows a script in virtual time: what is heard and pressed, line by line.

A conversation file holds one step a line, `#` begins a comment at the start of a line:

    IVR prompt [prompt …]   the line says exactly this next, and says it to the end
    CUT prompt [prompt …]   the line begins to say this; the following KEY interrupts it
    KEY 12*#                keys, 0.2 s apart, once the line is silent (or into a CUT prompt)
    TYPE 12*#               keys all at once, ahead of what the line will ask
    WAIT 8                  so many seconds of silence
    DOWN / UP               the account database stops or starts answering
    AT 2026-11-28T20:00     it is this time in Beijing; at first a Wednesday morning
    PHONES 6001 6002        these agents' phones are registered; at first none
    RINGS 6001              that phone begins to ring, and music plays
    ANSWERS 6001            that agent picks up, and hears the caller
    BUSY 6001               that phone is engaged
    LEAVES 6001             that agent hangs up
    STOPS 6001              that phone rings no more: the line gave up, or another was quicker
    CLOSE / OPEN            the operator closes the line for new callers, or opens it
    HANGUP                  the caller puts the receiver down
    END completed           the line ends the call, with this disposition
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ivr import opening
from ivr.agents import Talk
from ivr.config import Agent
from ivr.hours import BEIJING
from ivr.inbox import Finished, Inbox, Key, LegGone, PickedUp
from ivr.prompts import Utterance

KEY_SECONDS = 0.2
LONGEST_SECONDS = 300.0
ENGAGED, NORMAL = 17, 16


@dataclass(frozen=True, slots=True)
class Direction:
    """One line of a conversation file."""

    verb: str
    words: tuple[str, ...]
    where: str


def directions(path: Path) -> list[Direction]:
    return written(path.read_text(encoding="utf-8"), path.name)


def written(script: str, name: str = "line") -> list[Direction]:
    lines = enumerate(script.splitlines(), 1)
    kept = [(number, line.split()) for number, line in lines if line.strip()]
    return [
        Direction(words[0], tuple(words[1:]), f"{name}:{number}")
        for number, words in kept
        if not words[0].startswith("#")
    ]


@dataclass(slots=True)
class ScriptedLine:
    """A line whose sounds last as long as they would, in the loop's (virtual) time."""

    inbox: Inbox
    said: asyncio.Queue[Sequence[str]] = field(default_factory=asyncio.Queue)
    sounding: str | None = None
    texts: list[str] = field(default_factory=list)
    _ends: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _silent: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, utterance: Utterance) -> str:
        assert self.sounding is None, "two playbacks at once"
        playback = f"playback-{len(self.texts)}"
        self.texts.append(utterance.text)
        self.said.put_nowait(utterance.prompts)
        self.sounding = playback
        self._silent.clear()
        loop = asyncio.get_running_loop()
        self._ends[playback] = loop.call_later(utterance.seconds, self._over, playback)
        return playback

    async def stop(self, playback: str) -> None:
        if playback == self.sounding:
            self._ends[playback].cancel()
            self._over(playback)

    async def silent(self) -> None:
        while self.sounding is not None:
            await self._silent.wait()

    def press(self, digit: str) -> None:
        self.inbox.put(Key(digit, asyncio.get_running_loop().time()))

    def _over(self, playback: str) -> None:
        self.sounding = None
        self._silent.set()
        self.inbox.put(Finished(playback))


@dataclass(slots=True)
class ScriptedExchange:
    """Agents' phones that do what the script says."""

    inbox: Inbox
    registered: frozenset[str] = frozenset()
    talking: Talk | None = None
    playing: bool = False
    bridged: str | None = None
    ringing: set[str] = field(default_factory=set)
    screens: list[Mapping[str, str]] = field(default_factory=list)
    rung: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    dropped: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def online(self) -> frozenset[str]:
        return self.registered

    async def ring(self, agent: Agent, screen: Mapping[str, str]) -> str | None:
        assert agent.extension not in self.ringing, "dialled twice"
        assert self.playing, "there is no music"
        self.ringing.add(agent.extension)
        self.screens.append(screen)
        self.rung.put_nowait(agent.extension)
        return agent.extension

    async def drop(self, leg: str) -> None:
        self.ringing.discard(leg)
        self.dropped.put_nowait(leg)

    async def connect(self, leg: str) -> bool:
        self.playing, self.bridged = False, leg
        return leg in self.ringing

    async def part(self) -> None:
        self.bridged = self.talking = None

    async def music(self) -> None:
        self.playing = True

    async def quiet(self) -> None:
        self.playing = False

    def picks_up(self, leg: str) -> None:
        self.inbox.put(PickedUp(leg))

    def goes(self, leg: str, cause: int) -> None:
        self.ringing.discard(leg)
        self.inbox.put(LegGone(leg, cause))

    def assert_idle(self) -> None:
        """Nothing is left behind: no leg, no bridge, no music."""
        assert not self.ringing
        assert self.bridged is None
        assert not self.playing


@dataclass(slots=True)
class Clock:
    """What time it is in Beijing."""

    now: datetime = datetime(2026, 11, 25, 10, tzinfo=BEIJING)

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Caller:
    """Follows the directions against a line; raises AssertionError at the first that fails."""

    line: ScriptedLine
    exchange: ScriptedExchange
    clock: Clock
    conversation: asyncio.Task[str]
    switch: Callable[[bool], None]
    """Lets the account database answer, or not."""
    settle: Callable[[], Awaitable[None]]
    """What the line does when a call has ended."""
    home: Path
    """Of the line, where the operator opens and closes it."""

    async def follow(self, script: Sequence[Direction]) -> None:
        for direction in script:
            await getattr(self, f"_{direction.verb.lower()}")(direction)

    async def _ivr(self, direction: Direction) -> None:
        await self._says(direction)
        await self.line.silent()
        await _breathe()

    async def _cut(self, direction: Direction) -> None:
        await self._says(direction)

    async def _says(self, direction: Direction) -> None:
        said = asyncio.ensure_future(self.line.said.get())
        await asyncio.wait({said, self.conversation}, return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            said.cancel()
            await self.conversation
        assert said.done(), f"{direction.where}: the line had ended"
        assert tuple(said.result()) == direction.words, f"{direction.where}: heard {said.result()}"

    async def _key(self, direction: Direction) -> None:
        assert self.line.said.empty(), f"{direction.where}: the line says {self.line.said}"
        for digit in "".join(direction.words):
            self.line.press(digit)
            await asyncio.sleep(KEY_SECONDS)

    async def _type(self, direction: Direction) -> None:
        for digit in "".join(direction.words):
            self.line.press(digit)

    async def _wait(self, direction: Direction) -> None:
        await asyncio.sleep(float(direction.words[0]))

    async def _down(self, _: Direction) -> None:
        self.switch(False)

    async def _up(self, _: Direction) -> None:
        self.switch(True)

    async def _at(self, direction: Direction) -> None:
        self.clock.now = datetime.fromisoformat(direction.words[0]).replace(tzinfo=BEIJING)

    async def _phones(self, direction: Direction) -> None:
        self.exchange.registered = frozenset(direction.words)

    async def _rings(self, direction: Direction) -> None:
        for extension in direction.words:
            rung = await self._next_of(self.exchange.rung, direction)
            assert rung == extension, f"{direction.where}: {rung} rings"

    async def _answers(self, direction: Direction) -> None:
        self.exchange.picks_up(direction.words[0])
        await _breathe()
        assert self.exchange.bridged == direction.words[0], direction.where

    async def _busy(self, direction: Direction) -> None:
        self.exchange.goes(direction.words[0], ENGAGED)

    async def _leaves(self, direction: Direction) -> None:
        self.exchange.goes(direction.words[0], NORMAL)

    async def _stops(self, direction: Direction) -> None:
        for extension in direction.words:
            dropped = await self._next_of(self.exchange.dropped, direction)
            assert dropped == extension, f"{direction.where}: {dropped} stops"

    async def _next_of(self, queue: asyncio.Queue[str], direction: Direction) -> str:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await queue.get()
        except TimeoutError:
            raise AssertionError(f"{direction.where}: nothing happens") from None

    async def _close(self, _: Direction) -> None:
        opening.close(self.home, "", self.clock.now)

    async def _open(self, _: Direction) -> None:
        opening.reopen(self.home)

    async def _hangup(self, direction: Direction) -> None:
        assert not self.conversation.done(), f"{direction.where}: the line had ended"
        self.conversation.cancel()
        await asyncio.gather(self.conversation, return_exceptions=True)
        await self.settle()

    async def _end(self, direction: Direction) -> None:
        assert await self.conversation == direction.words[0], direction.where


async def _breathe() -> None:
    """Let everything that is ready now happen."""
    for _ in range(20):
        await asyncio.sleep(0)
