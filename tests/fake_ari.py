"""Asterisk's REST Interface as a real server on loopback, with faults to be ordered.

It knows as much of channels, playbacks, recordings and bridges as the hotline uses. Sounds are over
as soon as the event loop turns, unless they are told to last or never to finish. A channel that
goes on in the dialplan is still there, as in Asterisk: commands of an application are refused for
it (409), it brings the application no events, and DELETE hangs it up all the same.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, web

USER, PASSWORD = "hotline", "secret"
STARTED = "2026-11-25T08:00:00.000+0000"
CALLED = "2026-11-25T09:00:00.000+0000"


@dataclass
class FakeAsterisk:
    """One Asterisk; `base` is what a client connects to."""

    base: str = ""
    startup: str = STARTED
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    bridges: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """Method and path of all that was asked, in order."""
    on_wire: list[str] = field(default_factory=list)
    """The same of what came over the events' link."""
    said: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    """The media of each playback, by channel."""
    phones: frozenset[str] = frozenset()
    """Extensions that are registered."""
    refusals: list[tuple[str, int]] = field(default_factory=list)
    """Pattern of a request, and the status with which the next such one is answered."""
    spoilt: list[tuple[str, str]] = field(default_factory=list)
    """Pattern of a request, and what the next such one is answered in place of JSON: `cut`,
    `closed` (in the midst of the body, or before it), or any text."""
    before: dict[str, Callable[[], Any]] = field(default_factory=dict)
    """What happens before the next request of that pattern is answered."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why each channel was hung up by the application."""
    sound_seconds: float = 0.0
    starts: bool = True
    """Whether a sound or a recording ever begins, once it is queued."""
    finishes: bool = True
    """Whether PlaybackFinished is sent."""
    failing: bool = False
    """Whether every playback ends as one of a file that is not there."""
    password: str = PASSWORD
    takes_commands: bool = True
    """Whether it takes commands over the events' link too, as Asterisk does since 22.5."""
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    recordings: dict[str, str] = field(default_factory=dict)
    """Those that are queued or go on, with their channels."""
    heard: dict[str, int] = field(default_factory=dict)
    """Packets of speech that have come on each channel."""
    keys_sent: dict[str, str] = field(default_factory=dict)
    """To the far end of each channel."""
    ears: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Whom each snooping channel hears, and in which direction it is heard itself."""
    hears_bridges: bool = False
    """Asterisk tells of bridges only to an application that has asked for them."""
    _playing: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _allowed: frozenset[str] = frozenset()
    """Events that the application wants."""
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    # --- what happens on the line -----------------------------------------------------------

    async def call(
        self, channel: str, *, number: str = "13800138000", screen: str = "", trunk: str = ""
    ) -> None:
        """Somebody calls, by a trunk or as a guest; a browser brings the token of its screen."""
        name = trunk and f"PJSIP/trunk-{trunk}-{channel}"
        self.channels[channel] = channel_json(channel, number=number, name=name)
        if screen:
            app_data = f"hotline,12329,allowed,{screen}"
            self.channels[channel]["dialplan"] = {**_STASIS, "app_data": app_data}
        await self._tell("StasisStart", channel=self.channels[channel], args=[])

    async def press(self, channel: str, keys: str) -> None:
        for key in keys:
            described = self.channels.get(channel) or channel_json(channel)
            await self._tell("ChannelDtmfReceived", channel=described, digit=key)

    async def hang_up(self, channel: str, cause: int = 16) -> None:
        """The other side puts the receiver down; told of a channel that is ours, or was."""
        described = self.channels.get(channel) or channel_json(channel)
        ours = in_stasis(described)
        if ours:
            await self._tell("ChannelHangupRequest", channel=described, cause=cause)
        elif described["dialplan"]["app_name"] == _DIALLED["app_name"]:
            await self._tell("ChannelDestroyed", channel=described, cause=cause)
        await self._leave_bridges(channel)
        self.channels.pop(channel, None)
        for ear in [each for each, (heard, _) in self.ears.items() if heard == channel]:
            del self.ears[ear]
            if ear in self.channels:
                await self.hang_up(ear)
        if ours:
            await self._tell("StasisEnd", channel=described)

    async def pick_up(self, leg: str) -> None:
        """An agent answers: the leg enters the application."""
        self.channels[leg]["state"] = "Up"
        self.channels[leg]["dialplan"] = _STASIS
        await self._tell("StasisStart", channel=self.channels[leg], args=[])

    async def go_on_in_dialplan(self, channel: str, context: str) -> None:
        """The channel leaves the application and lives on, whoever sent it there."""
        await self._leave_bridges(channel)
        described = self.channels[channel]
        described["dialplan"] = {"context": context, "exten": "s", "app_name": "Playback"}
        await self._tell("StasisEnd", channel=described)

    async def break_bridge(self, bridge: str) -> None:
        """Somebody else destroys it; its channels stay."""
        for channel in list(self.bridges[bridge]["channels"]):
            await self._leave_bridges(channel)
        await self._tell("BridgeDestroyed", bridge=self.bridges.pop(bridge))

    def ours(self) -> list[str]:
        """The channels that the application holds."""
        return [name for name, described in self.channels.items() if in_stasis(described)]

    async def _leave_bridges(self, channel: str) -> None:
        for bridge in [*self.bridges.values()]:
            if channel in bridge["channels"]:
                bridge["channels"].remove(channel)
                described = self.channels[channel]
                await self._tell("ChannelLeftBridge", bridge=bridge, channel=described)

    async def _tell(self, kind: str, **content: Any) -> None:
        """An event of Asterisk's own, if the application wants it and has subscribed to it."""
        if kind in self._allowed and ("Bridge" not in kind or self.hears_bridges):
            await self.send(kind, **content)

    async def send(self, kind: str, **content: Any) -> None:
        """One event to whoever listens, whatever Asterisk would do."""
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
        add("PUT", "/ari/asterisk/logging/{name}/rotate", self._rotate)
        add("PUT", "/ari/applications/{app}/eventFilter", self._filter)
        add("POST", "/ari/applications/{app}/subscription", self._subscribe)
        add("GET", "/ari/endpoints/{tech}", self._endpoints)
        add("GET", "/ari/endpoints/{tech}/{name}", self._endpoint)
        add("GET", "/ari/channels", self._channels)
        add("GET", "/ari/channels/{channel}", self._get)
        add("POST", "/ari/channels/{channel}", self._originate)
        add("DELETE", "/ari/channels/{channel}", self._hangup)
        add("POST", "/ari/channels/{channel}/answer", self._answer)
        add("POST", "/ari/channels/{channel}/continue", self._continue)
        add("POST", "/ari/channels/{channel}/play/{playback}", self._play)
        add("POST", "/ari/channels/{channel}/record", self._record)
        add("*", "/ari/channels/{channel}/moh", self._on_channel)
        add("*", "/ari/channels/{channel}/mute", self._on_channel)
        add("GET", "/ari/channels/{channel}/rtp_statistics", self._statistics)
        add("POST", "/ari/channels/{channel}/dtmf", self._send_keys)
        add("POST", "/ari/channels/{channel}/variable", self._set_variable)
        add("GET", "/ari/channels/{channel}/variable", self._variable)
        add("POST", "/ari/channels/{channel}/snoop/{snoop}", self._snoop)
        add("DELETE", "/ari/playbacks/{playback}", self._stop)
        add("GET", "/ari/recordings/live/{name}", self._recording)
        add("POST", "/ari/recordings/live/{name}/stop", self._stop_recording)
        add("GET", "/ari/bridges", self._bridges)
        add("POST", "/ari/bridges/{bridge}", self._create_bridge)
        add("POST", "/ari/bridges/{bridge}/addChannel", self._add_channel)
        add("POST", "/ari/bridges/{bridge}/removeChannel", self._remove_channel)
        add("DELETE", "/ari/bridges/{bridge}", self._destroy_bridge)
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
        for order in self.spoilt:
            if re.search(order[0], line):
                self.spoilt.remove(order)
                return await _spoilt(request, order[1])
        response: web.StreamResponse = await handler(request)
        return response

    async def _events(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        try:
            async with ClientSession(headers=request.headers) as itself:
                async for message in socket:
                    if self.takes_commands:
                        await self._command(itself, socket, message.json())
        finally:
            self.sockets.remove(socket)
        return socket

    async def _command(
        self, itself: ClientSession, socket: web.WebSocketResponse, asked: dict[str, Any]
    ) -> None:
        """One after another, each by the same door as over HTTP."""
        self.on_wire.append(f"{asked['method']} {asked['uri'].partition('?')[0]}")
        url = f"{self.base}/{asked['uri']}"
        body = asked.get("message_body")
        try:
            async with itself.request(
                asked["method"], url, data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                said = await answer.text()
                told = {"status_code": answer.status, "reason_phrase": answer.reason}
        except ClientError:
            return  # spoilt by order: nobody answers
        kind = {"type": "RESTResponse", "request_id": asked["request_id"], "uri": asked["uri"]}
        await socket.send_json({**kind, **told, "message_body": said})

    async def _info(self, _: web.Request) -> web.Response:
        return web.json_response({"status": {"startup_time": self.startup}})

    async def _rotate(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _channels(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.channels.values()))

    async def _bridges(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.bridges.values()))

    async def _endpoints(self, _: web.Request) -> web.Response:
        return web.json_response([{"resource": each, "state": "online"} for each in self.phones])

    async def _statistics(self, request: web.Request) -> web.Response:
        heard = self.heard.get(request.match_info["channel"])
        if heard is None:
            return web.json_response({"message": "Channel not found"}, status=404)
        return web.json_response({"rxcount": heard, "txcount": 0})

    async def _endpoint(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name in self.phones:
            return web.json_response({"resource": name, "state": "online"})
        return web.json_response({"message": "Endpoint not found"}, status=404)

    async def _filter(self, request: web.Request) -> web.Response:
        self._allowed = frozenset(each["type"] for each in (await request.json())["allowed"])
        return web.json_response({})

    async def _subscribe(self, request: web.Request) -> web.Response:
        self.hears_bridges = request.query["eventSource"] == "bridge:"
        return web.json_response({})

    async def _get(self, request: web.Request) -> web.Response:
        described = self.channels.get(request.match_info["channel"])
        return _not_found() if described is None else web.json_response(described)

    async def _answer(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        self.channels[request.match_info["channel"]]["state"] = "Up"
        return web.Response(status=204)

    async def _on_channel(self, request: web.Request) -> web.Response:
        return self._refused(request) or web.Response(status=204)

    async def _send_keys(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        self.keys_sent[request.match_info["channel"]] = request.query["dtmf"]
        return web.Response(status=204)

    async def _set_variable(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        described = self.channels[request.match_info["channel"]]
        described["channelvars"] = {
            **described["channelvars"],
            request.query["variable"]: request.query["value"],
        }
        return web.Response(status=204)

    async def _variable(self, request: web.Request) -> web.Response:
        described = self.channels.get(request.match_info["channel"], {})
        value = described.get("channelvars", {}).get(request.query["variable"])
        return _not_found() if value is None else web.json_response({"value": value})

    async def _snoop(self, request: web.Request) -> web.Response:
        """It ends with the channel that it hears."""
        if refused := self._refused(request):
            return refused
        ear = request.match_info["snoop"]
        self.channels[ear] = channel_json(ear, name=f"Snoop/{ear}", state="Up")
        self.ears[ear] = (request.match_info["channel"], request.query["whisper"])
        await self._tell("StasisStart", channel=self.channels[ear], args=[])
        return web.json_response(self.channels[ear])

    async def _originate(self, request: web.Request) -> web.Response:
        """A telephone that rings or talks already is busy."""
        leg = request.match_info["channel"]
        phone = f"PJSIP/{request.query['endpoint'].removeprefix('PJSIP/')}-"
        if any(each["name"].startswith(phone) for each in self.channels.values()):
            described = channel_json(leg, name=f"{phone}{leg}", app=False)
            await self._tell("ChannelDestroyed", channel=described, cause=17)
            return web.json_response(described)
        self.channels[leg] = channel_json(leg, name=f"{phone}{leg}", app=False)
        if request.can_read_body:
            self.channels[leg]["channelvars"] = (await request.json()).get("variables", {})
        return web.json_response(self.channels[leg])

    async def _continue(self, request: web.Request) -> web.Response:
        """Takes its turn in the channel's queue, as in Asterisk: after the sound."""
        if refused := self._refused(request):
            return refused
        channel, context = request.match_info["channel"], request.query["context"]
        leaving = asyncio.create_task(self._leave_after_sounds(channel, context))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        return web.Response(status=204)

    async def _leave_after_sounds(self, channel: str, context: str) -> None:
        sounds = [task for name, task in self._playing.items() if name.startswith(f"{channel}.")]
        await asyncio.gather(*sounds, return_exceptions=True)
        if in_stasis(self.channels.get(channel, {})):
            await self.go_on_in_dialplan(channel, context)

    async def _hangup(self, request: web.Request) -> web.Response:
        """Wherever it is: in the application, in the dialplan, ringing."""
        channel = request.match_info["channel"]
        if channel not in self.channels:
            return _not_found()
        self.reasons[channel] = request.query.get("reason", "normal")
        await self.hang_up(channel)
        return web.Response(status=204)

    async def _play(self, request: web.Request) -> web.Response:
        channel, playback = request.match_info["channel"], request.match_info["playback"]
        if refused := self._refused(request):
            return refused
        media = (await request.json())["media"]
        self.said.setdefault(channel, []).append(media)
        task = asyncio.create_task(self._sound(channel, playback))
        self._playing[playback] = task
        return web.json_response({"id": playback}, status=201)

    async def _record(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        channel, name = request.match_info["channel"], request.query["name"]
        self.recordings[name] = channel
        if self.starts:
            await self._tell("RecordingStarted", recording=self._described(name))
        return web.json_response({"name": name}, status=201)

    async def _recording(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({"name": name}) if name in self.recordings else _not_found()

    async def _stop_recording(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.recordings:
            return _not_found()
        await self._tell("RecordingFinished", recording=self._described(name))
        del self.recordings[name]
        return web.Response(status=204)

    def _described(self, name: str) -> dict[str, Any]:
        return {"name": name, "target_uri": f"channel:{self.recordings[name]}", "duration": 1}

    async def _create_bridge(self, request: web.Request) -> web.Response:
        name = request.match_info["bridge"]
        self.bridges[name] = {"id": name, "channels": [], "creationtime": CALLED}
        return web.json_response(self.bridges[name])

    async def _add_channel(self, request: web.Request) -> web.Response:
        bridge = self.bridges.get(request.match_info["bridge"])
        if bridge is None:
            return web.json_response({"message": "Bridge not found"}, status=404)
        for channel in request.query["channel"].split(","):
            if channel not in self.channels:
                return web.json_response({"message": "Channel not found"}, status=400)
            await self._leave_bridges(channel)
            bridge["channels"].append(channel)
        return web.Response(status=204)

    async def _remove_channel(self, request: web.Request) -> web.Response:
        bridge = self.bridges.get(request.match_info["bridge"])
        if bridge is None:
            return web.json_response({"message": "Bridge not found"}, status=404)
        channel = request.query["channel"]
        if channel not in bridge["channels"]:
            return web.json_response({"message": "Channel not in this bridge"}, status=422)
        await self._leave_bridges(channel)
        return web.Response(status=204)

    async def _destroy_bridge(self, request: web.Request) -> web.Response:
        name = request.match_info["bridge"]
        if name not in self.bridges:
            return web.json_response({"message": "Bridge not found"}, status=404)
        await self.break_bridge(name)
        return web.Response(status=204)

    async def _sound(self, channel: str, playback: str) -> None:
        try:
            if not self.starts:
                await asyncio.Event().wait()
            await self._tell("PlaybackStarted", playback=self._playback(channel, playback))
            await asyncio.sleep(self.sound_seconds)
        finally:
            self._playing.pop(playback, None)
            if self.finishes:
                await self._tell("PlaybackFinished", playback=self._playback(channel, playback))

    def _playback(self, channel: str, playback: str) -> dict[str, Any]:
        state = "failed" if self.failing else "done"
        return {"id": playback, "target_uri": f"channel:{channel}", "state": state}

    async def _stop(self, request: web.Request) -> web.Response:
        task = self._playing.get(request.match_info["playback"])
        if task is None:
            return _not_found()
        task.cancel()
        return web.Response(status=204)

    def _refused(self, request: web.Request) -> web.Response | None:
        """None where the application may command the channel."""
        described = self.channels.get(request.match_info["channel"])
        if described is None:
            return _not_found()
        if not in_stasis(described):
            message = "Channel not in Stasis application"
            return web.json_response({"message": message}, status=409)
        return None


_DIALLED = {"exten": "", "app_name": "AppDial2"}
_STASIS = {"exten": "12329", "app_name": "Stasis", "app_data": "hotline"}


def channel_json(
    channel: str, *, number: str = "", state: str = "Ring", name: str = "", app: bool = True
) -> dict[str, Any]:
    """A channel as Asterisk describes it, in our application or on its way there."""
    return {
        "id": channel,
        "name": name or f"PJSIP/anonymous-{channel}",
        "state": state,
        "caller": {"name": "", "number": number},
        "dialplan": _STASIS if app else _DIALLED,
        "channelvars": {},
        "creationtime": CALLED,
    }


def in_stasis(described: dict[str, Any]) -> bool:
    """Whether the application holds this channel."""
    return bool(described) and described["dialplan"]["app_name"] == "Stasis"


async def _spoilt(request: web.Request, how: str) -> web.StreamResponse:
    """An answer that breaks off, or that is no JSON."""
    if how not in {"cut", "closed"}:
        return web.Response(text=how, content_type="application/json")
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    answer.content_length = 1000
    if how == "cut":
        await answer.prepare(request)
        await answer.write(b'[{"id": "c')
    assert request.transport is not None
    request.transport.close()
    return answer


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()


def _not_found() -> web.Response:
    return web.json_response({"message": "Channel not found"}, status=404)


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
