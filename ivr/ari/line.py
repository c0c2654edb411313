"""A channel of Asterisk as the line of a call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ivr.ari.client import Ari, LiveRecording
from ivr.speech.prompts import Utterance

NAMES = 8
"""Playbacks of a channel are named in turn, so that a successor can stop what it did not begin.

One is outstanding at a time; a name comes back when its last bearer is long over.
"""


@dataclass(slots=True)
class ChannelLine:
    """Plays to one channel. One playback is outstanding at a time; its id is ours."""

    ari: Ari
    channel: str
    _turn: int = 0

    async def play(self, utterance: Utterance) -> str:
        """Queue all its clips as one playback; ChannelGone when the caller has hung up."""
        playback = self._name(self._turn)
        self._turn += 1
        media = (f"sound:{clip.path}" for clip in utterance.clips)
        await self.ari.channels.play_with_id(self.channel, playback, media)
        return playback

    async def stop(self, playback: str) -> None:
        """Stop the sound at once."""
        await self.ari.playbacks.cut(playback)

    async def record(self, name: str, *, most_seconds: int, silence_seconds: int) -> None:
        """Queue it; Asterisk ends it by `#`, by silence, by its length and by hang-up."""
        recording = LiveRecording(name, most_seconds, silence_seconds)
        await self.ari.channels.record(self.channel, recording)

    async def stop_recording(self, name: str) -> None:
        """Jumps the queue."""
        await self.ari.recordings.stop(name)

    async def is_recording(self, name: str) -> bool:
        """Whether it is queued or goes on."""
        return await self.ari.recordings.get_live(name)

    async def hush(self) -> None:
        """Stop whatever the service before has left playing; many callers wait for this at once."""
        names = map(self._name, range(NAMES))
        stopped = await asyncio.gather(*map(self.ari.playbacks.stop, names))
        self._turn = 1 + max((turn for turn, was in enumerate(stopped) if was), default=-1)

    def _name(self, turn: int) -> str:
        return f"{self.channel}.{turn % NAMES}"
