"""One utterance on its way to the caller's ear: watched from its beginning to its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from ivr.calls.inbox import Begun, Finished, News
from ivr.speech.prompts import Utterance

START_SECONDS = 2.0
"""A playback or a recording that has not begun by then never will."""
MARGIN_SECONDS = 3.0
"""Asterisk may be this late with the end of a sound before we go on without it."""
ATTEMPTS = 2
"""So often a sentence is begun before the call is held to be broken."""


class NotBegun(Exception):
    """Asterisk takes our commands and plays nothing: the caller sits in silence."""


class Player(Protocol):
    """What plays: the caller's line."""

    async def play(self, utterance: Utterance) -> str:
        """Begin to say it; Begun and then Finished of the returned id enter the inbox."""

    async def stop(self, playback: str) -> None:
        """Stop the sound at once; it may have ended already."""


@dataclass(slots=True)
class Saying:
    """What is being said; `until` is when the next news of it is due (the loop's clock)."""

    player: Player
    utterance: Utterance
    playback: str = ""
    until: float = 0.0
    sounded: float = 0.0
    """When it began to sound."""
    ended: float | None = None
    """When it was over; None while it sounds, and where it was cut."""
    _begun: bool = False
    _attempts: int = 0

    async def begin(self) -> Saying:
        """Have it played."""
        self._attempts += 1
        self.playback = await self.player.play(self.utterance)
        self.sounded = _now()
        self.until = self.sounded + START_SECONDS
        return self

    async def over(self, news: News | None) -> bool:
        """Whether that was its end; None: its time is over. Raises NotBegun in the end.

        What does not begin in time is tried once more, so that a lost command costs a caller
        two seconds and not the sentence.
        """
        match news:
            case Begun(self.playback, at):
                self._begun, self.sounded = True, at
                self.until = self.sounded + self.utterance.seconds + MARGIN_SECONDS
            case Finished(self.playback):
                self.ended = _now()
                return True
            case None if self._begun:  # Asterisk never said that it ended
                await self.stop()
                self.ended = _now()
                return True
            case None:
                await self._once_more()
        return False

    async def stop(self) -> None:
        """No more of it."""
        await self.player.stop(self.playback)

    async def _once_more(self) -> None:
        await self.stop()
        if self._attempts >= ATTEMPTS:
            raise NotBegun(f"{' '.join(self.utterance.prompts)} was never begun")
        await self.begin()


def _now() -> float:
    return asyncio.get_running_loop().time()
