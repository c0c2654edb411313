"""One websocket to Asterisk: opened, read as it comes, watched, and closed.

A message goes to whoever reads as soon as its last byte is here, in one step: no queue and no
task lies between a caller's key and the call that waits for it. Frames, signs of life and the
handshake are the library's (RFC 6455).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    ws_connect,
)

from ivr.ari.errors import NotAuthorised, Unreachable

Read = Callable[[bytes], None]

MOST_BYTES = 1 << 30
"""Asterisk's list of its channels is as long as there are calls."""
_quiet = logging.getLogger(f"{__name__}.protocol")
_quiet.setLevel(logging.CRITICAL)
"""More than that would write down the password and what callers key."""


class Socket(WSListener):
    """One connection; of use until `over`."""

    def __init__(self) -> None:
        self._begun: list[bytes] | None = None
        """Of a message that comes in several frames, so far."""
        self._read: Read | None = None
        self._unread: list[bytes] = []
        """What came before there was a reader."""
        self._raised: Exception | None = None
        """By the reader, who is told nothing more."""

    def read(self, read: Read) -> None:
        """From now on `read` is given each text, those first that have come already."""
        self._read = read
        unread, self._unread = self._unread, []
        for text in unread:
            self._tell(text)

    def send(self, text: bytes) -> None:
        """Unreachable once the connection has ended; whether a text arrives, nobody knows."""
        if self._transport.is_close_frame_sent or self._transport.is_disconnected:
            raise Unreachable("the link is down")
        self._transport.send(WSMsgType.TEXT, text)

    def close(self) -> None:
        """In order, as far as that is still possible."""
        self._transport.send_close(WSCloseCode.OK)
        self._transport.disconnect()

    async def over(self) -> str:
        """Wait until it has ended, and tell why; raises what the reader has raised."""
        try:
            await self._transport.wait_disconnected()
        except WSError as fault:
            return str(fault)
        if self._raised is not None:
            raise self._raised
        goodbye = self._transport.close_handshake
        if goodbye is not None and goodbye.recv is not None:
            return f"closed with {goodbye.recv.code}"
        return "no heartbeat" if goodbye is not None and goodbye.sent is not None else "cut off"

    # --- what the library tells ------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """It stands."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Most messages are one frame."""
        kind = frame.msg_type
        if kind is WSMsgType.TEXT and frame.fin and self._begun is None:
            self._tell(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._put_together(frame)
        elif kind is WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def _put_together(self, frame: WSFrame) -> None:
        """One that comes in several (RFC 6455, 5.4)."""
        if (self._begun is None) is (frame.msg_type is WSMsgType.CONTINUATION):
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "a message within another, or none")
        self._begun = [*(self._begun or ()), frame.get_payload_as_bytes()]
        if frame.fin:
            whole, self._begun = b"".join(self._begun), None
            self._tell(whole)

    def _tell(self, text: bytes) -> None:
        if self._read is None:
            self._unread.append(text)
        elif self._raised is None:
            try:
                self._read(text)
            except Exception as raised:  # noqa: BLE001  whoever waits for the end hears of it
                self._raised = raised
                self._transport.disconnect(graceful=False)


async def connect(url: str, authorization: str, *, heartbeat: float, within: float) -> Socket:
    """A websocket that stands, at the address of `http` or `https`; NotAuthorised, Unreachable.

    One whose other side is silent for half a `heartbeat` (seconds) is asked for a sign of life,
    and ends when none comes in another half.
    """
    socket = Socket()
    try:
        async with asyncio.timeout(within):
            transport, _ = await ws_connect(
                lambda: socket,
                f"ws{url.removeprefix('http')}",
                extra_headers={"Authorization": authorization},
                websocket_handshake_timeout=within,
                enable_auto_ping=True,
                auto_ping_idle_timeout=heartbeat / 2,
                auto_ping_reply_timeout=heartbeat / 2,
                max_frame_size=MOST_BYTES,
                max_redirects=0,
                logger_name=_quiet,
            )
    except WSHandshakeError as refused:
        if refused.response is not None and refused.response.status == 401:
            raise NotAuthorised("user or password are refused") from refused
        raise Unreachable(type(refused).__name__) from refused
    except (OSError, TimeoutError) as failed:
        raise Unreachable(type(failed).__name__) from failed
    if transport.is_disconnected:  # the library is content with a connection that has ended
        raise Unreachable("closed before it stood")
    return socket
