"""Asterisk's REST Interface as a real server on loopback, with faults to be ordered.

It knows as much of channels, playbacks and bridges as the hotline uses. Sounds are over as soon
as the event loop turns, unless they are told to last or never to finish.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

USER, PASSWORD = "hotline", "secret"
STARTED = "2026-11-25T08:00:00.000+0000"


@dataclass
class FakeAsterisk:
    """One Asterisk; `base` is what a client connects to."""

    base: str = ""
    startup: str = STARTED
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    bridges: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """Method and path of all that was asked, in order."""
    said: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    """The media of each playback, by channel."""
    refusals: list[tuple[str, int]] = field(default_factory=list)
    """Pattern of a request, and the status with which the next such one is answered."""
    before: dict[str, Callable[[], Any]] = field(default_factory=dict)
    """What happens before the next request of that pattern is answered."""
    sound_seconds: float = 0.0
    finishes: bool = True
    """Whether PlaybackFinished is sent."""
    failing: bool = False
    """Whether every playback ends as one of a file that is not there."""
    password: str = PASSWORD
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _playing: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    # --- what happens on the line -----------------------------------------------------------

    async def call(self, channel: str, *, number: str = "13800138000") -> None:
        """Somebody calls."""
        self.channels[channel] = channel_json(channel, number=number)
        await self.send("StasisStart", channel=self.channels[channel], args=[])

    async def press(self, channel: str, keys: str) -> None:
        for key in keys:
            described = self.channels.get(channel) or channel_json(channel)
            await self.send("ChannelDtmfReceived", channel=described, digit=key)

    async def hang_up(self, channel: str, cause: int = 16) -> None:
        described = self.channels.pop(channel, None) or channel_json(channel)
        await self.send("ChannelHangupRequest", channel=described, cause=cause)
        await self.send("StasisEnd", channel=described)

    async def send(self, kind: str, **content: Any) -> None:
        """One event to whoever listens."""
        for socket in self.sockets:
            if not socket.closed:
                await socket.send_json({"type": kind, "application": "hotline", **content})

    async def send_text(self, text: str) -> None:
        """What no Asterisk should send."""
        for socket in self.sockets:
            await socket.send_str(text)

    async def drop(self) -> None:
        """Close the link."""
        for socket in self.sockets:
            await socket.close()

    async def until(self, holds: Callable[[], bool], within: float = 10.0) -> None:
        async with asyncio.timeout(within):
            while not holds():  # noqa: ASYNC110  the server's own tasks set it
                await asyncio.sleep(0.005)

    def asked(self, pattern: str) -> list[str]:
        return [request for request in self.requests if re.search(pattern, request)]

    # --- the server -------------------------------------------------------------------------

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._fault])
        add = app.router.add_route
        add("GET", "/ari/events", self._events)
        add("GET", "/ari/asterisk/info", self._info)
        add("PUT", "/ari/applications/{app}/eventFilter", _done)
        add("GET", "/ari/channels", self._channels)
        add("GET", "/ari/bridges", self._bridges)
        add("GET", "/ari/endpoints/{tech}", _nothing)
        add("POST", "/ari/channels/{channel}/answer", self._answer)
        add("POST", "/ari/channels/{channel}/continue", self._continue)
        add("POST", "/ari/channels/{channel}/play/{playback}", self._play)
        add("*", "/ari/channels/{channel}/moh", self._on_channel)
        add("DELETE", "/ari/channels/{channel}", self._hangup)
        add("DELETE", "/ari/playbacks/{playback}", self._stop)
        return app

    @web.middleware
    async def _fault(self, request: web.Request, handler: Any) -> web.StreamResponse:
        line = f"{request.method} {request.path.removeprefix('/ari/')}"
        self.requests.append(line)
        if request.headers.get("Authorization") != _basic(self.password):
            return web.json_response({"message": "Authentication required"}, status=401)
        for pattern in [pattern for pattern in self.before if re.search(pattern, line)]:
            await self.before.pop(pattern)()
        for refusal in self.refusals:
            if re.search(refusal[0], line):
                self.refusals.remove(refusal)
                return web.json_response({"message": "as ordered"}, status=refusal[1])
        response: web.StreamResponse = await handler(request)
        return response

    async def _events(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        try:
            async for _ in socket:
                pass
        finally:
            self.sockets.remove(socket)
        return socket

    async def _info(self, _: web.Request) -> web.Response:
        return web.json_response({"status": {"startup_time": self.startup}})

    async def _channels(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.channels.values()))

    async def _bridges(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.bridges.values()))

    async def _answer(self, request: web.Request) -> web.Response:
        if (channel := self._channel(request)) is None:
            return _not_found()
        channel["state"] = "Up"
        return web.Response(status=204)

    async def _on_channel(self, request: web.Request) -> web.Response:
        return _not_found() if self._channel(request) is None else web.Response(status=204)

    async def _continue(self, request: web.Request) -> web.Response:
        channel = self.channels.pop(request.match_info["channel"], None)
        if channel is None:
            return _not_found()
        await self.send("StasisEnd", channel=channel)
        return web.Response(status=204)

    async def _hangup(self, request: web.Request) -> web.Response:
        channel = self.channels.pop(request.match_info["channel"], None)
        if channel is None:
            return _not_found()
        await self.send("StasisEnd", channel=channel)
        return web.Response(status=204)

    async def _play(self, request: web.Request) -> web.Response:
        channel, playback = request.match_info["channel"], request.match_info["playback"]
        if channel not in self.channels:
            return _not_found()
        media = (await request.json())["media"]
        self.said.setdefault(channel, []).append(media)
        task = asyncio.create_task(self._sound(channel, playback))
        self._playing[playback] = task
        return web.json_response({"id": playback}, status=201)

    async def _sound(self, channel: str, playback: str) -> None:
        try:
            await asyncio.sleep(self.sound_seconds)
        finally:
            self._playing.pop(playback, None)
            if self.finishes:
                await self.send("PlaybackFinished", playback=self._ended(channel, playback))

    def _ended(self, channel: str, playback: str) -> dict[str, Any]:
        state = "failed" if self.failing else "done"
        return {"id": playback, "target_uri": f"channel:{channel}", "state": state}

    async def _stop(self, request: web.Request) -> web.Response:
        task = self._playing.get(request.match_info["playback"])
        if task is None:
            return _not_found()
        task.cancel()
        return web.Response(status=204)

    def _channel(self, request: web.Request) -> dict[str, Any] | None:
        return self.channels.get(request.match_info["channel"])


def channel_json(channel: str, *, number: str = "", state: str = "Ring") -> dict[str, Any]:
    """A channel in our application, as Asterisk describes it."""
    return {
        "id": channel,
        "name": f"PJSIP/anonymous-{channel}",
        "state": state,
        "caller": {"name": "", "number": number},
        "dialplan": {"exten": "12329", "app_name": "Stasis", "app_data": "hotline"},
        "channelvars": {},
        "creationtime": "2026-11-25T09:00:00.000+0000",
    }


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()


def _not_found() -> web.Response:
    return web.json_response({"message": "Channel not found"}, status=404)


async def _done(_: web.Request) -> web.Response:
    return web.json_response({})


async def _nothing(_: web.Request) -> web.Response:
    return web.json_response([])


@asynccontextmanager
async def fake_asterisk() -> AsyncIterator[FakeAsterisk]:
    """A fake Asterisk on a free port."""
    fake = FakeAsterisk()
    runner = web.AppRunner(fake.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    fake.base = f"http://127.0.0.1:{port}/ari"
    try:
        yield fake
    finally:
        await runner.cleanup()
