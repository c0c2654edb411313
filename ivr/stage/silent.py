"""A caller's leg without sound: what is said is over at once, in a terminal and in a rehearsal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

from ivr.calls.inbox import Begun, Finished, Inbox, RecordingEnded
from ivr.speech.prompts import Utterance


class SilentLine:
    """Tells `said` of each utterance; records until somebody ends it."""

    def __init__(self, inbox: Inbox, said: Callable[[Utterance], None]) -> None:
        self._inbox = inbox
        self._said = said
        self._playbacks = count()
        self.recording: str | None = None
        self.recorded: set[str] = set()
        """All that were ever begun."""

    async def play(self, utterance: Utterance) -> str:
        """Said at once."""
        self._said(utterance)
        playback = str(next(self._playbacks))
        self._inbox.put(Finished(playback))
        return playback

    async def stop(self, playback: str) -> None:
        """What is said is said."""

    async def record(self, name: str, *, most_seconds: int, silence_seconds: int) -> None:
        """Until it is ended."""
        self.recording = name
        self.recorded.add(name)
        self._inbox.put(Begun(name, asyncio.get_running_loop().time()))

    async def stop_recording(self, name: str) -> None:
        """It may have ended."""
        self.end_recording()

    async def is_recording(self, name: str) -> bool:
        """Until it is ended."""
        return self.recording == name

    def end_recording(self) -> None:
        """The caller says nothing more."""
        if self.recording is not None:
            self._inbox.put(RecordingEnded(self.recording, 0, failed=False))
            self.recording = None
