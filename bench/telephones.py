"""Many telephones in one process, cheap enough to leave the machine to what is measured.

`python -m bench.telephones PORT NUMBER CALLS SECONDS COURSE` reads the sounds as JSON (name → file)
from its standard input. Everybody calls, listens for a while, then presses the keys of the course
over and over. A line `begin` and a line of JSON frame the time in which all of them press.

One loop over plain sockets: 50 packets a second each way and call cost some 0.2 ms together. When
a packet came is told by the kernel, so a busy loop here makes no figure worse.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import select
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ivr.probe.sip import Message
from ivr.probe.sound import FRAME, FRAME_SECONDS, SILENCE
from ivr.probe.telephone import EVENTS

HOST = "127.0.0.1"
EVENT, AUDIO = 101, 8
TONE_FRAMES = 4
"""Of 20 ms: how long a key is pressed."""
PATIENCE_SECONDS = 0.9
"""A prompt that has not begun by then never did."""
CALLING_SECONDS = 0.04
"""From one telephone to the next: nobody measures how fast a line picks up."""
LONGEST_CALLING = 18.0
"""For all of them: a menu that is not answered hangs up before the last has called."""
HANGING_UP_SECONDS = 0.005
"""From one to the next: as many at once as telephones are more than a socket keeps for later."""
AGAIN_SECONDS = 0.5
"""T1 of RFC 3261, 17.1.1.1."""
ENDING_SECONDS = 15.0
_TIMESTAMPS = 35
"""SO_TIMESTAMPNS (socket(7)): the kernel tells when each datagram came."""


@dataclass(frozen=True)
class Press:
    """A key, the prompt that answers it (None: a key does), and the time until the next."""

    key: str
    answered: str | None
    pause: float


COURSES: Mapping[str, tuple[Press, ...]] = {
    "menus": (Press("1", "account", 1.0), Press("*", "main", 1.0)),
    "balance": (
        Press("1", "account", 0.6),
        Press("1", "ask", 0.6),
        *(Press(digit, None, 0.2) for digit in "99010220001212012"),
        Press("7", "readout", 1.0),
        Press("*", "account", 0.6),
        Press("*", "main", 0.6),
    ),
    "held": (Press("0", None, 3600.0),),
}
LONGEST_SPREAD = 20.0
"""Seconds over which the first keys of all telephones are spread, at most."""
SETTLING: Mapping[str, float] = {"held": 20.0}
"""Seconds from the first keys until what counts begins; else two."""


@dataclass(frozen=True)
class Sound:
    """By which frame a prompt is known, and how many frames come before it."""

    frame: bytes
    before: int

    @classmethod
    def of(cls, path: Path) -> Sound:
        """The first frame that is speech; what comes before is all but silent, and anybody's."""
        content = path.read_bytes()
        frames = [content[at : at + FRAME] for at in range(0, 50 * FRAME, FRAME)]
        return next(cls(frame, k) for k, frame in enumerate(frames) if len(set(frame)) > 60)


@dataclass
class Telephone:
    """One call: what it has pressed, and what it waits to hear."""

    number: int
    sounds: Mapping[str, Sound]
    course: tuple[Press, ...]
    answers: dict[str, list[float]]
    """Milliseconds from release to the first frame, by prompt."""
    failures: Counter[str]
    rtp: socket.socket = field(init=False)
    sip: dict[str, str] = field(default_factory=dict)
    state: str = "new"
    media: tuple[str, int] | None = None
    due: float = 0.0
    """When the next packet is."""
    press_at: float = float("inf")
    pressed: int = 0
    """Frames of the key that is pressed just now; 0: none."""
    step: int = 0
    released: float = 0.0
    waits_for: str | None = None
    _came: deque[float] = field(default_factory=lambda: deque(maxlen=50))

    def __post_init__(self) -> None:
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        self.rtp.bind((HOST, 0))
        self.rtp.setblocking(False)
        self._packet = bytearray(12) + SILENCE
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._ssrc = random.getrandbits(32)

    # --- what it sends ---------------------------------------------------------------------------

    def tick(self, now: float) -> int:
        """The packet that is due; the keys that were released with it."""
        self.due = max(self.due, now - FRAME_SECONDS) + FRAME_SECONDS
        self._sequence = (self._sequence + 1) % 2**16
        self._timestamp = (self._timestamp + FRAME) % 2**32
        if self.pressed:
            return self._hold_key(now)
        if now >= self.press_at:
            self._too_late()
            self.pressed, self._began = 1, self._timestamp
            self._send_event(0x0A, self.pressed * FRAME, marker=0x80)
            return 0
        struct.pack_into(
            "!BBHII", self._packet, 0, 0x80, AUDIO, self._sequence, self._timestamp, self._ssrc
        )
        self._send(self._packet)
        return 0

    def _hold_key(self, now: float) -> int:
        self.pressed += 1
        if self.pressed <= TONE_FRAMES:
            self._send_event(0x0A, self.pressed * FRAME)
            return 0
        self._release(now)
        return 1

    def _release(self, now: float) -> None:
        press = self.course[self.step]
        self.released = time.time()
        for _ in range(3):
            self._send_event(0x8A, (self.pressed - 1) * FRAME)
            self._sequence = (self._sequence + 1) % 2**16
        self.waits_for, self.pressed = press.answered, 0
        self._came.clear()
        self.press_at = now + press.pause - (TONE_FRAMES + 1) * FRAME_SECONDS
        self.step = (self.step + 1) % len(self.course)

    def _send_event(self, flags: int, duration: int, marker: int = 0) -> None:
        key = EVENTS.index(self.course[self.step].key)
        self._send(
            struct.pack("!BBHII", 0x80, EVENT | marker, self._sequence, self._began, self._ssrc)
            + struct.pack("!BBH", key, flags, duration)
        )

    def _send(self, packet: bytes | bytearray) -> None:
        if self.media is not None:
            self.rtp.sendto(packet, self.media)

    # --- what it hears ---------------------------------------------------------------------------

    def hear(self) -> None:
        """All packets that have come; looked at only while a prompt is waited for."""
        while True:
            try:
                if self.waits_for is None:
                    self.rtp.recv(512)
                    continue
                packet, extra, _, _ = self.rtp.recvmsg(512, 64)
            except BlockingIOError:
                return
            if len(packet) == 12 + FRAME:
                self._listen(packet[12:], extra)

    def _listen(self, frame: bytes, extra: list[tuple[int, int, bytes]]) -> None:
        assert self.waits_for is not None
        seconds, nanoseconds = struct.unpack("qq", extra[0][2])
        self._came.append(seconds + nanoseconds / 1e9)
        sound = self.sounds[self.waits_for]
        if frame == sound.frame and len(self._came) > sound.before:
            first = self._came[-1 - sound.before]
            self.answers.setdefault(self.waits_for, []).append((first - self.released) * 1000)
            self.waits_for = None

    def _too_late(self) -> None:
        if self.waits_for is not None:
            self.failures[f"{self.waits_for} not heard"] += 1
            self.waits_for = None


class Exchange:
    """All telephones on one SIP socket (RFC 3261, as much of it as a call needs)."""

    def __init__(self, port: int, number: str, phones: list[Telephone]) -> None:
        self._server = (HOST, port)
        self._uri = f"sip:{number}@{HOST}:{port}"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)
        self._port = self.socket.getsockname()[1]
        self._phones = {f"{random.getrandbits(64):x}": phone for phone in phones}
        self._ids = {phone.number: name for name, phone in self._phones.items()}
        self._run = f"{random.getrandbits(32):x}"
        """Part of each branch: to Asterisk one that it has met in the last 32 s comes again, and
        the call of a BYE that does is not ended (RFC 3261, 17.2.3)."""

    def dial(self, phone: Telephone) -> None:
        phone.state = "dialled"
        phone.sip = {
            "to": f"<{self._uri}>",
            "target": self._uri,
            "tag": f"{phone.number}t{self._run}",
        }
        self._request(phone, "INVITE", 1, self._offer(phone))

    def hang_up(self, phone: Telephone) -> None:
        if phone.state == "up":
            self._request(phone, "BYE", 2)

    def hear(self) -> None:
        """All messages that have come."""
        while True:
            try:
                data = self.socket.recv(65535)
            except BlockingIOError:
                return
            if data[:1].isalpha():
                self._take(Message.parse(data))

    def _take(self, message: Message) -> None:
        phone = self._phones.get(message.headers["call-id"])
        if phone is None:
            return
        if message.status is None:
            self._answer(message, phone)
        elif message.method == "BYE" and message.status == 200:
            phone.state = "ended"
        elif message.method == "INVITE" and message.status >= 200:
            self._answered(phone, message)

    def _answered(self, phone: Telephone, message: Message) -> None:
        if message.status != 200:
            phone.state = "refused"
            phone.failures[f"answered {message.status}"] += 1
            return
        if phone.state == "dialled":
            phone.media, phone.state = (HOST, message.media_port), "up"
        phone.sip["to"] = message.headers["to"]
        phone.sip["target"] = re.sub(r".*<([^>]+)>.*", r"\1", message.headers["contact"])
        self._request(phone, "ACK", 1)

    def _answer(self, message: Message, phone: Telephone) -> None:
        if message.method == "BYE" and phone.state == "up":
            phone.state = "ended"
            phone.failures["hung up on"] += 1
        if message.method == "ACK":
            return
        body = self._offer(phone) if message.method == "INVITE" else ""
        kept = (f"{name}: {message.headers[name.lower()]}" for name in ("From", "To", "Call-ID"))
        self._send(
            "SIP/2.0 200 OK",
            [*(f"Via: {via}" for via in message.vias), *kept, f"CSeq: {message.headers['cseq']}"],
            body,
        )

    def _request(self, phone: Telephone, method: str, sequence: int, body: str = "") -> None:
        branch = f"z9hG4bK{phone.number}{method}{sequence}{phone.sip['tag']}"
        self._send(
            f"{method} {phone.sip['target']} SIP/2.0",
            [
                f"Via: SIP/2.0/UDP {HOST}:{self._port};branch={branch};rport",
                "Max-Forwards: 70",
                f"From: <sip:guest@{HOST}>;tag={phone.sip['tag']}",
                f"To: {phone.sip['to']}",
                f"Call-ID: {self._ids[phone.number]}",
                f"CSeq: {sequence} {method}",
            ],
            body,
        )

    def _send(self, start: str, headers: list[str], body: str) -> None:
        lines = [start, *headers, f"Contact: <sip:guest@{HOST}:{self._port}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        self.socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self._server)

    def _offer(self, phone: Telephone) -> str:
        return (
            f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
            f"m=audio {phone.rtp.getsockname()[1]} RTP/AVP {AUDIO} {EVENT}\r\n"
            f"a=rtpmap:{EVENT} telephone-event/8000\r\na=fmtp:{EVENT} 0-15\r\na=sendrecv\r\n"
        )


class Evening:
    """All calls of one run, in one loop."""

    def __init__(self, exchange: Exchange, phones: list[Telephone]) -> None:
        self._exchange = exchange
        self._phones = phones
        self._poll = select.epoll()
        self._poll.register(exchange.socket, select.EPOLLIN)
        self._of = {phone.rtp.fileno(): phone for phone in phones}
        for number in self._of:
            self._poll.register(number, select.EPOLLIN)
        self.keys = 0

    def until(self, moment: float) -> None:
        """Send and hear until then (the monotonic clock)."""
        order = sorted(self._phones, key=lambda phone: phone.due)
        while (now := time.monotonic()) < moment:
            for phone in order:
                if phone.state == "up" and phone.due <= now:
                    self.keys += phone.tick(now)
            soonest = min((p.due for p in self._phones if p.state == "up"), default=now + 0.02)
            for number, _ in self._poll.poll(max(0.0005, min(soonest - time.monotonic(), 0.02))):
                if phone_ := self._of.get(number):
                    phone_.hear()
                else:
                    self._exchange.hear()

    def call(self) -> None:
        pause = min(CALLING_SECONDS, LONGEST_CALLING / len(self._phones))
        for place, phone in enumerate(self._phones):
            phone.due = time.monotonic() + FRAME_SECONDS * (place / len(self._phones))
            self._exchange.dial(phone)
            self.until(time.monotonic() + pause)

    def press(self, seconds: float, settling: float) -> None:
        """Everybody presses, evenly spread over the course; after that and `settling`, so many
        seconds count.
        """
        now = time.monotonic()
        course = sum(press.pause for press in self._phones[0].course)
        spread = min(course, LONGEST_SPREAD)
        for place, phone in enumerate(self._phones):
            phone.press_at = now + spread * place / len(self._phones)
        begin = now + spread + settling
        self.until(begin)
        for phone in self._phones:
            phone.answers.clear()
        self.keys = 0
        print("begin", flush=True)
        self.until(begin + seconds)

    def end(self) -> None:
        """Whoever is left on the line would be in the next one's way."""
        latest = time.monotonic() + ENDING_SECONDS
        while (left := [p for p in self._phones if p.state == "up"]) and time.monotonic() < latest:
            for phone in left:  # again where nothing came back (RFC 3261, 17.1.2.2)
                self._exchange.hang_up(phone)
                self.until(time.monotonic() + HANGING_UP_SECONDS)
            self.until(time.monotonic() + AGAIN_SECONDS)
        if left:
            sys.exit(f"{len(left)} calls could not be ended")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("number")
    parser.add_argument("calls", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("course", choices=COURSES)
    parser.add_argument("--listen", type=float, default=7.0, help="seconds before the first key")
    return parser.parse_args()


def main() -> None:
    chosen = _arguments()
    sounds = {name: Sound.of(Path(path)) for name, path in json.load(sys.stdin).items()}
    answers: dict[str, list[float]] = {}
    failures = Counter[str]()
    phones = [
        Telephone(number, sounds, COURSES[chosen.course], answers, failures)
        for number in range(chosen.calls)
    ]
    evening = Evening(Exchange(chosen.port, chosen.number, phones), phones)
    evening.call()
    evening.until(time.monotonic() + chosen.listen)
    evening.press(chosen.seconds, SETTLING.get(chosen.course, 2.0))
    told = {
        "keys": evening.keys,
        "up": sum(phone.state == "up" for phone in phones),
        "failures": dict(failures),
        "ms": {name: [round(each, 3) for each in spent] for name, spent in answers.items()},
        "callers": time.process_time(),
    }
    print(json.dumps(told), flush=True)
    evening.end()


if __name__ == "__main__":
    main()
