"""What a telephone hears: A-law by RTP (RFC 3550), put together in the order of its packets."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field
from itertools import pairwise

FRAME = 160
FRAME_SECONDS = 0.020
RATE = 8000
"""Bytes of A-law a second."""
SILENCE = b"\xd5" * FRAME
"""A frame of it in A-law."""
PCMA = 8
"""RTP's number for A-law."""


@dataclass(slots=True)
class Heard:
    """What came in, packet after packet; what was lost on the way is silence.

    Put together by sequence number: Asterisk's timestamps jump a little when the machine is busy.
    """

    audio: bytearray = field(default_factory=bytearray)
    ssrcs: list[int] = field(default_factory=list)
    lost: int = 0
    """Packets that never came."""
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    """Where each frame begins in the audio, and when it came (the monotonic clock)."""
    _next: int | None = None

    def take(self, packet: bytes) -> None:
        """One packet as it came from the network."""
        sequence, _, ssrc = struct.unpack("!HII", packet[2:12])
        if not self.ssrcs or self.ssrcs[-1] != ssrc:
            self.ssrcs.append(ssrc)
            self._next = None
        missing = 0 if self._next is None else (sequence - self._next) % 2**16
        if missing >= 2**15:
            return  # late, or twice
        self._next = (sequence + 1) % 2**16
        self.lost += missing
        self.audio += SILENCE * missing
        if packet[1] & 0x7F == PCMA:
            self.arrivals.append((len(self.audio), time.monotonic()))
            self.audio += packet[12:]

    def when(self, seconds: float) -> float:
        """When (the monotonic clock) that moment of the audio was heard."""
        return next(came for at, came in self.arrivals if at + FRAME > seconds * RATE)

    def silence_after(self, moment: float) -> float:
        """The longest stretch without sound from `moment` (the monotonic clock) until now."""
        loud = [
            came
            for at, came in self.arrivals
            if came > moment and self.audio[at : at + FRAME] != SILENCE
        ]
        times = [moment, *loud, time.monotonic()]
        return max(later - earlier for earlier, later in pairwise(times))
