"""One websocket to Asterisk: opened, read as it comes, watched, and closed.

A message goes to whoever reads as soon as its last byte is here, in one step: no queue and no
task lies between a caller's key and the call that waits for it. What the bytes mean is the
library's (RFC 6455).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Event, State
from websockets.uri import WebSocketURI, parse_uri

from ivr.ari.errors import NotAuthorised, Unreachable

Read = Callable[[bytes], None]

_quiet = logging.getLogger(f"{__name__}.protocol")
_quiet.setLevel(logging.WARNING)
"""More than that would write down the password and what callers key."""


class Socket(asyncio.Protocol):
    """One connection; `ended` tells why it is none any more, or what its reader has raised."""

    def __init__(self, to: WebSocketURI, authorization: str, heartbeat: float) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        # Asterisk's list of its channels is as long as there are calls.
        self._protocol = ClientProtocol(to, max_size=None, logger=_quiet)
        self._authorization = authorization
        self._half = heartbeat / 2
        self._begun: list[bytes] = []
        """Of a message that comes in several frames, so far."""
        self._read: Read | None = None
        self._unread: list[bytes] = []
        """What came before there was a reader."""
        self._is_heard = True
        """Something has come since the last look."""
        self._is_asked = False
        """A ping is unanswered."""
        self._looking: asyncio.TimerHandle | None = None
        self._is_sending = False
        """The texts of this turn of the loop are about to go out."""

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
        self._protocol.send_text(text)
        if not self._is_sending:
            self._is_sending = True
            asyncio.get_running_loop().call_soon(self._send_off)

    def close(self) -> None:
        """In order, as far as that is still possible."""
        if not self._transport.is_closing():
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._write()
            self._transport.close()
        self._end("closed by us")

    # --- what the event loop tells ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a websocket."""
        self._transport = cast(asyncio.Transport, transport)
        request = self._protocol.connect()
        request.headers["Authorization"] = self._authorization
        self._protocol.send_request(request)
        self._write()

    def data_received(self, data: bytes) -> None:
        """The answer to that, then frames."""
        self._is_heard = True
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            self._take(event)
        self._write()
        fault = self._protocol.handshake_exc or self._protocol.parser_exc
        if fault is not None:
            self._end(str(fault))

    def connection_lost(self, exc: Exception | None) -> None:
        """By Asterisk, by the network, or by us."""
        self._end("closed by Asterisk" if exc is None else type(exc).__name__)

    # --- what that comes to ----------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if isinstance(event, Response):
            self._open(event)
        elif isinstance(event, Frame):
            self._take_frame(event)

    def _open(self, answer: Response) -> None:
        if answer.status_code == 401:
            self.opened.set_exception(NotAuthorised("user or password are refused"))
        elif self._protocol.handshake_exc is None:
            self.opened.set_result(None)
            self._look_later()

    def _take_frame(self, frame: Frame) -> None:
        """Pings the library has answered."""
        if frame.opcode is Opcode.CLOSE and self._protocol.close_rcvd is not None:
            self._end(f"closed with {self._protocol.close_rcvd.code}")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._begun.append(bytes(frame.data))
            if frame.fin:
                whole, self._begun = b"".join(self._begun), []
                self._tell(whole)

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
        self._is_sending = False
        self._write()

    def _write(self) -> None:
        unsent = b"".join(self._protocol.data_to_send())
        if unsent and not self._transport.is_closing():
            self._transport.write(unsent)

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
            self._protocol.send_ping(b"")
            self._write()
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
    """A websocket that stands, at the address of `http` or `https`; NotAuthorised, Unreachable.

    One whose other side is silent ends within one and a half `heartbeat` (seconds).
    """
    to = parse_uri(f"ws{url.removeprefix('http')}")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(within):
            _, socket = await loop.create_connection(
                lambda: Socket(to, authorization, heartbeat),
                to.host,
                to.port,
                ssl=True if to.secure else None,
            )
            try:
                await socket.opened
            except BaseException:
                socket.close()
                raise
    except (OSError, TimeoutError) as failed:
        raise Unreachable(type(failed).__name__) from failed
    return socket
