"""A channel of Asterisk as the line of a call."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from ivr.ari.client import Ari
from ivr.prompts import Utterance


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """Plays to one channel. One playback is outstanding at a time; its id is ours."""

    ari: Ari
    channel: str

    async def play(self, utterance: Utterance) -> str:
        """Queue all its clips as one playback; ChannelGone when the caller has hung up."""
        playback = uuid4().hex
        media = (f"sound:{clip.path}" for clip in utterance.clips)
        await self.ari.channels.play_with_id(self.channel, playback, media)
        return playback

    async def stop(self, playback: str) -> None:
        """Stop the sound at once."""
        await self.ari.playbacks.stop(playback)
