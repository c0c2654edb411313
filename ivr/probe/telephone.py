"""A SIP telephone: dials, presses keys, listens, hangs up; pure asyncio, one call.

SIP over UDP (RFC 3261), A-law over RTP (RFC 3550), keys as telephone events (RFC 4733). What is
heard is kept by RTP sequence, so that it can be compared with the clips byte for byte.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

from ivr.probe.sip import Message, SipFault, proof, uri_of
from ivr.probe.sound import FRAME, FRAME_SECONDS, PCMA, SILENCE, Heard

EVENT_PAYLOAD = 101
EVENTS = "0123456789*#ABCD"
FIRST_REPEAT_SECONDS = 0.5
"""RFC 3261, T1: a request that nothing has answered is sent again after so long, then later."""
GOODBYE_SECONDS = 10.0

Address = tuple[str, int]


class Datagrams(asyncio.DatagramProtocol):
    """Hands over what comes; an ICMP refusal is no news, for an answer is waited for anyway."""

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: object) -> None:
        """One datagram."""
        self._received(data)


@dataclass(frozen=True, slots=True)
class Press:
    """One key: what it is, seconds of its tone and of the quiet after it."""

    key: str
    tone: float
    gap: float
    held_back: bool = False
    """Its packets come at once, as when a network has stalled meanwhile."""
    ends: int = 3
    """How many packets tell of its end."""


class Telephone:
    """One telephone; `async with Telephone.connected(server) as phone`."""

    def __init__(self, server: Address, user: str, password: str | None, host: str) -> None:
        self.server = server
        self.host = host
        self.user = user
        self.password = password
        self.heard = Heard()
        self.ended = asyncio.Event()
        self.answered = asyncio.Event()
        self.last_status: int | None = None
        self.released = 0.0, 0
        """When the last key was released (the monotonic clock), and how much was heard by then."""
        self.sender: str | None = None
        """Its own From, without the tag, where another than its user's is wanted."""
        self._responses: asyncio.Queue[Message] = asyncio.Queue()
        self._call_id = f"{random.getrandbits(64):x}@{host}"
        self._tag = f"{random.getrandbits(32):x}"
        self._cseq = 0
        self._version = 0
        self._to = ""
        self._target = ""
        self._routes: tuple[str, ...] = ()
        self._accepted = 0
        """CSeq of the INVITE that was answered."""
        self._media_to: Address | None = None
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._ssrc = random.getrandbits(32)
        self._speech = bytearray()
        self._keys: asyncio.Queue[Press] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._branch = ""
        self._sip: asyncio.DatagramTransport
        self._port: int
        self._rtp: asyncio.DatagramTransport
        self._media_port: int

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        server: Address,
        *,
        user: str = "guest",
        password: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> AsyncIterator[Self]:
        """`host` and `port`: of this machine, from which it calls; 0: any port."""
        phone = cls(server, user, password, host)
        loop = asyncio.get_running_loop()
        phone._sip, _ = await loop.create_datagram_endpoint(
            lambda: Datagrams(phone._on_sip), local_addr=(host, port)
        )
        try:
            phone._port = phone._sip.get_extra_info("sockname")[1]
            phone._rtp = await phone._new_media_port()
            yield phone
        finally:
            await phone._close()

    async def _close(self) -> None:
        try:
            await self.hang_up()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._sip.close()
            self._rtp.close()

    async def _new_media_port(self) -> asyncio.DatagramTransport:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(self.heard_packet), local_addr=(self.host, 0)
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
        offer: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Call a number; returns the final status (200 when it was answered).

        `number` may be a whole user part with its parameters; `parameters` are the URI's.
        `offer`: another session description than this phone's usual one. TimeoutError when nobody
        answers within `within` seconds, SipFault when what is answered cannot be understood.
        """
        uri = self._aim(number, parameters)
        async with asyncio.timeout(within):
            answer = await self._request(
                "INVITE", uri, self.offer() if offer is None else offer, headers
            )
        self.last_status = answer.status
        if answer.status == 200:
            self._to = answer.headers["to"]
            self._target = uri_of(answer.headers["contact"])
            self._routes = tuple(reversed(answer.routes))
            self._accepted = self._cseq
            self._acknowledge(self._cseq)
            self.answered.set()
            self._start_media(answer)
        return answer.status or 0

    async def send(
        self,
        method: str,
        number: str,
        *,
        headers: Mapping[str, str] | None = None,
        within: float = 30.0,
    ) -> int:
        """A request that is no call; the status of its final answer, or TimeoutError."""
        uri = self._aim(number)
        async with asyncio.timeout(within):
            answer = await self._request(method, uri, "", headers)
        return answer.status or 0

    def _aim(self, number: str, parameters: str = "") -> str:
        """Whom what is sent next is for; without a number the server itself."""
        whose = f"{number}@" if number else ""
        self._target = f"sip:{whose}{self.server[0]}:{self.server[1]}{parameters}"
        self._to = f"<{self._target}>"
        return self._target

    async def hang_up(self) -> None:
        """Put the receiver down, whatever the call has come to."""
        if self.answered.is_set() and not self.ended.is_set():
            self.ended.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._request("BYE", self._target)

    async def wait_for_end(self, *, within: float) -> None:
        """Until the other side hangs up."""
        async with asyncio.timeout(within):
            await self.ended.wait()

    # --- talking --------------------------------------------------------------------------

    def press(self, keys: str, *, tone: float = 0.08, gap: float = 0.08) -> None:
        """Queue keys; they are sent one after another."""
        for key in keys:
            self._keys.put_nowait(Press(key, tone, gap))

    async def pressed(self) -> None:
        """Return when the last key that was queued has been released, or the call is over."""
        ended = asyncio.create_task(self.ended.wait())
        released = asyncio.create_task(self._keys.join())
        try:
            await asyncio.wait({ended, released}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            released.cancel()

    def speak(self, alaw: bytes) -> None:
        """Queue audio; silence is sent when there is none."""
        self._speech += alaw

    def heard_packet(self, packet: bytes) -> None:
        """A datagram of the other side's sound."""
        if len(packet) > 12:
            self.heard.take(packet)

    def _start_media(self, description: Message) -> None:
        self._media_to = self._where_to_speak(description)
        self._tasks.append(asyncio.create_task(self._media()))

    def _where_to_speak(self, description: Message) -> Address:
        return description.media_host, description.media_port

    async def _media(self) -> None:
        """One packet every 20 ms: a key's event while one is pressed, else audio."""
        due = asyncio.get_running_loop().time()
        while not self.ended.is_set():
            if self._keys.empty():
                self._send_audio()
                due = await next_frame(due)
            else:
                due = await self._send_key(self._keys.get_nowait(), due)

    def _send_audio(self) -> None:
        frame = bytes(self._speech[:FRAME]).ljust(FRAME, SILENCE[:1])
        del self._speech[:FRAME]
        self._send_rtp(PCMA, frame, self._timestamp)
        self._timestamp += FRAME

    async def _send_key(self, press: Press, due: float) -> float:
        event, began = EVENTS.index(press.key), self._timestamp
        steps = max(2, round(press.tone / FRAME_SECONDS))
        for step in range(1, steps + 1):
            duration = step * FRAME
            end = step == steps
            for _ in range(press.ends if end else 1):
                flags = 0x8A if end else 0x0A
                self._send_event(event, flags, duration, began, marker=step == 1)
            self.released = time.monotonic(), len(self.heard.audio)
            if not press.held_back:
                due = await next_frame(due)
        self._timestamp += steps * FRAME
        self._keys.task_done()
        for _ in range(max(1, round(press.gap / FRAME_SECONDS))):
            self._send_audio()
            due = await next_frame(due)
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
        self._send_packet(head + body)

    def _send_packet(self, packet: bytes) -> None:
        self._rtp.sendto(packet, self._media_to)

    # --- SIP ------------------------------------------------------------------------------

    def offer(self, *, events: bool = True, direction: str = "sendrecv") -> str:
        """A session description: A-law, and keys as telephone events where `events`."""
        self._version += 1
        payloads = f"8 {EVENT_PAYLOAD}" if events else "8"
        keys = f"a=rtpmap:{EVENT_PAYLOAD} telephone-event/8000\r\na=fmtp:{EVENT_PAYLOAD} 0-15\r\n"
        return (
            f"v=0\r\no=- {self._ssrc} {self._version} IN IP4 {self.host}\r\ns=-\r\n"
            f"c=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {self._media_port} RTP/AVP {payloads}\r\n"
            f"a=rtpmap:8 PCMA/8000\r\n{keys if events else ''}a=ptime:20\r\na={direction}\r\n"
        )

    async def _request(
        self, method: str, uri: str, body: str = "", extra: Mapping[str, str] | None = None
    ) -> Message:
        """Send a request and return its final response; authenticates once when asked to."""
        answer = await self._sent(method, uri, body, extra)
        if answer.status in {401, 407} and self.password is not None:
            if method == "INVITE":
                self._send_request("ACK", uri, cseq=self._cseq)
            proven = proof(method, uri, answer, self.user, self.password)
            answer = await self._sent(method, uri, body, {**(extra or {}), **proven})
        if method == "INVITE" and answer.status and answer.status >= 300:
            self._send_request("ACK", uri, cseq=self._cseq)
        return answer

    async def _sent(
        self, method: str, uri: str, body: str, extra: Mapping[str, str] | None
    ) -> Message:
        """One request, sent again until something answers, and its final response."""
        self._cseq += 1
        cseq, self._branch = self._cseq, _new_branch()
        pause, wanted = FIRST_REPEAT_SECONDS, f"{cseq} {method}"
        while True:
            self._send_request(method, uri, cseq=cseq, body=body, extra=extra)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    answer = await self._response(wanted)
                return await self._final(answer, wanted)
            pause = min(pause * 2, 4.0)

    async def _response(self, wanted: str) -> Message:
        while True:
            answer = await self._responses.get()
            if answer.headers["cseq"] == wanted:
                return answer

    async def _final(self, answer: Message, wanted: str) -> Message:
        while not answer.status or answer.status < 200:
            answer = await self._response(wanted)
        return answer

    def _send_request(
        self,
        method: str,
        uri: str,
        *,
        cseq: int,
        body: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        routes = self._routes if self.answered.is_set() or method == "ACK" else ()
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self._port};branch={self._branch};rport",
            "Max-Forwards: 70",
            *(f"Route: {route}" for route in routes),
            f"From: {self.sender or f'<sip:{self.user}@{self.host}>'};tag={self._tag}",
            f"To: {self._to}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.user}@{self.host}:{self._port}>",
            *(f"{name}: {value}" for name, value in (extra or {}).items()),
        ]
        if body and "Content-Type" not in (extra or {}):
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        self._sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self.server)

    def _acknowledge(self, cseq: int) -> None:
        """An INVITE was answered 200: the ACK is a transaction of its own."""
        self._branch = _new_branch()
        self._send_request("ACK", self._target, cseq=cseq)

    def _on_sip(self, data: bytes) -> None:
        # Besides messages there are keep-alives, and sound for who had this port before.
        if not data[:1].isalpha():
            return
        with suppress(KeyError, IndexError, ValueError, SipFault):  # no message of a call of ours
            self._take(Message.parse(data))

    def _take(self, message: Message) -> None:
        if message.status is not None:
            self._answered_with(message)
        elif message.method == "BYE":
            self._reply(message, 200, "OK")
            self.ended.set()
        elif message.method == "INVITE" and ";tag=" in message.headers["to"]:
            self._reply(message, 200, "OK", self.offer())
        elif message.method != "ACK":
            self._asked(message)

    def _answered_with(self, message: Message) -> None:
        """An answer that comes again has not heard our ACK."""
        again = message.headers["cseq"] == f"{self._accepted} INVITE"
        if again and message.status == 200 and self._accepted:
            self._acknowledge(self._accepted)
        else:
            self._responses.put_nowait(message)

    def _asked(self, request: Message) -> None:
        """A request that is no part of a call of ours, or asks nothing of us."""
        self._reply(request, 200, "OK")

    def _reply(self, request: Message, status: int, reason: str, body: str = "") -> None:
        to = request.headers["to"]
        if ";tag=" not in to:
            to += f";tag={self._tag}"
        lines = [
            f"SIP/2.0 {status} {reason}",
            *(f"Via: {via}" for via in request.vias),
            *(f"Record-Route: {route}" for route in request.routes),
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


def _new_branch() -> str:
    return f"z9hG4bK{random.getrandbits(48):x}"


async def next_frame(due: float) -> float:
    """Wait until the next packet is due; a phone that was held up goes on from now.

    Packets that make up for lost time come in a burst, and Asterisk doubles keys that do.
    """
    now = asyncio.get_running_loop().time()
    due = max(due, now - FRAME_SECONDS) + FRAME_SECONDS
    await asyncio.sleep(max(0, due - now))
    return due
