"""Asterisk's events as frozen dataclasses; the one file that knows their JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ivr.config import BROWSERS, EDGE, GUESTS, PROBES, TRUNK_ENDPOINT
from ivr.people.asserted import identity
from ivr.people.sensitive import Sensitive
from ivr.speech.contract import DTMF

log = logging.getLogger(__name__)

Json = Mapping[str, Any]

_UNVOUCHED = frozenset({GUESTS, BROWSERS, EDGE})
"""Endpoints that may call themselves by any number."""
_NO_SPEECH = 1
"""Asterisk's own reason (AST_SOFTHANGUP_DEV), told as a cause: no RTP and no RTCP for too long."""
_NO_ANSWER = 18
"""Q.850, "no user responding": the far end answers no request within the call any more."""
MUTED = "HOTLINE_MUTED"
"""Variable of a channel that is muted: Asterisk lists it with the channel (ari.conf)."""
_UNKNOWN = "unknown"
"""What the dialplan adds where the number dialled is none of the line's."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A leg of a call as Asterisk describes it."""

    id: str
    state: str
    dialled: str
    """The number that the caller dialled, as the dialplan told it; empty when there was none."""
    caller: Sensitive[str] | None
    """The caller's number; None where the network withheld it.

    A trunk's word where one brought the call, and else the caller's own.
    """
    app: str | None
    """The Stasis application that holds it; None when it is elsewhere."""
    created: datetime
    endpoint: str = ""
    """Whose call it is, as pjsip.conf names them: a trunk, an agent's phone, or a guest.

    What the edge brings is whose the edge says that it is.
    """
    withheld: bool = False
    """The caller wants no number shown; a trunk may tell it us all the same."""
    unknown: bool = False
    """The number dialled is none of the line's."""
    screen: str = field(default="", repr=False)
    """By which the browser that calls is shown what is being said; empty for all others."""
    name: str = ""
    """What Asterisk's console calls it."""
    sip_call: str = ""
    """SIP's Call-ID; empty where Asterisk does not tell."""

    probe: bool = False
    """A caller of our own (拨测)."""
    muted: bool = False
    """We have it muted: nobody hears what comes from it."""

    @property
    def guest(self) -> bool:
        """Came from no trunk and no agent's phone: nobody vouches for its number."""
        return self.endpoint in _UNVOUCHED

    @property
    def trunk(self) -> str | None:
        """The name of the trunk that brought it; None when none did."""
        name = self.endpoint.removeprefix(TRUNK_ENDPOINT)
        return None if name == self.endpoint else name


@dataclass(frozen=True, slots=True)
class Bridge:
    """Channels that hear each other."""

    id: str
    channels: frozenset[str]
    created: datetime


@dataclass(frozen=True, slots=True)
class StasisStart:
    """A channel was handed to us."""

    channel: Channel
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """A channel left us, for whatever reason."""

    channel: str


@dataclass(frozen=True, slots=True)
class HangupRequested:
    """One side put the receiver down; `cause` is Q.850's, where Asterisk tells one."""

    channel: str
    cause: int | None
    vanished: bool = False
    """Nobody did: Asterisk gave the call up, for it heard nothing of the caller any more."""


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """A channel is no more."""

    channel: str
    cause: int | None


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    """A key was released. The digit may be part of an ID number."""

    channel: str
    digit: Sensitive[str]
    ended: float | None = None
    """When, in seconds by Asterisk's clock; None where it does not tell."""
    seconds: float = 0.0
    """How long it was pressed, as its sender tells."""


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first sound of a playback begins."""

    channel: str | None
    name: str


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A playback ended: played, stopped, or failed on its last item."""

    channel: str | None
    name: str
    failed: bool


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """A recording begins."""

    channel: str | None
    name: str


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """A recording ended, for whatever reason; its file is closed."""

    channel: str | None
    name: str
    ms: int
    failed: bool


@dataclass(frozen=True, slots=True)
class LeftBridge:
    """A channel does not hear the others of a bridge any more; it lives on, or hangs up."""

    bridge: str
    channel: str


@dataclass(frozen=True, slots=True)
class Held:
    """One side has put the other on hold."""

    channel: str


@dataclass(frozen=True, slots=True)
class Unheld:
    """The one on hold is heard again."""

    channel: str


@dataclass(frozen=True, slots=True)
class BridgeDestroyed:
    """A bridge is no more."""

    bridge: str


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another connection took our application's name."""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The link stands (again): what Asterisk holds of ours must be looked through."""

    startup: datetime
    """When this Asterisk started; another value than before means that its calls are gone."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link is lost; events from here on are lost too."""

    reason: str


Event = (
    StasisStart
    | StasisEnd
    | HangupRequested
    | ChannelDestroyed
    | DtmfReceived
    | PlaybackStarted
    | PlaybackFinished
    | RecordingStarted
    | RecordingFinished
    | LeftBridge
    | BridgeDestroyed
    | Held
    | Unheld
    | ApplicationReplaced
    | LinkUp
    | LinkDown
)


def channel_of(json: Json) -> Channel:
    """A channel object of Asterisk's as ours."""
    dialplan = json.get("dialplan", {})
    number = json.get("caller", {}).get("number") or None
    in_stasis = dialplan.get("app_name") == "Stasis"
    told_us = (*str(dialplan.get("app_data", "")).split(","), "", "", "", "", "", "")
    app, dialled, told, screen, probe, whose, headers, *_ = told_us
    endpoint = json.get("name", "").partition("/")[2].rpartition("-")[0]
    if in_stasis and endpoint == EDGE and whose:
        endpoint = whose
    said = identity(headers if in_stasis else "")
    caller = None if number is None else Sensitive(number)
    return Channel(
        id=json["id"],
        state=json["state"],
        dialled=dialled if in_stasis else "",
        caller=said.number or caller if endpoint.startswith(TRUNK_ENDPOINT) else caller,
        app=app if in_stasis else None,
        endpoint=endpoint,
        withheld=in_stasis and (told.startswith("prohib") or said.withheld),
        unknown=in_stasis and told == _UNKNOWN,
        screen=screen if in_stasis else "",
        probe=in_stasis and probe == PROBES,
        muted=json.get("channelvars", {}).get(MUTED) == "1",
        created=moment(json["creationtime"]),
        name=json.get("name", ""),
        sip_call=json.get("protocol_id", ""),
    )


def bridge_of(json: Json) -> Bridge:
    """A bridge object of Asterisk's as ours."""
    return Bridge(json["id"], frozenset(json["channels"]), moment(json["creationtime"]))


def moment(text: str) -> datetime:
    """Asterisk writes 2026-11-25T08:00:00.000+0000."""
    return datetime.fromisoformat(text)


def _cause(json: Json) -> int | None:
    cause = json.get("cause")
    return int(cause) if cause is not None else None


def _target(media: Json) -> str | None:
    """The channel that hears a playback, or is recorded; None for a bridge."""
    kind, _, target = media["target_uri"].partition(":")
    return target if kind == "channel" else None


def _playback_started(json: Json) -> Event:
    playback = json["playback"]
    return PlaybackStarted(_target(playback), playback["id"])


def _hangup_requested(json: Json) -> Event:
    """The first of a hang-up tells who did it: the far end (not soft), or Asterisk (soft)."""
    cause = _cause(json)
    vanished = cause == _NO_SPEECH if json.get("soft") else cause == _NO_ANSWER
    return HangupRequested(json["channel"]["id"], cause, vanished)


def _key(json: Json) -> Event | None:
    """A key of a telephone; None for every other tone."""
    digit = json["digit"]
    if digit not in DTMF:
        return None
    ended = moment(json["timestamp"]).timestamp() if "timestamp" in json else None
    seconds = int(json.get("duration_ms", 0)) / 1000
    return DtmfReceived(json["channel"]["id"], Sensitive(digit), ended, seconds)


def _playback_finished(json: Json) -> Event:
    playback = json["playback"]
    failed = playback.get("state") == "failed"
    return PlaybackFinished(_target(playback), playback["id"], failed)


def _recording_started(json: Json) -> Event:
    recording = json["recording"]
    return RecordingStarted(_target(recording), recording["name"])


def _recording_finished(json: Json) -> Event:
    recording = json["recording"]
    return RecordingFinished(
        channel=_target(recording),
        name=recording["name"],
        ms=int(recording.get("duration", 0)) * 1000,
        failed=json["type"] == "RecordingFailed",
    )


READERS: Mapping[str, Callable[[Json], Event | None]] = {
    "StasisStart": lambda json: StasisStart(channel_of(json["channel"]), tuple(json["args"])),
    "StasisEnd": lambda json: StasisEnd(json["channel"]["id"]),
    "ChannelHangupRequest": _hangup_requested,
    "ChannelDestroyed": lambda json: ChannelDestroyed(json["channel"]["id"], _cause(json)),
    "ChannelDtmfReceived": _key,
    "ChannelHold": lambda json: Held(json["channel"]["id"]),
    "ChannelUnhold": lambda json: Unheld(json["channel"]["id"]),
    "ChannelLeftBridge": lambda json: LeftBridge(json["bridge"]["id"], json["channel"]["id"]),
    "BridgeDestroyed": lambda json: BridgeDestroyed(json["bridge"]["id"]),
    "PlaybackStarted": _playback_started,
    "PlaybackFinished": _playback_finished,
    "RecordingStarted": _recording_started,
    "RecordingFinished": _recording_finished,
    "RecordingFailed": _recording_finished,
    "ApplicationReplaced": lambda _: ApplicationReplaced(),
}
"""Event type → how its JSON is read."""


def event_of(json: Any) -> Event | None:
    """An event of Asterisk's as ours; None for one that we have no use for.

    A newer Asterisk may send types or shapes that nobody here has seen; they must not end a call.
    """
    reader = READERS.get(str(json.get("type"))) if isinstance(json, dict) else None
    if reader is None:
        return None
    try:
        return reader(json)
    except (KeyError, TypeError, ValueError, AttributeError) as odd:
        log.warning("event %s of an unknown shape (%s)", json.get("type"), type(odd).__name__)
        return None
