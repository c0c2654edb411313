"""Copies of SIP and RTCP packets as Asterisk 22 sends them (HEPv3), and what is no such copy."""

from __future__ import annotations

import json
import random
import struct

import pytest

from ivr.ari.capture import Described, KeyByInfo, Received, report_of
from ivr.people.sensitive import Sensitive

PASSWORD, CALL = b"secret", b"5e49@127.0.0.2"


def chunk(kind: int, content: bytes) -> bytes:
    return struct.pack("!HHH", 0, kind, len(content) + 6) + content


def copied(payload: bytes, *, kind: int = 1, password: bytes = PASSWORD) -> bytes:
    chunks = (
        *(chunk(1, b"\x02"), chunk(2, b"\x11"), chunk(7, struct.pack("!H", 12001))),
        *(chunk(8, b"\x84i"), chunk(11, bytes([kind])), chunk(14, password)),
        *(chunk(17, CALL), chunk(15, payload)),
    )
    body = b"".join(chunks)
    return b"HEP3" + struct.pack("!H", len(body) + 6) + body


def described(*, name: str = "-", events: str = "a=rtpmap:101 telephone-event/8000\r\n") -> bytes:
    return (
        "INVITE sip:12329@127.0.0.1 SIP/2.0\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n"
        f"\r\nv=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns={name}\r\nt=0 0\r\n"
        f"m=audio 12000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n{events}"
    ).encode()


def info(body: str, *, kind: str = "application/dtmf-relay") -> bytes:
    head = f"INFO sip:12329@127.0.0.1 SIP/2.0\r\nCSeq: 7 INFO\r\nContent-Type: {kind}\r\n"
    return f"{head}\r\n{body}".encode()


def test_who_takes_keys_as_events_is_told_from_who_does_not() -> None:
    call = CALL.decode()
    theirs = report_of(copied(described()), PASSWORD)
    assert theirs == Described(call, ours=False, events=True, port=12000)
    ours = report_of(copied(described(name="12329", events="")), PASSWORD)
    assert ours == Described(call, ours=True, events=False, port=12000)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_events_at_a_rate_that_no_codec_of_ours_has_are_none(rate: int) -> None:
    only = described(events=f"a=rtpmap:101 telephone-event/{rate}\r\n")
    assert report_of(copied(only), PASSWORD) == Described(CALL.decode(), False, False, 12000)


@pytest.mark.parametrize(
    ("body", "kind", "digit"),
    [
        ("Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", "5"),
        ("Signal= *\r\nDuration= 160\r\n", "application/dtmf-relay", "*"),
        ("signal=11\r\n", "application/dtmf-relay", "#"),
        ("7", "application/dtmf", "7"),
        ("10\r\n", "application/dtmf", "*"),
    ],
)
def test_a_key_by_info_is_known_in_all_its_forms(body: str, kind: str, digit: str) -> None:
    told = report_of(copied(info(body, kind=kind)), PASSWORD)
    assert told == KeyByInfo(CALL.decode(), Sensitive(digit), 7)


def test_how_far_a_caller_was_heard() -> None:
    blocks = {"report_blocks": [{"source_ssrc": 1, "highest_seq_no": 24865}]}
    told = report_of(copied(json.dumps(blocks).encode(), kind=5), PASSWORD)
    assert told == Received(CALL.decode(), 12001, 24865)


@pytest.mark.parametrize(
    "payload",
    [
        b"SIP/2.0 100 Trying\r\n\r\n",
        b"BYE sip:1@127.0.0.1 SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n",
        info("", kind="application/dtmf-relay"),
        info("Signal=A\r\n"),
        info("Signal=16\r\n"),
        info("Signal=5\r\n", kind="application/media_control+xml"),
        b"",
        b"\xff\xfe\x00",
    ],
)
def test_other_packets_tell_nothing(payload: bytes) -> None:
    assert report_of(copied(payload), PASSWORD) is None


@pytest.mark.parametrize("blocks", [b"", b"[]", b"{}", b'{"report_blocks": []}', b"null", b"{"])
def test_reports_without_anything_received_tell_nothing(blocks: bytes) -> None:
    assert report_of(copied(blocks, kind=5), PASSWORD) is None


def test_nobody_elses_packets_are_read() -> None:
    assert report_of(copied(described(), password=b"guess"), PASSWORD) is None
    assert report_of(described(), PASSWORD) is None


def test_no_packet_whatever_ends_the_listening() -> None:
    chance = random.Random(12)
    whole = copied(described())
    for _ in range(2000):
        odd = bytearray(whole[: chance.randrange(len(whole))])
        for _ in range(3):
            if odd:
                odd[chance.randrange(len(odd))] = chance.randrange(256)
        report_of(bytes(odd), PASSWORD)
