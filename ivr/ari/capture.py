"""What Asterisk tells of its own SIP and RTCP packets (HEPv3), as far as the line needs it; pure.

ARI tells that a key came and not by which way; nor that a caller's speech has stopped. Both stand
in the packets, of which res_hep sends us a copy. Here they are read, and nothing else is kept.

Source: HEP 3 specification (sipcapture.org), chunk types of vendor 0; RFC 4566, 4733, 3550.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from ivr import fast
from ivr.config import LINE_NUMBER
from ivr.people.sensitive import Sensitive
from ivr.speech.contract import DTMF

_MAGIC = b"HEP3"
_SOURCE_PORT, _KIND, _PASSWORD, _PAYLOAD, _CALL = 7, 11, 14, 15, 17
_SIP, _RTCP = b"\x01", b"\x05"
_AUDIO = re.compile(rb"^m=audio (\d+) ", re.MULTILINE)
_EVENTS = re.compile(rb"^a=rtpmap:\d+ telephone-event/8000", re.MULTILINE | re.IGNORECASE)
_OURS = re.compile(rb"^s=%b\r?$" % LINE_NUMBER.encode(), re.MULTILINE)
"""What pjsip.conf calls our own session descriptions, to tell them from the callers'."""
_SEQUENCE = re.compile(rb"^CSeq: *(\d+)", re.MULTILINE | re.IGNORECASE)
_KEY_BY_INFO = re.compile(rb"^(?:Content-Type|c): *application/dtmf", re.MULTILINE | re.IGNORECASE)
_SIGNAL = re.compile(rb"(?:signal *= *)?([0-9*#]+)", re.IGNORECASE)
_NUMBERED = {"10": "*", "11": "#"}
"""Some telephones number these keys (RFC 4733, 3.2)."""


@dataclass(frozen=True, slots=True)
class Described:
    """One side of a call has told how it speaks: an offer or an answer."""

    call: str
    """SIP's Call-ID."""
    ours: bool
    events: bool
    """Whether it takes keys as telephone-event (RFC 4733)."""
    port: int
    """For speech (RTP); reports (RTCP) use the next one, or the same."""


@dataclass(frozen=True, slots=True)
class KeyByInfo:
    """A key was sent as SIP INFO."""

    call: str
    digit: Sensitive[str]
    sequence: int
    """CSeq: the same one is sent again until it is answered."""


@dataclass(frozen=True, slots=True)
class Received:
    """How far somebody has received the other's speech."""

    call: str
    port: int
    """From which it was told: ours or the caller's."""
    highest: int
    """Sequence number of the last packet (RFC 3550, 6.4.1)."""


Report = Described | KeyByInfo | Received


def report_of(packet: bytes, password: bytes) -> Report | None:
    """What a packet tells; None where it tells nothing of use, or is not from our Asterisk."""
    try:
        chunks = _chunks(packet)
        call, payload = chunks[_CALL].decode(), chunks[_PAYLOAD]
        if chunks.get(_PASSWORD) != password:
            return None
        if chunks[_KIND] == _RTCP:
            return _received(call, int.from_bytes(chunks[_SOURCE_PORT], "big"), payload)
        return _told(call, payload) if chunks[_KIND] == _SIP else None
    except (KeyError, IndexError, TypeError, ValueError, struct.error):
        return None


def _chunks(packet: bytes) -> Mapping[int, bytes]:
    """By type. ValueError, struct.error where it is no such packet."""
    magic, length = struct.unpack_from("!4sH", packet)
    if magic != _MAGIC or length > len(packet):
        raise ValueError("not HEP")
    found: dict[int, bytes] = {}
    at = 6
    while at < length:
        _, kind, size = struct.unpack_from("!HHH", packet, at)
        if size < 6:
            raise ValueError("a chunk without its head")
        found[kind] = packet[at + 6 : at + size]
        at += size
    return found


def _received(call: str, port: int, payload: bytes) -> Received | None:
    """None where nothing has been received yet."""
    blocks = fast.loads(payload)["report_blocks"]
    return Received(call, port, int(blocks[0]["highest_seq_no"])) if blocks else None


def _told(call: str, message: bytes) -> Report | None:
    head, _, body = message.partition(b"\r\n\r\n")
    if head.startswith(b"INFO "):
        return _key(call, head, body) if _KEY_BY_INFO.search(head) else None
    audio = _AUDIO.search(body)
    if audio is None:
        return None
    ours, events = _OURS.search(body) is not None, _EVENTS.search(body) is not None
    return Described(call, ours, events, int(audio[1]))


def _key(call: str, head: bytes, body: bytes) -> KeyByInfo | None:
    """As application/dtmf-relay (`Signal=5`) or application/dtmf (`5`)."""
    signal, sequence = _SIGNAL.match(body.strip()), _SEQUENCE.search(head)
    if signal is None or sequence is None:
        return None
    digit = _NUMBERED.get(signal[1].decode(), signal[1].decode())
    return KeyByInfo(call, Sensitive(digit), int(sequence[1])) if digit in DTMF else None
