"""A line with faults: it answers by SIP, plays what a story says, and hears keys or does not."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ivr.probe.sip import Message
from ivr.probe.sound import FRAME, SILENCE
from tests.live.phone import Phone

SECOND = 50 * FRAME


def sound(name: str, seconds: float = 0.6) -> bytes:
    """Some noise that belongs to one name."""
    return random.Random(name).randbytes(round(seconds * 50) * FRAME)


@dataclass(frozen=True)
class Says:
    """What is played when it is this line's turn: at the start, and then after each key."""

    what: bytes = b""
    ends: bool = False
    """And then it hangs up."""


class FakeLine(Phone):
    """Plays the first of `story` when called, the next one after each key that it hears."""

    story: Sequence[Says] = ()
    sends_sound = True
    heard_keys = 0
    _key_at = -1

    @classmethod
    @asynccontextmanager
    async def telling(cls, *story: Says, sends_sound: bool = True) -> AsyncIterator[FakeLine]:
        async with cls.connected(("127.0.0.1", 9), user="line") as line:
            line.story, line.sends_sound, line.sends_media = story, sends_sound, sends_sound
            yield line

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    def _send_request(self, *args: object, **kwargs: object) -> None:
        """It never asks anything: the story ends by silence, or by a BYE of its own."""

    def _answer(self, invite: Message) -> None:
        self.server = ("127.0.0.1", int(invite.vias[0].split(";")[0].rpartition(":")[2]))
        super()._answer(invite)
        self._say()

    def _say(self) -> None:
        if self.heard_keys < len(self.story):
            self._speech.clear()
            self.speak(self.story[self.heard_keys].what)

    def heard_packet(self, packet: bytes) -> None:
        """The end of a key, once for its time stamp."""
        if packet[1] & 0x7F == 101 and packet[13] & 0x80:
            stamp = int.from_bytes(packet[4:8], "big")
            if stamp != self._key_at:
                self._key_at = stamp
                self.heard_keys += 1
                self._say()


def silence(seconds: float) -> bytes:
    return SILENCE * round(seconds * 50)
