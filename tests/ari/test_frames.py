"""A websocket's frames, as RFC 6455 shows them, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ari.frames import BrokenFrame, Frames, Opcode, Opening, framed

HELLO = bytes.fromhex("810548656c6c6f")
"""RFC 6455, 5.7: "Hello" in one unmasked frame, then in two, and an empty ping's like."""
HELLO_IN_TWO = bytes.fromhex("010348656c80026c6f")
PING = bytes.fromhex("890548656c6c6f")


def read(*pieces: bytes) -> list[tuple[Opcode, bytes]]:
    frames = Frames()
    return [message for piece in pieces for message in frames.feed(piece)]


def unmasked(frame: bytes) -> bytes:
    """The same frame as a server would send it."""
    size = frame[1] & 0x7F
    head = {126: 4, 127: 10}.get(size, 2)
    key, payload = frame[head : head + 4], frame[head + 4 :]
    plain = bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))
    return bytes((frame[0], frame[1] & 0x7F)) + frame[2:head] + plain


def test_the_examples_of_the_rfc() -> None:
    assert read(HELLO) == [(Opcode.TEXT, b"Hello")]
    assert read(HELLO_IN_TWO) == [(Opcode.TEXT, b"Hello")]
    assert read(PING) == [(Opcode.PING, b"Hello")]
    assert read(HELLO_IN_TWO[:5], PING, HELLO_IN_TWO[5:]) == [
        (Opcode.PING, b"Hello"),
        (Opcode.TEXT, b"Hello"),
    ]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(1, 70_000))
def test_whatever_the_pieces_the_messages_are_the_same(kinds: list[int], step: int) -> None:
    texts = [b"x" * (0, 125, 126, 65_536)[kind] for kind in kinds]
    stream = b"".join(unmasked(framed(Opcode.TEXT, text)) for text in texts)
    step = max(step, len(stream) // 200)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert [text for _, text in read(*pieces)] == texts


def test_our_frames_are_masked_anew_each_time() -> None:
    frames = {framed(Opcode.TEXT, b"a command") for _ in range(20)}
    assert len(frames) > 1
    assert all(b"a command" not in frame for frame in frames)
    assert {unmasked(frame)[2:] for frame in frames} == {b"a command"}


@pytest.mark.parametrize("broken", [b"\x81\x85abcdHello", b"\x83\x00", b"\x8f\x00"])
def test_what_no_server_may_send_is_refused(broken: bytes) -> None:
    with pytest.raises(BrokenFrame):
        read(broken)


def test_an_opening_knows_its_answer() -> None:
    opening = Opening.of("/ari/events?app=hotline", {"Host": "127.0.0.1:8088"})
    assert opening.request.startswith(b"GET /ari/events?app=hotline HTTP/1.1\r\nHost: 127.0.0.1")
    answer = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + opening.accept
    assert opening.status(answer) == 101
    assert opening.status(b"HTTP/1.1 401 Unauthorized") == 401
    for odd in (answer.replace(opening.accept, b"another"), b"", b"SSH-2.0-OpenSSH"):
        with pytest.raises(BrokenFrame):
            opening.status(odd)
