"""ARI's commands, in ari-py's words: repositories and operations.

They go over pooled HTTP. Those of a sound, which every key needs, go over the link of the events
where Asterisk takes commands there (`wire.py`): that costs a fraction, and keeps their order.

Every operation is named as in Asterisk's own API description (`/ari/api-docs`); a live test
compares. Answers that mean "the caller has gone" are one exception, `ChannelGone`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import aiohttp

from ivr.ari.errors import (
    AriError,
    BridgeGone,
    ChannelGone,
    NotAuthorised,
    NotInStasis,
    Unreachable,
    WrongState,
)
from ivr.ari.events import Bridge, Channel, bridge_of, channel_of, moment
from ivr.ari.wire import Answer, Wire
from ivr.config import IN_BROWSER, Agent
from ivr.people.sensitive import Sensitive

log = logging.getLogger(__name__)

T = TypeVar("T")

ODD = (KeyError, TypeError, ValueError, AttributeError)
"""What reading JSON of an unknown shape comes to."""
COMMAND_SECONDS = 5.0
POOL = 64
"""Below http.conf's sessionlimit of 100, which the websocket and operators share."""
KEEPALIVE_SECONDS = 8.0
"""Below Asterisk's 15: whoever closes first must not be Asterisk, or a POST meets a closed door."""

# asterisk.md, "Status codes when the caller has gone".
_MEANINGS: Mapping[int, type[AriError]] = {
    401: NotAuthorised,
    404: ChannelGone,
    409: NotInStasis,
    412: WrongState,
    422: NotInStasis,
}


class Ari:
    """One Asterisk. Open it as an async context; all operations hang below the repositories."""

    def __init__(self, base: str, user: str, password: str) -> None:
        self.base = base.rstrip("/")
        self.authorization = aiohttp.encode_basic_auth(user, password)
        self.channels = Channels(self)
        self.playbacks = Playbacks(self)
        self.recordings = Recordings(self)
        self.bridges = Bridges(self)
        self.endpoints = Endpoints(self)
        self.applications = Applications(self)
        self.asterisk = AsteriskInfo(self)
        self._session: aiohttp.ClientSession | None = None
        self.wire: Wire | None = None
        """The link, where it takes commands; None while it is down, and of an older Asterisk."""

    async def __aenter__(self) -> Ari:
        connector = aiohttp.TCPConnector(limit=POOL, keepalive_timeout=KEEPALIVE_SECONDS)
        self._session = aiohttp.ClientSession(
            headers={"Authorization": self.authorization},
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=COMMAND_SECONDS),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pooled connections."""
        if self._session is None:
            raise RuntimeError("Ari is used outside its `async with`")
        return self._session

    async def get(self, path: str, read: Callable[[Any], T], **query: str) -> T:
        """GET, answered with JSON that `read` understands."""
        answer = await self._send("GET", path, query, None)
        try:
            return read(answer)
        except ODD as odd:
            raise AriError(f"GET {_kind(path)}: unknown shape ({type(odd).__name__})") from odd

    async def post(self, path: str, json: Mapping[str, Any] | None = None, **query: str) -> Any:
        """POST, with an optional JSON body."""
        return await self._send("POST", path, query, json)

    async def put(self, path: str, json: Mapping[str, Any], **query: str) -> None:
        """PUT of a JSON body."""
        await self._send("PUT", path, query, json)

    async def delete(self, path: str, **query: str) -> bool:
        """DELETE; what is already gone is as good as deleted. Whether it was there."""
        try:
            await self._send("DELETE", path, query, None)
        except (ChannelGone, BridgeGone):
            return False
        return True

    async def at_once(self, method: str, path: str, json: Mapping[str, Any] | None = None) -> None:
        """A command that never waits within Asterisk, by the shortest way; its answer is a yes."""
        if self.wire is None:
            await self._send(method, path, {}, json)
            return
        _refused(method, path, await self.wire.ask(method, path, json))

    async def gone(self, path: str) -> bool:
        """DELETE of what never waits within Asterisk, by the shortest way; whether it was there."""
        try:
            await self.at_once("DELETE", path)
        except (ChannelGone, BridgeGone):
            return False
        return True

    async def ahead(self, method: str, path: str) -> None:
        """The same, of which only that it comes before whatever is sent next matters."""
        if self.wire is not None:
            self.wire.tell(method, path)
            return
        with suppress(ChannelGone, BridgeGone):
            await self._send(method, path, {}, None)

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], json: Mapping[str, Any] | None
    ) -> Any:
        try:
            async with self.session.request(
                method, f"{self.base}/{path}", params=query, json=json
            ) as answer:
                return _read(method, path, Answer(answer.status, await answer.text()))
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as lost:
            raise Unreachable(f"{method} {_kind(path)}: {type(lost).__name__}") from lost
        except (aiohttp.ClientError, ValueError) as odd:  # no HTTP, or no JSON
            raise AriError(f"{method} {_kind(path)}: unreadable ({type(odd).__name__})") from odd


def _read(method: str, path: str, answer: Answer) -> Any:
    _refused(method, path, answer)
    return answer.content


def _refused(method: str, path: str, answer: Answer) -> None:
    """Raises what a refusal means."""
    if answer.status < 300:
        return
    message = answer.message
    meaning = _MEANINGS.get(answer.status, AriError)
    if "bridge not found" in message.lower():
        meaning = BridgeGone
    elif "not found" in message.lower() or "could not stop" in message.lower():
        meaning = ChannelGone
    raise meaning(f"{method} {_kind(path)}: {answer.status} {message}")


def _each(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """Reads a list; one thing of an unknown shape must not hide the others."""

    def read_all(listed: Any) -> tuple[T, ...]:
        return tuple(_readable(read, listed))

    return read_all


def _readable(read: Callable[[Any], T], listed: Iterable[Any]) -> Iterator[T]:
    for json in listed:
        try:
            yield read(json)
        except ODD as odd:
            log.warning("Asterisk lists something of an unknown shape (%s)", type(odd).__name__)


def _online(listed: Any) -> frozenset[str]:
    return frozenset(
        json["resource"].removesuffix(IN_BROWSER) for json in listed if _is_online(json)
    )


def _received(json: Any) -> int:
    return int(json["rxcount"])


def _is_online(json: Any) -> bool:
    return bool(json.get("state") == "online")


def _kind(path: str) -> str:
    """The path's shape without ids, so that logs group and stay short."""
    parts = path.split("/")
    return "/".join(part if index % 2 == 0 else "…" for index, part in enumerate(parts))


@dataclass(frozen=True, slots=True)
class Channels:
    """`/channels`."""

    _ari: Ari

    async def list(self) -> tuple[Channel, ...]:
        """All channels that this Asterisk has."""
        return await self._ari.get("channels", _each(channel_of))

    async def get(self, channel: str) -> Channel:
        """One of them, wherever it is; ChannelGone where it is not."""
        return await self._ari.get(f"channels/{channel}", channel_of)

    async def answer(self, channel: str) -> None:
        """Pick up. Waits for its turn in the channel's command queue."""
        await self._ari.post(f"channels/{channel}/answer")

    async def continue_in_dialplan(self, channel: str, *, context: str) -> None:
        """Hand the channel back to the dialplan, at the beginning of that context."""
        await self._ari.post(
            f"channels/{channel}/continue", context=context, extension="s", priority="1"
        )

    async def hangup(self, channel: str, *, reason: str = "normal") -> None:
        """End the channel; jumps the queue."""
        await self._ari.delete(f"channels/{channel}", reason=reason)

    async def play_with_id(self, channel: str, playback: str, media: Iterable[str]) -> None:
        """Queue media URIs as one playback whose id we chose."""
        body = {"media": list(media)}
        await self._ari.at_once("POST", f"channels/{channel}/play/{playback}", body)

    async def record(self, channel: str, recording: LiveRecording) -> None:
        """Queue a recording; it ends by `#`, by silence, by its length, by stop or by hang-up."""
        await self._ari.post(
            f"channels/{channel}/record",
            name=recording.name,
            format=recording.format,
            maxDurationSeconds=str(recording.max_seconds),
            maxSilenceSeconds=str(recording.max_silence_seconds),
            ifExists="fail",
            beep="false",
            terminateOn=recording.terminate_on,
        )

    async def originate_with_id(self, channel: str, leg: Leg) -> None:
        """Dial a second party under an id we chose; its StasisStart means that it answered."""
        originator = {} if leg.originator is None else {"originator": leg.originator}
        await self._ari.post(
            f"channels/{channel}",
            {"variables": dict(leg.variables)},
            endpoint=leg.endpoint,
            app=leg.app,
            timeout=str(leg.ring_seconds),
            callerId=leg.caller_id.reveal(),
            **originator,
        )

    async def ring(self, channel: str) -> None:
        """Let whoever is on the channel hear that another phone rings."""
        await self._ari.post(f"channels/{channel}/ring")

    async def ring_stop(self, channel: str) -> None:
        """No more of that."""
        await self._ari.delete(f"channels/{channel}/ring")

    async def mute(self, channel: str) -> None:
        """Nothing that comes from the channel is heard by anybody."""
        await self._ari.post(f"channels/{channel}/mute", direction="in")

    async def unmute(self, channel: str) -> None:
        """It is heard again."""
        await self._ari.delete(f"channels/{channel}/mute", direction="in")

    async def send_dtmf(self, channel: str, keys: Sensitive[str]) -> None:
        """Keys for whoever is at the other end of the channel."""
        await self._ari.post(f"channels/{channel}/dtmf", dtmf=keys.reveal())

    async def set_channel_var(self, channel: str, variable: str, value: str) -> None:
        """A variable of the channel, which outlives the service."""
        await self._ari.post(f"channels/{channel}/variable", variable=variable, value=value)

    async def received(self, channel: str) -> int:
        """How many packets of speech have come from the far end."""
        return await self._ari.get(f"channels/{channel}/rtp_statistics", _received)

    async def get_channel_var(self, channel: str, variable: str) -> str:
        """Its value; ChannelGone too where there is no such variable."""
        return await self._ari.get(
            f"channels/{channel}/variable", lambda told: str(told["value"]), variable=variable
        )

    async def snoop_channel_with_id(self, channel: str, snoop: str, app: str) -> None:
        """A channel that hears all of `channel`, and whose own speech only `channel` hears."""
        await self._ari.post(
            f"channels/{channel}/snoop/{snoop}", spy="both", whisper="out", app=app
        )

    async def start_moh(self, channel: str, music_class: str) -> None:
        """Music on hold, at once and without blocking the channel's queue."""
        await self._ari.post(f"channels/{channel}/moh", mohClass=music_class)

    async def stop_moh(self, channel: str) -> None:
        """No more music."""
        await self._ari.gone(f"channels/{channel}/moh")


@dataclass(frozen=True, slots=True)
class LiveRecording:
    """What to record: `name` is the file's below Asterisk's recording folder, no extension."""

    name: str
    max_seconds: int
    max_silence_seconds: int
    format: str = "wav"
    terminate_on: str = "#"


@dataclass(frozen=True, slots=True)
class Leg:
    """Whom to dial, for whom, and what their screen shows."""

    endpoint: str = field(repr=False)
    """It may hold a telephone number."""
    app: str
    originator: str | None
    """The caller's channel: its language and codec are taken over; None: nobody has called."""
    ring_seconds: int
    caller_id: Sensitive[str]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recordings:
    """`/recordings`."""

    _ari: Ari

    async def stop(self, name: str) -> None:
        """End a recording and keep its file; one that is over already is fine."""
        with suppress(ChannelGone):
            await self._ari.post(f"recordings/live/{name}/stop")

    async def get_live(self, name: str) -> bool:
        """Whether a recording of this name is queued or goes on."""
        try:
            await self._ari.get(f"recordings/live/{name}", dict)
        except ChannelGone:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Bridges:
    """`/bridges`."""

    _ari: Ari

    async def create_with_id(self, bridge: str) -> None:
        """A mixing bridge under an id we chose; media pass Asterisk, which may play into them.

        Without proxy_media two telephones' packets may go past what Asterisk plays to one of them.
        """
        await self._ari.post(f"bridges/{bridge}", type="mixing,proxy_media")

    async def add_channel(self, bridge: str, *channels: str) -> None:
        """Let these channels hear each other."""
        await self._ari.post(f"bridges/{bridge}/addChannel", channel=",".join(channels))

    async def remove_channel(self, bridge: str, channel: str) -> None:
        """This one hears the others no more, and stays with us."""
        await self._ari.post(f"bridges/{bridge}/removeChannel", channel=channel)

    async def destroy(self, bridge: str) -> None:
        """Take the bridge away; the channels stay with us."""
        await self._ari.delete(f"bridges/{bridge}")

    async def list(self) -> tuple[Bridge, ...]:
        """All bridges that this Asterisk has."""
        return await self._ari.get("bridges", _each(bridge_of))


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`/endpoints`."""

    _ari: Ari

    async def online(self, tech: str = "PJSIP") -> frozenset[str]:
        """The names of the endpoints that are registered, or reachable by configuration.

        An agent's phone in the browser counts as the agent's phone.
        """
        return await self._ari.get(f"endpoints/{tech}", _online)

    async def phone(self, agent: Agent) -> str:
        """The agent's one phone that counts: in the browser where that is registered."""
        try:
            in_browser = await self._ari.get(f"endpoints/PJSIP/{agent.browser}", _is_online)
        except ChannelGone:  # Asterisk knows no such endpoint: agents have none in the browser
            in_browser = False
        return f"PJSIP/{agent.browser if in_browser else agent.extension}"


@dataclass(frozen=True, slots=True)
class Playbacks:
    """`/playbacks`."""

    _ari: Ari

    async def stop(self, playback: str) -> bool:
        """Stop the sound; jumps the queue. False when it was over already, which is fine."""
        return await self._ari.gone(f"playbacks/{playback}")

    async def cut(self, playback: str) -> None:
        """Stop the sound before whatever is asked next; it may be over already."""
        await self._ari.ahead("DELETE", f"playbacks/{playback}")


@dataclass(frozen=True, slots=True)
class Applications:
    """`/applications`."""

    _ari: Ari

    async def subscribe(self, app: str, source: str) -> None:
        """Let the events of `source` come too, such as `bridge:` for all bridges."""
        await self._ari.post(f"applications/{app}/subscription", eventSource=source)

    async def filter(self, app: str, allowed: Iterable[str]) -> None:
        """Let only these event types through; the others are noise on every call."""
        body = {"allowed": [{"type": name} for name in allowed]}
        await self._ari.put(f"applications/{app}/eventFilter", body)


@dataclass(frozen=True, slots=True)
class AsteriskInfo:
    """`/asterisk`."""

    _ari: Ari

    async def get_info(self) -> Mapping[str, Any]:
        """Version, build and start-up time of this Asterisk."""
        return await self._ari.get("asterisk/info", dict)

    async def rotate_log(self, log_channel_name: str) -> None:
        """Begin the log of that name anew, as logger.conf says."""
        await self._ari.put(f"asterisk/logging/{log_channel_name}/rotate", {})

    async def startup(self) -> datetime:
        """When this Asterisk started: the same as long as it is the same run."""
        return await self._ari.get(
            "asterisk/info", lambda info: moment(info["status"]["startup_time"]), only="status"
        )
