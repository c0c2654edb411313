"""One websocket to Asterisk: opened, read as it comes, watched, and closed.

A message goes to whoever reads as soon as its last byte is here, in one step: no queue and no
task lies between a caller's key and the call that waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from ivr.ari.errors import NotAuthorised, Unreachable
from ivr.ari.frames import BrokenFrame, Frames, Opcode, Opening, framed

Read = Callable[[bytes], None]

_HEAD_ENDS = b"\r\n\r\n"
_NORMAL = (1000).to_bytes(2, "big")


class Socket(asyncio.Protocol):
    """One connection; `ended` tells why it is none any more, or what its reader has raised."""

    def __init__(self, opening: Opening, heartbeat: float) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        self._opening = opening
        self._half = heartbeat / 2
        self._head = b""
        self._frames = Frames()
        self._read: Read | None = None
        self._unread: list[bytes] = []
        """What came before there was a reader."""
        self._is_heard = True
        """Something has come since the last look."""
        self._is_asked = False
        """A ping is unanswered."""
        self._looking: asyncio.TimerHandle | None = None
        self._unsent: list[bytes] = []
        """Texts of this turn of the loop."""

    def read(self, read: Read) -> None:
        """From now on `read` is given each text, those first that have come already."""
        self._read = read
        unread, self._unread = self._unread, []
        for text in unread:
            self._tell(text)

    def send(self, text: bytes) -> None:
        """Unreachable once the connection has ended; whether a text arrives, nobody knows."""
        if self.ended.done() or self._transport.is_closing():
            raise Unreachable("the link is down")
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send_off)
        self._unsent.append(framed(Opcode.TEXT, text))

    def close(self) -> None:
        """In order, as far as that is still possible."""
        if not self._transport.is_closing():
            self._send_off()
            self._transport.write(framed(Opcode.CLOSE, _NORMAL))
            self._transport.close()
        self._end("closed by us")

    # --- what the event loop tells ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a websocket."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._opening.request)

    def data_received(self, data: bytes) -> None:
        """The answer to that, then frames."""
        self._is_heard = True
        try:
            if not self.opened.done():
                data = self._open(self._head + data)
            for opcode, payload in self._frames.feed(data):
                self._take(opcode, payload)
        except BrokenFrame as broken:
            self._end(str(broken))

    def connection_lost(self, exc: Exception | None) -> None:
        """By Asterisk, by the network, or by us."""
        self._end("closed by Asterisk" if exc is None else type(exc).__name__)

    # --- what that comes to ----------------------------------------------------------------------

    def _open(self, came: bytes) -> bytes:
        """What has come behind the head of the answer; nothing while that is not whole."""
        self._head, ends, rest = came.partition(_HEAD_ENDS)
        if not ends:
            self._head = came
            return b""
        status = self._opening.status(self._head)
        if status == 401:
            self.opened.set_exception(NotAuthorised("user or password are refused"))
        elif status != 101:
            self.opened.set_exception(Unreachable(f"the events' handshake was answered {status}"))
        else:
            self.opened.set_result(None)
            self._look_later()
            return rest
        self._end("not opened")
        return b""

    def _take(self, opcode: Opcode, payload: bytes) -> None:
        if opcode is Opcode.TEXT:
            self._tell(payload)
        elif opcode is Opcode.PING:
            self._transport.write(framed(Opcode.PONG, payload))
        elif opcode is Opcode.CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else None
            self._end(f"closed with {code}")

    def _tell(self, text: bytes) -> None:
        if self._read is None:
            self._unread.append(text)
        elif not self.ended.done():
            try:
                self._read(text)
            except Exception as raised:  # noqa: BLE001  whoever awaits the end hears of it
                self.ended.set_exception(raised)
                self._transport.abort()

    def _send_off(self) -> None:
        """The end of a sound and the next one are one write, and wake Asterisk once."""
        unsent, self._unsent = self._unsent, []
        if not self._transport.is_closing():
            self._transport.write(b"".join(unsent))

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(self._half, self._look)

    def _look(self) -> None:
        """Silence is asked for a sign of life, and ends the connection where none comes."""
        if self._is_heard:
            self._is_heard = self._is_asked = False
        elif self._is_asked:
            self._end("no heartbeat")
            return
        else:
            self._is_asked = True
            self._transport.write(framed(Opcode.PING, b""))
        self._look_later()

    def _end(self, why: str) -> None:
        if self._looking is not None:
            self._looking.cancel()
        if not self.opened.done():
            self.opened.set_exception(Unreachable(why))
        if not self.ended.done():
            self.ended.set_result(why)
        if not self._transport.is_closing():
            self._transport.abort()


async def connect(url: str, authorization: str, *, heartbeat: float, within: float) -> Socket:
    """A websocket that stands; NotAuthorised, Unreachable.

    One whose other side is silent ends within one and a half `heartbeat` (seconds).
    """
    parts = urlsplit(url)
    headers = {"Host": parts.netloc, "Authorization": authorization}
    opening = Opening.of(f"{parts.path}?{parts.query}", headers)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(within):
            _, socket = await loop.create_connection(
                lambda: Socket(opening, heartbeat), str(parts.hostname), parts.port or 80
            )
            try:
                await socket.opened
            except BaseException:
                socket.close()
                raise
    except (OSError, TimeoutError) as failed:
        raise Unreachable(type(failed).__name__) from failed
    return socket
