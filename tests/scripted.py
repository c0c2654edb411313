"""A caller who follows a script in virtual time: what is heard and pressed, line by line.

A conversation file holds one step a line, `#` begins a comment at the start of a line:

    IVR prompt [prompt …]   the line says exactly this next, and says it to the end
    CUT prompt [prompt …]   the line begins to say this; the following KEY interrupts it
    KEY 12*#                keys, 0.2 s apart, once the line is silent (or into a CUT prompt)
    TYPE 12*#               keys all at once, ahead of what the line will ask
    WAIT 8                  so many seconds of silence
    DOWN / UP               the account database stops or starts answering
    HANGUP                  the caller puts the receiver down
    END completed           the line ends the call, with this disposition
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ivr.inbox import Finished, Inbox, Key
from ivr.prompts import Utterance

KEY_SECONDS = 0.2


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
class Caller:
    """Follows the directions against a line; raises AssertionError at the first that fails."""

    line: ScriptedLine
    conversation: asyncio.Task[str]
    switch: Callable[[bool], None]
    """Lets the account database answer, or not."""

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

    async def _hangup(self, direction: Direction) -> None:
        assert not self.conversation.done(), f"{direction.where}: the line had ended"
        self.conversation.cancel()

    async def _end(self, direction: Direction) -> None:
        assert await self.conversation == direction.words[0], direction.where


async def _breathe() -> None:
    """Let everything that is ready now happen."""
    for _ in range(20):
        await asyncio.sleep(0)
