"""The product's telephone, with what else tests need: it is called, speaks, and has faults."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from ivr.probe.sip import Message, uri_of
from ivr.probe.sound import FRAME, FRAME_SECONDS, SILENCE, Heard
from ivr.probe.telephone import EVENT_PAYLOAD, EVENTS, Press, Telephone

_ROWS = {697: "123A", 770: "456B", 852: "789C", 941: "*0#D"}
_COLUMNS = (1209, 1336, 1477, 1633)


def tones(keys: str, *, tone: float = 0.1, gap: float = 0.1) -> bytes:
    """Keys as sound (ITU-T Q.23) in A-law, each tone followed by silence."""
    return b"".join(_dual_tone(key, tone) + SILENCE[:1] * round(gap * 8000) for key in keys)


def _dual_tone(key: str, seconds: float) -> bytes:
    low = next(hertz for hertz, row in _ROWS.items() if key in row)
    high = _COLUMNS[_ROWS[low].index(key)]
    turn = 2 * math.pi / 8000
    return bytes(
        _alaw(round(6000 * (math.sin(turn * low * n) + math.sin(turn * high * n))))
        for n in range(round(seconds * 8000))
    )


def hum(hertz: int, seconds: float) -> bytes:
    """One tone in A-law, by which somebody is known again; each of its seconds is the same."""
    turn = 2 * math.pi * hertz / 8000
    second = bytes(_alaw(round(8000 * math.sin(turn * n))) for n in range(8000))
    return (second * math.ceil(seconds))[: round(seconds * 8000)]


def share_of(hertz: int, alaw: bytes) -> float:
    """How much of the sound's power is that tone, 0 to 1 (Goertzel); 0 of silence."""
    samples = [_linear(byte) for byte in alaw]
    turn = 2 * math.pi * hertz / 8000
    real = sum(each * math.cos(turn * n) for n, each in enumerate(samples))
    other = sum(each * math.sin(turn * n) for n, each in enumerate(samples))
    power = sum(each * each for each in samples)
    return 2 * (real * real + other * other) / max(1.0, power * len(samples))


def _linear(byte: int) -> int:
    """The sample that `_alaw` made it of, nearly."""
    code = byte ^ 0x55
    segment, size = (code >> 4) & 7, ((code & 0x0F) << 4) + 8
    size = size if segment == 0 else (size + 0x100) << (segment - 1)
    return size if code & 0x80 else -size


def _alaw(sample: int) -> int:
    """One sample of 16 bits by ITU-T G.711."""
    sign = 0x80 if sample >= 0 else 0
    size = min(abs(sample), 32767) >> 4
    segment = max(size.bit_length() - 4, 0)
    step = (size >> max(segment - 1, 0)) & 0x0F
    return (sign | (segment << 4) | step) ^ 0x55


class Phone(Telephone):
    """One telephone on loopback; `async with Phone.open(server_port) as phone`."""

    def __init__(
        self, server: tuple[str, int], user: str, password: str | None, host: str = "127.0.0.1"
    ) -> None:
        super().__init__(server, user, password, host)
        self.incoming: list[Message] = []
        self.told = b""
        """All that has come as SIP."""
        self.cancelled = asyncio.Event()
        self.behind_router: str | None = None
        """Its own address, where that is not the one that it is heard from."""
        self.sends_media = True
        """Whether it sends RTP: a muted phone, or one that suppresses silence, does not."""
        self.policy: str = "answer"
        self.ring_seconds = 0.0
        self._keys_heard: dict[bytes, str] = {}
        """By the time stamp of the event: its packets come again and again."""
        self._vanished = False
        self._stalled: list[bytes] | None = None
        """Packets that the network holds back; None while it brings each at once."""

    @property
    def keys_heard(self) -> str:
        """The keys that came in as events (RFC 4733)."""
        return "".join(self._keys_heard.values())

    def heard_packet(self, packet: bytes) -> None:
        if len(packet) > 12 and packet[1] & 0x7F == EVENT_PAYLOAD:
            self._keys_heard.setdefault(packet[4:8], EVENTS[packet[12]])
        super().heard_packet(packet)

    async def spoken(self) -> None:
        """Return when all has been said; on a full machine that takes longer than it lasts."""
        while self._speech:  # noqa: ASYNC110  the sound's own task empties it
            await asyncio.sleep(0.1)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        port: int,
        *,
        user: str = "guest",
        password: str | None = None,
        host: str = "127.0.0.1",
        at: int = 0,
    ) -> AsyncIterator[Phone]:
        """`host`: the address on loopback (127.0.0.0/8) that it calls from; `at`: its own port."""
        server = ("127.0.0.1", port)
        connected = cls.connected(server, user=user, password=password, host=host, port=at)
        async with connected as phone:
            yield phone

    # --- calling --------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        body: str = "",
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        within: float = 3.0,
    ) -> Message | None:
        """One request within the call; its final answer, or None when there is none."""
        try:
            async with asyncio.timeout(within):
                described = {} if kind is None else {"Content-Type": kind}
                return await self._request(
                    method, self._target, body, {**described, **(headers or {})}
                )
        except TimeoutError:
            return None

    async def offer_anew(self, offer: str) -> Message:
        """A re-INVITE with another session description; its answer.

        Where the other side asks for something just then (491), again after a while, as a telephone
        does (RFC 3261, 14.1).
        """
        while True:
            answer = await self.ask("INVITE", offer)
            assert answer is not None, "the re-INVITE was not answered"
            if answer.status != 491:
                break
            await asyncio.sleep(random.uniform(0.2, 2.0))
        if answer.status == 200:
            self._acknowledge(self._cseq)
        return answer

    def intrude(self, other: Phone) -> None:
        """Send RTP to where another's call is heard, as an intruder would."""
        self._media_to = other._media_to
        self._tasks.append(asyncio.create_task(self._media()))

    async def stall(self, seconds: float) -> None:
        """Let the network hold back what is sent for so long, and then bring it all at once."""
        held: list[bytes] = []
        self._stalled = held
        await asyncio.sleep(seconds)
        self._stalled = None
        for packet in held:
            self._rtp.sendto(packet, self._media_to)

    async def move_media(self) -> None:
        """Go on from another port, as behind a router that has forgotten the first."""
        before = self._rtp
        self._rtp = await self._new_media_port()
        before.close()

    async def register(self, *, within: float = 30.0, seconds: int = 300) -> None:
        """Be reachable as this user, as an agent's phone is."""
        uri = f"sip:{self.server[0]}:{self.server[1]}"
        self._to = f"<sip:{self.user}@{self.server[0]}>"
        async with asyncio.timeout(within):
            answer = await self._request("REGISTER", uri, extra={"Expires": str(seconds)})
        assert answer.status == 200, f"registration was answered {answer.status}"

    async def unregister(self, *, within: float = 30.0) -> None:
        """Be there no more."""
        await self.register(within=within, seconds=0)

    def cut_off(self) -> None:
        """Vanish without a word, as a phone whose battery is empty."""
        self._vanished = True
        self.ended.set()

    def come_back(self) -> None:
        """Somebody has charged it."""
        self._vanished = False

    # --- talking --------------------------------------------------------------------------

    def press(
        self, keys: str, *, tone: float = 0.08, gap: float = 0.08, held_back: bool = False
    ) -> None:
        """Queue keys; they are sent one after another.

        `held_back`: the packets of each come at once, as when a network has stalled meanwhile.
        """
        for key in keys:
            self._keys.put_nowait(Press(key, tone, gap, held_back))

    def end_key_anew(self, key: str, *, ends: int = 3, length: float = 0.1) -> None:
        """A sender at fault: each end packet of the one key has a time stamp of its own."""
        event, began = EVENTS.index(key), self._timestamp
        frames = round(length / FRAME_SECONDS)
        for step in range(1, frames + 1):
            self._send_event(event, 0x0A, step * FRAME, began, marker=step == 1)
        for late in range(1, ends + 1):
            self._send_event(event, 0x8A, frames * FRAME, began + late * FRAME)
        self._timestamp += (frames + ends) * FRAME

    def press_for_ever(self, key: str, *, tone: float = 0.08, gap: float = 0.1) -> None:
        """A key of which every end packet is lost on the way."""
        self._keys.put_nowait(Press(key, tone, gap, ends=0))

    def throw(self, packet: bytes) -> None:
        """Anything at all, from the socket that sends its speech."""
        self._rtp.sendto(packet, self._media_to)

    def interpose(self, packet: bytes) -> None:
        """The same, as one of the packets of its speech: in their order, from their source."""
        self._send_rtp(packet[1] & 0x7F, packet[12:], self._timestamp)

    def _where_to_speak(self, description: Message) -> tuple[str, int]:
        """Always here: behind a router the line tells another address of its own."""
        return "127.0.0.1", description.media_port

    def _send_audio(self) -> None:
        if self.sends_media:
            super()._send_audio()

    def _send_packet(self, packet: bytes) -> None:
        if self._stalled is None:
            super()._send_packet(packet)
        else:
            self._stalled.append(packet)

    # --- SIP ------------------------------------------------------------------------------

    def offer(self, *, events: bool = True, direction: str = "sendrecv") -> str:
        usual = super().offer(events=events, direction=direction)
        return usual.replace(
            f"c=IN IP4 {self.host}\r\n", f"c=IN IP4 {self.behind_router or self.host}\r\n"
        )

    def _on_sip(self, data: bytes) -> None:
        self.told += data
        if not self._vanished:
            super()._on_sip(data)

    def _asked(self, request: Message) -> None:
        if request.method == "INVITE":
            self._tasks.append(asyncio.create_task(self._called(request)))
        else:
            self._reply(request, 200, "OK")
        if request.method == "CANCEL":
            self.cancelled.set()

    async def _called(self, invite: Message) -> None:
        """The telephone rings: by its policy it answers, is busy, or rings until cancelled."""
        self.incoming.append(invite)
        self.heard = Heard()
        self.ended.clear()
        self.cancelled.clear()
        self.answered.clear()
        if self.policy == "busy":
            self._reply(invite, 486, "Busy Here")
            return
        self._reply(invite, 180, "Ringing")
        waiting = None if self.policy == "ring" else self.ring_seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(waiting):
                await self.cancelled.wait()
                self._reply(invite, 487, "Request Terminated")
                return
        self._answer(invite)

    def _answer(self, invite: Message) -> None:
        self._reply(invite, 200, "OK", self.offer())
        self._call_id = invite.headers["call-id"]
        self._to, self._target = invite.headers["from"], uri_of(invite.headers["contact"])
        self._routes = invite.routes
        self._start_media(invite)
        self.answered.set()
