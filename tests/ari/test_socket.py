"""The link's websocket beside another side that speaks in pieces, oddly, or not at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.server import ServerProtocol

from ivr.ari.errors import Unreachable
from ivr.ari.socket import Socket, connect

HELLO_IN_TWO = bytes.fromhex("010348656c80026c6f")
PING = bytes.fromhex("890548656c6c6f")
"""RFC 6455, 5.7: "Hello" in two frames, and a ping, of which it says that it may come between."""

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def other_side(talk: Talk) -> AsyncIterator[str]:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/ari/events?app=hotline"


def opens_and_sends(*pieces: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await opened(reader, writer)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    return talk


async def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    theirs = logging.getLogger("the other side's")
    theirs.disabled = True
    protocol = ServerProtocol(logger=theirs)
    protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
    (request,) = protocol.events_received()
    protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
    writer.writelines(protocol.data_to_send())


def met(talk: Talk, story: Callable[[Socket, asyncio.Queue[bytes]], Awaitable[None]]) -> None:
    async def told() -> None:
        async with asyncio.timeout(20), other_side(talk) as url:
            socket = await connect(url, "Basic c2VjcmV0", heartbeat=5, within=5)
            texts: asyncio.Queue[bytes] = asyncio.Queue()
            socket.read(texts.put_nowait)
            await story(socket, texts)
            socket.close()

    asyncio.run(told())


def is_unreachable(talk: Talk, within: float = 5) -> None:
    async def told() -> None:
        async with asyncio.timeout(20), other_side(talk) as url:
            with pytest.raises(Unreachable):
                await connect(url, "Basic c2VjcmV0", heartbeat=5, within=within)

    asyncio.run(told())


@pytest.mark.parametrize("step", [1, 4, 1000])
def test_a_message_in_frames_and_pieces_is_one_and_a_ping_between_is_answered(step: int) -> None:
    stream = HELLO_IN_TWO[:5] + PING + HELLO_IN_TWO[5:]
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
        await opens_and_sends(*pieces)(reader, writer)
        answers.put_nowait(await reader.readexactly(11))

    async def story(_: Socket, texts: asyncio.Queue[bytes]) -> None:
        assert await texts.get() == b"Hello"
        assert (await answers.get())[:2] == b"\x8a\x85", "a masked pong"

    met(talk, story)


@pytest.mark.parametrize("odd", [b"\x81\x85abcdHello", b"\x83\x00", b"\x8f\x00", b"\x80\x00"])
def test_what_no_server_may_send_ends_the_link(odd: bytes) -> None:
    async def story(socket: Socket, texts: asyncio.Queue[bytes]) -> None:
        assert await socket.over()
        assert texts.empty()
        with pytest.raises(Unreachable):
            socket.send(b"{}")

    met(opens_and_sends(odd), story)


ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        ACCEPTED + b"\r\n",
        ACCEPTED + b"Sec-WebSocket-Accept: another\r\n\r\n",
    ],
)
def test_what_is_no_websocket_is_unreachable(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    is_unreachable(talk)


@pytest.mark.parametrize("begins", [b"", ACCEPTED[:20], ACCEPTED])
def test_what_ends_before_it_stands_is_unreachable(begins: bytes) -> None:
    """An Asterisk that dies just then."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begins)
        writer.close()

    is_unreachable(talk)


def test_what_says_nothing_is_unreachable_in_time() -> None:
    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    is_unreachable(talk, within=0.2)


def test_one_that_falls_silent_ends() -> None:
    """Its pings are answered no more."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await opened(reader, writer)

    async def told() -> None:
        async with asyncio.timeout(20), other_side(talk) as url:
            socket = await connect(url, "Basic c2VjcmV0", heartbeat=0.4, within=5)
            assert await socket.over() == "no heartbeat"

    asyncio.run(told())


def test_neither_the_password_nor_what_comes_is_ever_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(_: Socket, texts: asyncio.Queue[bytes]) -> None:
        assert await texts.get() == b"Hello"

    with caplog.at_level(logging.DEBUG):
        met(opens_and_sends(HELLO_IN_TWO), story)
    assert "c2VjcmV0" not in caplog.text
    assert "Hello" not in caplog.text
