"""A SIP telephone for live tests: dials, presses keys, speaks, listens, answers; pure asyncio.

SIP over UDP (RFC 3261), A-law over RTP (RFC 3550), keys as telephone events (RFC 4733). What is
heard is kept by RTP timestamp, so that it can be compared with the clips byte for byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import re
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

FRAME = 160
FRAME_SECONDS = 0.020
SILENCE = b"\xd5" * FRAME
"""A frame of it in A-law."""
PCMA = 8
"""RTP's number for A-law."""
EVENT_PAYLOAD = 101
EVENTS = "0123456789*#ABCD"


@dataclass(frozen=True)
class Message:
    """One SIP message, as much of it as a telephone needs."""

    start: str
    headers: Mapping[str, str]
    body: str
    vias: tuple[str, ...]

    @classmethod
    def parse(cls, data: bytes) -> Message:
        head, _, body = data.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        pairs = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        vias = tuple(value for name, value in pairs if name.lower() in {"via", "v"})
        return cls(start, {name.lower(): value for name, value in pairs}, body, vias)

    @property
    def status(self) -> int | None:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else None

    @property
    def method(self) -> str:
        return self.headers["cseq"].split()[1] if self.status else self.start.split()[0]

    @property
    def media_port(self) -> int:
        found = re.search(r"^m=audio (\d+)", self.body, re.M)
        assert found, "no audio in the session description"
        return int(found[1])


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


def _alaw(sample: int) -> int:
    """One sample of 16 bits by ITU-T G.711."""
    sign = 0x80 if sample >= 0 else 0
    size = min(abs(sample), 32767) >> 4
    segment = max(size.bit_length() - 4, 0)
    step = (size >> max(segment - 1, 0)) & 0x0F
    return (sign | (segment << 4) | step) ^ 0x55


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, received) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data)


@dataclass
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
        return next(came for at, came in self.arrivals if at + FRAME > seconds * 8000)

    def silence_after(self, moment: float) -> float:
        """The longest stretch without sound from `moment` (the monotonic clock) until now."""
        loud = [
            came
            for at, came in self.arrivals
            if came > moment and self.audio[at : at + FRAME] != SILENCE
        ]
        times = [moment, *loud, time.monotonic()]
        return max(later - earlier for earlier, later in pairwise(times))


@dataclass(frozen=True)
class _Press:
    """One key: what it is, seconds of its tone and of the quiet after it."""

    key: str
    tone: float
    gap: float
    held_back: bool
    ends: int = 3
    """How many packets tell of its end."""


class Phone:
    """One telephone on loopback; `async with Phone.open(server_port) as phone`."""

    def __init__(
        self, server: tuple[str, int], user: str, password: str | None, host: str = "127.0.0.1"
    ) -> None:
        self.server = server
        self.host = host
        self.user = user
        self.password = password
        self.heard = Heard()
        self.ended = asyncio.Event()
        self.answered = asyncio.Event()
        self.incoming: list[Message] = []
        self.cancelled = asyncio.Event()
        self.last_status: int | None = None
        self._responses: asyncio.Queue[Message] = asyncio.Queue()
        self.sender: str | None = None
        """Its own From, without the tag, where another than its user's is wanted."""
        self.behind_router: str | None = None
        """Its own address, where that is not the one that it is heard from."""
        self._vanished = False
        self._stalled: list[bytes] | None = None
        """Packets that the network holds back; None while it brings each at once."""
        self.sends_media = True
        """Whether it sends RTP: a muted phone, or one that suppresses silence, does not."""
        self._call_id = f"{random.getrandbits(64):x}@{host}"
        self._tag = f"{random.getrandbits(32):x}"
        self._cseq = 0
        self._version = 0
        self._to = ""
        self._target = ""
        self._route_to: tuple[str, int] | None = None
        self._media_to: tuple[str, int] | None = None
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._ssrc = random.getrandbits(32)
        self._speech = bytearray()
        self._keys: asyncio.Queue[_Press] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.policy: str = "answer"
        self.ring_seconds = 0.0
        self._invite: Message | None = None
        self._branch = ""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        port: int,
        *,
        user: str = "guest",
        password: str | None = None,
        host: str = "127.0.0.1",
    ) -> AsyncIterator[Phone]:
        """`host`: the address on loopback (127.0.0.0/8) that it calls from."""
        phone = cls(("127.0.0.1", port), user, password, host)
        loop = asyncio.get_running_loop()
        phone._sip, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(phone._on_sip), local_addr=(host, 0)
        )
        phone._port = phone._sip.get_extra_info("sockname")[1]
        phone._rtp = await phone._new_media_port()
        try:
            yield phone
        finally:
            await phone.hang_up()
            for task in phone._tasks:
                task.cancel()
            await asyncio.gather(*phone._tasks, return_exceptions=True)
            phone._sip.close()
            phone._rtp.close()

    async def _new_media_port(self) -> asyncio.DatagramTransport:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(self.heard_packet), local_addr=(self.host, 0)
        )
        self._media_port = transport.get_extra_info("sockname")[1]
        return transport

    # --- calling --------------------------------------------------------------------------

    async def dial(
        self,
        number: str,
        *,
        parameters: str = "",
        within: float = 30.0,
        method: str = "INVITE",
        offer: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Call a number; returns the final status (200 when it was answered).

        `number` may be a whole user part with its parameters; `parameters` are the URI's.
        `offer`: another session description than this phone's usual one.
        """
        uri = f"sip:{number}@{self.server[0]}:{self.server[1]}"
        if not number:
            uri = f"sip:{self.server[0]}:{self.server[1]}"
        uri += parameters
        self._target, self._to = uri, f"<{uri}>"
        async with asyncio.timeout(within):
            answer = await self._request(
                method, uri, self.offer() if offer is None else offer, headers
            )
        self.last_status = answer.status
        if answer.status == 200 and method == "INVITE":
            self._to = answer.headers["to"]
            self._target = _uri(answer.headers["contact"])
            self._send_request("ACK", self._target, cseq=self._cseq)
            self._start_media(answer)
            self.answered.set()
        return answer.status or 0

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
        """A re-INVITE with another session description; its answer."""
        answer = await self.ask("INVITE", offer)
        assert answer is not None, "the re-INVITE was not answered"
        if answer.status == 200:
            self._send_request("ACK", self._target, cseq=self._cseq)
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

    async def hang_up(self) -> None:
        """Put the receiver down, whatever the call has come to."""
        if self.answered.is_set() and not self.ended.is_set():
            self.ended.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await self._request("BYE", self._target)

    def cut_off(self) -> None:
        """Vanish without a word, as a phone whose battery is empty."""
        self._vanished = True
        self.ended.set()

    async def wait_for_end(self, *, within: float) -> None:
        """Until the other side hangs up."""
        async with asyncio.timeout(within):
            await self.ended.wait()

    # --- talking --------------------------------------------------------------------------

    def press(
        self, keys: str, *, tone: float = 0.08, gap: float = 0.08, held_back: bool = False
    ) -> None:
        """Queue keys; they are sent one after another.

        `held_back`: the packets of each come at once, as when a network has stalled meanwhile.
        """
        for key in keys:
            self._keys.put_nowait(_Press(key, tone, gap, held_back))

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
        self._keys.put_nowait(_Press(key, tone, gap, held_back=False, ends=0))

    def throw(self, packet: bytes) -> None:
        """Anything at all, from the socket that sends its speech."""
        self._rtp.sendto(packet, self._media_to)

    def interpose(self, packet: bytes) -> None:
        """The same, as one of the packets of its speech: in their order, from their source."""
        self._send_rtp(packet[1] & 0x7F, packet[12:], self._timestamp)

    def speak(self, alaw: bytes) -> None:
        """Queue audio; silence is sent when there is none."""
        self._speech += alaw

    def heard_packet(self, packet: bytes) -> None:
        if len(packet) > 12:
            self.heard.take(packet)

    def _start_media(self, description: Message) -> None:
        self._media_to = ("127.0.0.1", description.media_port)
        self._tasks.append(asyncio.create_task(self._media()))

    async def _media(self) -> None:
        """One packet every 20 ms: a key's event while one is pressed, else audio."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.ended.is_set():
            if not self.sends_media:
                due = await _next_frame(due)
            elif self._keys.empty():
                self._send_audio()
                due = await _next_frame(due)
            else:
                due = await self._send_key(self._keys.get_nowait(), due)

    def _send_audio(self) -> None:
        frame = bytes(self._speech[:FRAME]).ljust(FRAME, SILENCE[:1])
        del self._speech[:FRAME]
        self._send_rtp(8, frame, self._timestamp)
        self._timestamp += FRAME

    async def _send_key(self, press: _Press, due: float) -> float:
        event, began = EVENTS.index(press.key), self._timestamp
        steps = max(2, round(press.tone / FRAME_SECONDS))
        for step in range(1, steps + 1):
            duration = step * FRAME
            end = step == steps
            for _ in range(press.ends if end else 1):
                flags = 0x8A if end else 0x0A
                self._send_event(event, flags, duration, began, marker=step == 1)
            if not press.held_back:
                due = await _next_frame(due)
        self._timestamp += steps * FRAME
        for _ in range(max(1, round(press.gap / FRAME_SECONDS))):
            self._send_audio()
            due = await _next_frame(due)
        return due

    def _send_event(
        self, event: int, flags: int, duration: int, began: int, *, marker: bool = False
    ) -> None:
        body = struct.pack("!BBH", event, flags, duration)
        self._send_rtp(EVENT_PAYLOAD, body, began, marker=marker)

    def _send_rtp(self, payload: int, body: bytes, timestamp: int, *, marker: bool = False) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        head = struct.pack(
            "!BBHII",
            0x80,
            payload | (0x80 if marker else 0),
            self._sequence,
            timestamp & 0xFFFFFFFF,
            self._ssrc,
        )
        if self._stalled is None:
            self._rtp.sendto(head + body, self._media_to)
        else:
            self._stalled.append(head + body)

    # --- SIP ------------------------------------------------------------------------------

    def offer(self, *, events: bool = True, direction: str = "sendrecv") -> str:
        """A session description: A-law, and keys as telephone events where `events`."""
        self._version += 1
        payloads = f"8 {EVENT_PAYLOAD}" if events else "8"
        keys = f"a=rtpmap:{EVENT_PAYLOAD} telephone-event/8000\r\na=fmtp:{EVENT_PAYLOAD} 0-15\r\n"
        return (
            f"v=0\r\no=- {self._ssrc} {self._version} IN IP4 {self.host}\r\ns=-\r\n"
            f"c=IN IP4 {self.behind_router or self.host}\r\nt=0 0\r\n"
            f"m=audio {self._media_port} RTP/AVP {payloads}\r\n"
            f"a=rtpmap:8 PCMA/8000\r\n{keys if events else ''}a=ptime:20\r\na={direction}\r\n"
        )

    async def _request(
        self, method: str, uri: str, body: str = "", extra: Mapping[str, str] | None = None
    ) -> Message:
        """Send a request and return its final response; authenticates once when asked to."""
        self._cseq += 1
        self._send_request(method, uri, body=body, extra=extra)
        answer = await self._final(method)
        if answer.status in {401, 407} and self.password is not None:
            if method == "INVITE":
                self._send_request("ACK", uri, cseq=self._cseq, branch=self._branch)
            self._cseq += 1
            proof = self._digest(method, uri, answer)
            self._send_request(method, uri, body=body, extra={**(extra or {}), **proof})
            answer = await self._final(method)
        if method == "INVITE" and answer.status and answer.status >= 300:
            self._send_request("ACK", uri, cseq=self._cseq, branch=self._branch)
        return answer

    async def _final(self, method: str) -> Message:
        while True:
            answer = await self._responses.get()
            wanted = answer.headers["cseq"] == f"{self._cseq} {method}"
            if wanted and answer.status and answer.status >= 200:
                return answer

    def _send_request(
        self,
        method: str,
        uri: str,
        *,
        body: str = "",
        cseq: int | None = None,
        branch: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._branch = branch or f"z9hG4bK{random.getrandbits(48):x}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self._port};branch={self._branch};rport",
            "Max-Forwards: 70",
            f"From: {self.sender or f'<sip:{self.user}@{self.host}>'};tag={self._tag}",
            f"To: {self._to}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {cseq or self._cseq} {method}",
            f"Contact: <sip:{self.user}@{self.host}:{self._port}>",
            *(f"{name}: {value}" for name, value in (extra or {}).items()),
        ]
        if body and "Content-Type" not in (extra or {}):
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        self._sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self.server)

    def _digest(self, method: str, uri: str, challenge: Message) -> dict[str, str]:
        name = "www-authenticate" if challenge.status == 401 else "proxy-authenticate"
        asked = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.headers[name]))
        assert self.password is not None
        ha1 = _md5(f"{self.user}:{asked['realm']}:{self.password}")
        ha2 = _md5(f"{method}:{uri}")
        cnonce, count = f"{random.getrandbits(32):x}", "00000001"
        response = _md5(f"{ha1}:{asked['nonce']}:{count}:{cnonce}:auth:{ha2}")
        header = "Authorization" if challenge.status == 401 else "Proxy-Authorization"
        return {
            header: f'Digest username="{self.user}", realm="{asked["realm"]}", '
            f'nonce="{asked["nonce"]}", uri="{uri}", response="{response}", algorithm=MD5, '
            f'qop=auth, nc={count}, cnonce="{cnonce}"'
            + (f', opaque="{asked["opaque"]}"' if "opaque" in asked else "")
        }

    def _on_sip(self, data: bytes) -> None:
        # Besides messages there are keep-alives, and sound for who had this port before.
        if self._vanished or not data[:1].isalpha():
            return
        message = Message.parse(data)
        if message.status is not None:
            self._responses.put_nowait(message)
        elif message.method == "BYE":
            self._reply(message, 200, "OK")
            self.ended.set()
        elif message.method == "INVITE" and ";tag=" in message.headers["to"]:
            self._reply(message, 200, "OK", self.offer())
        elif message.method == "INVITE":
            self._tasks.append(asyncio.create_task(self._called(message)))
        elif message.method == "CANCEL":
            self._reply(message, 200, "OK")
            self.cancelled.set()
        elif message.method != "ACK":
            self._reply(message, 200, "OK")

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
        tag = f"{invite.headers['to']};tag={self._tag}"
        self._call_id = invite.headers["call-id"]
        self._to, self._target = invite.headers["from"], _uri(invite.headers["contact"])
        self._local = tag
        self._start_media(invite)
        self.answered.set()

    def _reply(self, request: Message, status: int, reason: str, body: str = "") -> None:
        to = request.headers["to"]
        if ";tag=" not in to:
            to += f";tag={self._tag}"
        lines = [
            f"SIP/2.0 {status} {reason}",
            *(f"Via: {via}" for via in request.vias),
            f"From: {request.headers['from']}",
            f"To: {to}",
            f"Call-ID: {request.headers['call-id']}",
            f"CSeq: {request.headers['cseq']}",
            f"Contact: <sip:{self.user}@{self.host}:{self._port}>",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        self._sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self.server)


async def _next_frame(due: float) -> float:
    """Wait until the next packet is due; a phone that was held up goes on from now.

    Packets that make up for lost time come in a burst, and Asterisk doubles keys that do.
    """
    now = asyncio.get_running_loop().time()
    due = max(due, now - FRAME_SECONDS) + FRAME_SECONDS
    await asyncio.sleep(max(0, due - now))
    return due


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _uri(header: str) -> str:
    found = re.search(r"<([^>]+)>", header)
    return found[1] if found else header.split(";", maxsplit=1)[0]
