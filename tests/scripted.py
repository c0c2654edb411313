"""A caller who follows a script in virtual time: what is heard and pressed, line by line.

A conversation file holds one step a line, `#` begins a comment at the start of a line:

    IVR prompt [prompt …]   the line says exactly this next, and says it to the end
    CUT prompt [prompt …]   the line begins to say this; the following KEY interrupts it
    KEY 12*#                keys, 0.2 s apart, once the line is silent (or into a CUT prompt)
    WAIT 8                  so many seconds of silence
    DOWN / UP               the account database stops or starts answering
    HANGUP                  the caller puts the receiver down
    END completed           the line ends the call, with this disposition
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    kept = [(number, line.split()) for number, line in lines if line.strip()]
    return [
        Direction(words[0], tuple(words[1:]), f"{path.name}:{number}")
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
