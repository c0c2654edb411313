"""The line's event pump: what Asterisk tells is handed to whom it concerns, at once.

Nothing here waits for an answer of Asterisk's: one slow command must not delay other callers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from ivr.ari.events import (
    ApplicationReplaced,
    BridgeDestroyed,
    ChannelDestroyed,
    DtmfReceived,
    Event,
    HangupRequested,
    Held,
    LeftBridge,
    LinkDown,
    LinkUp,
    PlaybackFinished,
    PlaybackStarted,
    RecordingFinished,
    RecordingStarted,
    StasisEnd,
    StasisStart,
    Unheld,
)
from ivr.ari.exchange import caller_of, is_ear
from ivr.ari.link import follow
from ivr.calls.inbox import Begun, CallerBack, Finished, Key, RecordingEnded
from ivr.dialling.names import attempt_of, parted
from ivr.line.conduct import Conductor
from ivr.line.reception import Live
from ivr.line.takeover import Takeover
from ivr.records.journal import Unfinished

log = logging.getLogger(__name__)

WANTED = (
    "StasisStart",
    "StasisEnd",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "ChannelDtmfReceived",
    "ChannelHold",
    "ChannelUnhold",
    "ChannelLeftBridge",
    "BridgeDestroyed",
    "PlaybackStarted",
    "PlaybackFinished",
    "RecordingStarted",
    "RecordingFinished",
    "RecordingFailed",
    "ApplicationReplaced",
)
"""Events that we act on; Asterisk keeps the rest to itself."""


class Replaced(Exception):
    """Another service took our application's name: it has the calls now."""


@dataclass(frozen=True, slots=True)
class Hotline:
    """The line at work: events in, and whoever conducts its calls."""

    conductor: Conductor
    takeover: Takeover

    @property
    def calls(self) -> Mapping[str, Live]:
        """Calls in progress, by channel."""
        return self.conductor.calls

    @property
    def unfinished(self) -> Mapping[str, Unfinished]:
        """Sessions without an end that nobody conducts now, by channel."""
        return self.conductor.unfinished

    async def run(self) -> None:
        """Serve calls until cancelled; raises Replaced or NotAuthorised."""
        reception = self.conductor.reception
        app = reception.means.settings.ari_app
        try:
            async with aclosing(follow(reception.ari, app, WANTED, self._tell)) as link:
                async for change in link:
                    match change:
                        case LinkUp(startup):
                            self.takeover.link_up(startup)
                        case LinkDown(reason):
                            await self.takeover.link_down(reason)
        finally:
            await self.takeover.stop()
            await self.conductor.suspend_all()
            await self.conductor.finish()

    async def drain(self) -> None:
        """Take no new calls; return when those in progress have ended, or their time is over."""
        self.conductor.draining = True
        tasks = [live.task for live in self.calls.values() if live.task is not None]
        if tasks:
            seconds = self.conductor.reception.means.settings.drain_seconds
            await asyncio.wait(tasks, timeout=seconds)

    def _tell(self, event: Event) -> None:
        """Whom the event concerns; what only a call has to hear goes there in one step."""
        if heard := _HEARD.get(type(event)):
            heard(self, event)
        else:
            self._happened(event)

    def _happened(self, event: Event) -> None:
        """What begins and ends calls and conversations."""
        conductor = self.conductor
        match event:
            case ApplicationReplaced():
                name = conductor.reception.means.settings.ari_app
                raise Replaced(
                    f"另一个服务已经以 {name} 的名义接管了来电，这一个就此结束，不再启动 · another"
                    f" service has taken the name {name} and its calls: this one ends for good"
                )
            case _ if attempt := attempt_of(_named(event)):
                self._tell_dialler(attempt, event)
            case StasisStart(channel) if is_ear(channel.id):
                pass  # a supervisor hears by it
            case StasisStart(channel) if caller := caller_of(channel.id):
                conductor.picked_up(channel.id, caller)
            case StasisStart(channel):
                conductor.begin(channel)
            case StasisEnd(channel):
                conductor.left(channel)
            case HangupRequested(channel, cause, vanished):
                conductor.hung_up(channel, cause, vanished=vanished)
            case ChannelDestroyed(channel, cause):
                conductor.hung_up(channel, cause)
            case LeftBridge(bridge, channel):
                conductor.parted(bridge, channel)
            case BridgeDestroyed(bridge):
                conductor.parted(bridge)

    def _tell_dialler(self, attempt: str, event: Event) -> None:
        """What becomes of a call that the line makes, and of whom it speaks to itself."""
        dialler = self.conductor.dialler
        if dialler is None:
            return
        match event:
            case StasisStart(channel):
                dialler.answered(channel.id)
                if dialler.spoken_to(channel.id):
                    self.conductor.begin(channel)
            case HangupRequested(leg, cause) | ChannelDestroyed(leg, cause):
                dialler.over(attempt, parted(leg)[1], cause)
                self.conductor.hung_up(leg, cause)
            case StasisEnd(leg):
                dialler.over(attempt, parted(leg)[1])
                self.conductor.left(leg)
            case LeftBridge() | BridgeDestroyed():
                dialler.over(attempt, None)

    # --- what only the call itself has yet to hear of ---------------------------------------------

    def _pressed(self, event: DtmfReceived) -> None:
        """A key counts once, by how many ways it may come."""
        live = self.calls.get(event.channel)
        if live is None:
            return
        digit, traffic = event.digit.reveal(), self.conductor.vitals.traffic
        came_by = partial(traffic.came_by, live.trunk)
        self.conductor.signalling.pressed(live.sip_call, digit, came_by)
        if live.doubled.is_copy(digit, event.ended, event.seconds):
            traffic.key_doubled(live.trunk)
            return
        if live.counts:
            traffic.key_came(live.trunk)
        live.call.inbox.put(Key(digit, _now()))

    def _begun(self, event: PlaybackStarted | RecordingStarted) -> None:
        if live := self.calls.get(event.channel or ""):
            live.call.inbox.put(Begun(event.name, _now()))

    def _finished(self, event: PlaybackFinished) -> None:
        if live := self.calls.get(event.channel or ""):
            live.call.inbox.put(Finished(event.name))
            self.conductor.count_broken(live)
            live.broke_off = event.failed
        elif (attempt := attempt_of(event.channel or "")) and self.conductor.dialler is not None:
            self.conductor.dialler.said(attempt, whole=not event.failed)

    def _recorded(self, event: RecordingFinished) -> None:
        if live := self.calls.get(event.channel or ""):
            live.call.inbox.put(RecordingEnded(event.name, event.ms, event.failed))

    def _held(self, event: Held) -> None:
        if live := self.calls.get(event.channel):
            live.call.inbox.hold()

    def _unheld(self, event: Unheld) -> None:
        if live := self.calls.get(event.channel):
            live.call.inbox.unhold()
            if live.call.talk is not None:
                live.call.inbox.put(CallerBack())


_HEARD: Mapping[type[Event], Callable[[Hotline, Any], None]] = {
    DtmfReceived: Hotline._pressed,
    PlaybackStarted: Hotline._begun,
    PlaybackFinished: Hotline._finished,
    RecordingStarted: Hotline._begun,
    RecordingFinished: Hotline._recorded,
    Held: Hotline._held,
    Unheld: Hotline._unheld,
}
"""Nearly all that comes, each read in one step; of a call that has ended it concerns nobody."""


def _now() -> float:
    return asyncio.get_running_loop().time()


def _named(event: Event) -> str:
    """The channel or the bridge that an event is about; empty where it is about neither."""
    match event:
        case StasisStart(channel):
            return channel.id
        case LeftBridge(bridge) | BridgeDestroyed(bridge):
            return bridge
    return getattr(event, "channel", None) or ""
