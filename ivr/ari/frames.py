"""A websocket's client side in bytes, as much of it as the link needs (RFC 6455); pure."""

from __future__ import annotations

import base64
import hashlib
import random
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""
_FINAL, _MASKED = 0x80, 0x80
_SHORT, _LONG = 126, 127
"""In place of a length: it follows in two bytes, or in eight."""


class BrokenFrame(Exception):
    """What came is no websocket's, and nothing after it can be understood."""


class Opcode(IntEnum):
    """What a frame is (5.2); control frames are those from CLOSE on."""

    MORE = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Opening:
    """The request that makes an HTTP connection a websocket, and the answer to it (section 4)."""

    request: bytes
    accept: bytes

    @classmethod
    def of(cls, target: str, headers: Mapping[str, str]) -> Opening:
        """`target`: path and query. `headers`: Host, and what else the server wants."""
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        own = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
        }
        lines = [f"{name}: {value}" for name, value in {**headers, **own}.items()]
        request = "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""])
        proof = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
        return cls(request.encode(), base64.b64encode(proof))

    def status(self, head: bytes) -> int:
        """How it was answered: 101, or why not. BrokenFrame where that is no answer to it."""
        try:
            status = int(head.split(b" ", 2)[1])
        except (IndexError, ValueError) as odd:
            raise BrokenFrame("no HTTP") from odd
        if status == 101 and self.accept not in head:
            raise BrokenFrame("another websocket's answer")
        return status


def framed(opcode: Opcode, payload: bytes) -> bytes:
    """One whole frame, masked, as a client's must be (5.3)."""
    size = len(payload)
    if size < _SHORT:
        head = bytes((_FINAL | opcode, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((_FINAL | opcode, _MASKED | _SHORT)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FINAL | opcode, _MASKED | _LONG)) + size.to_bytes(8, "big")
    key = random.getrandbits(32).to_bytes(4, "big")
    return head + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


class Frames:
    """What has come of a connection, cut into messages."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: list[bytes] = []
        """Of a message that came in several frames, so far."""
        self._kind = Opcode.MORE

    def feed(self, data: bytes) -> Iterator[tuple[Opcode, bytes]]:
        """The messages that are whole with it; BrokenFrame."""
        rest, at = self._rest + data if self._rest else data, 0
        while (span := _span(rest, at)) is not None:
            begins, ends = span
            first = rest[at]
            message = self._whole(first, rest[begins:ends])
            at = ends
            if message is not None:
                yield message
        self._rest = rest[at:]

    def _whole(self, first: int, payload: bytes) -> tuple[Opcode, bytes] | None:
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError as odd:
            raise BrokenFrame("an unknown kind of frame") from odd
        if first & _FINAL and opcode is not Opcode.MORE:
            return opcode, payload
        if opcode is not Opcode.MORE:
            self._begun, self._kind = [], opcode
        self._begun.append(payload)
        if not first & _FINAL:
            return None
        whole, self._begun = b"".join(self._begun), []
        return self._kind, whole


def _span(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `at` begins and ends; None where it is not all there."""
    if len(data) < at + 2:
        return None
    size, begins = data[at + 1], at + 2
    if size & _MASKED:
        raise BrokenFrame("a server masks nothing")
    if size >= _SHORT:
        begins += 2 if size == _SHORT else 8
        size = int.from_bytes(data[at + 2 : begins], "big")
    ends = begins + size
    return (begins, ends) if len(data) >= begins and len(data) >= ends else None
