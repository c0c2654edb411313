"""The calls of the line: events in, one task per call, hanging up cancels.

Starting, reconnecting and resuming are one path: whenever the link comes up, the channels that
Asterisk holds for us are compared with the calls we know, and each is begun, resumed or closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ivr.agents.switchboard import Talk
from ivr.ari.client import Ari
from ivr.ari.errors import AriError, ChannelGone, Unreachable
from ivr.ari.events import (
    ApplicationReplaced,
    Bridge,
    Channel,
    ChannelDestroyed,
    DtmfReceived,
    Event,
    HangupRequested,
    LinkDown,
    LinkUp,
    PlaybackFinished,
    RecordingFinished,
    StasisEnd,
    StasisStart,
)
from ivr.ari.exchange import caller_of, talks
from ivr.ari.link import events
from ivr.asterisk.configure import AWAY
from ivr.calls.inbox import Finished, Key, LegGone, PickedUp, RecordingEnded
from ivr.config import Settings
from ivr.dialogues import converse, find
from ivr.lifecycle.vitals import Vitals
from ivr.line.reception import TURNED_AWAY, Live, Reception
from ivr.recordings.desk import FilingDesk
from ivr.records.facts import (
    Disposition,
    LinkLost,
    LinkRestored,
    Refused,
    SessionAnswered,
    SessionEnded,
)
from ivr.records.journal import Journal, Unfinished

log = logging.getLogger(__name__)

WANTED = (
    "StasisStart",
    "StasisEnd",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "ChannelDtmfReceived",
    "PlaybackFinished",
    "RecordingFinished",
    "RecordingFailed",
    "ApplicationReplaced",
)
"""Events that we act on; Asterisk keeps the rest to itself."""

MOST_TURNED_AWAY = 50
"""Calls at once that hear so; those beyond get the busy tone."""
APOLOGY_SECONDS = 15.0
"""How long a call that failed may take to say so."""
SETTLING_SECONDS = 10.0
"""How long the end of a call may take to file a recording or to stop an agent's phone."""
SECOND_LOOK_SECONDS = 1.0


class Replaced(Exception):
    """Another service took our application's name: it has the calls now."""


@dataclass(slots=True)
class Hotline:
    """The line: what it needs for its calls, and the calls it has."""

    settings: Settings
    ari: Ari
    reception: Reception
    journal: Journal
    desk: FilingDesk
    vitals: Vitals
    inherit: Callable[[], Awaitable[Mapping[str, Unfinished]]]
    """What a service before has left without an end, by channel; waits until it lets go."""
    unfinished: dict[str, Unfinished] = field(default_factory=dict)
    """Sessions without an end, by channel: of a service that died, or of a lost link."""
    calls: dict[str, Live] = field(default_factory=dict)
    """Calls in progress, by channel."""
    draining: bool = False
    """New callers are sent to the agents, for this service ends soon."""
    _startup: datetime | None = None
    """When the Asterisk that we know started; None: no link has stood yet."""
    _lost: Disposition = "service_lost"
    """What it means that a session's channel is not there any more."""
    _down_since: float | None = None
    """When the link broke, or this service began (the loop's clock); None while it stands."""
    _second_look: asyncio.Task[None] | None = None
    _ending: set[asyncio.Task[None]] = field(default_factory=set)
    """Work on calls that are over; the line does not stop before it is done."""

    async def run(self) -> None:
        """Serve calls until cancelled; raises Replaced or NotAuthorised."""
        self._down_since = asyncio.get_running_loop().time()
        try:
            async with aclosing(events(self.ari, self.settings.ari_app, WANTED)) as link:
                async for event in link:
                    await self._take(event)
        finally:
            await self._suspend_all()
            await asyncio.gather(*self._ending, return_exceptions=True)

    async def _take(self, event: Event) -> None:
        match event:
            case StasisStart(channel) if caller := caller_of(channel.id):
                await self._picked_up(channel.id, caller)
            case StasisStart(channel) if self.draining:
                await self._turn_away(channel.id)
            case StasisStart(channel):
                self._begin(channel)
            case DtmfReceived() | PlaybackFinished() | RecordingFinished():
                if live := self.calls.get(event.channel or ""):
                    self._heard(live, event)
            case HangupRequested(channel, cause) | ChannelDestroyed(channel, cause):
                self._gone(channel, cause)
            case StasisEnd(channel):
                self._gone(channel, None)
            case LinkUp(startup):
                await self._link_up(startup)
            case LinkDown(reason):
                await self._link_down(reason)
            case ApplicationReplaced():
                raise Replaced(f"another service took the name {self.settings.ari_app}")
            case _:
                pass  # of a call that has ended meanwhile

    def _heard(
        self, live: Live, event: DtmfReceived | PlaybackFinished | RecordingFinished
    ) -> None:
        """What the call has yet to hear of."""
        match event:
            case DtmfReceived(_, digit):
                live.call.inbox.put(Key(digit.reveal(), asyncio.get_running_loop().time()))
            case PlaybackFinished(_, playback, failed):
                live.call.inbox.put(Finished(playback))
                self._count_broken(live)
                live.broke_off = failed
            case RecordingFinished(_, name, ms, failed):
                live.call.inbox.put(RecordingEnded(name, ms, failed))

    def _count_broken(self, live: Live) -> None:
        """A sound that broke off and was followed by more had a broken file."""
        if live.broke_off:
            self.vitals.prompt_broke()

    async def drain(self) -> None:
        """Take no new calls; return when those in progress have ended, or their time is over."""
        self.draining = True
        tasks = [live.task for live in self.calls.values() if live.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=self.settings.drain_seconds)

    async def _turn_away(self, channel: str) -> None:
        with suppress(AriError):
            await self.ari.channels.continue_in_dialplan(channel, context=AWAY)

    # --- the link, and what Asterisk holds of ours when it stands (again) --------------------

    async def _link_down(self, reason: str) -> None:
        log.warning("the link to Asterisk is down: %s", reason)
        self.vitals.link = False
        if self._down_since is None:
            self._down_since = asyncio.get_running_loop().time()
            self.journal.note(LinkLost(reason=reason))
        await self._suspend_all()

    async def _link_up(self, startup: datetime) -> None:
        if self._startup is None:
            self.unfinished.update(await self.inherit())
        self._startup, self.vitals.link = startup, True
        try:
            await self._look_through(startup)
        except AriError as refused:
            log.warning("Asterisk does not show its channels: %s", refused)
            self._look_again_soon()

    async def _look_through(self, startup: datetime) -> None:
        """Compare what Asterisk holds of ours with what we know: begin, resume or close each."""
        channels, bridges = await self.ari.channels.list(), await self.ari.bridges.list()
        talking = talks(channels, bridges)
        ours = {
            channel.id: channel
            for channel in channels
            if channel.app == self.settings.ari_app and caller_of(channel.id) is None
        }
        for name in self.unfinished.keys() - ours.keys():
            known = self.unfinished.pop(name)
            self._close_lost(known, "asterisk_lost" if known.began < startup else self._lost)
        await self._clear_lines(channels, bridges, talking)
        for channel in ours.values():
            self._begin(channel, talking.get(channel.id))
        self._lost = "hung_up"
        self._note_restored()
        self._file_left_over()
        log.info("the link to Asterisk is up; %d calls in progress", len(self.calls))

    def _note_restored(self) -> None:
        if self._down_since is not None:
            down = asyncio.get_running_loop().time() - self._down_since
            self._down_since = None
            self.journal.note(LinkRestored(adopted=len(self.calls), ms=round(down * 1000)))

    async def _clear_lines(
        self, channels: Iterable[Channel], bridges: Iterable[Bridge], talking: Mapping[str, Talk]
    ) -> None:
        """Agents' phones that ring for nobody any more, and bridges where nobody is left, go."""
        kept = {talk.leg for talk in talking.values()}

        def stray(name: str) -> bool:
            caller = caller_of(name)
            return caller is not None and caller not in self.calls and name not in kept

        for leg in filter(stray, (channel.id for channel in channels)):
            await self.ari.channels.hangup(leg)
        for bridge in filter(stray, (bridge.id for bridge in bridges)):
            await self.ari.bridges.destroy(bridge)

    def _begin(self, channel: Channel, talk: Talk | None = None) -> None:
        """Take a call, new or found again; taking it twice is harmless."""
        if channel.id in self.calls:
            return
        if known := self.unfinished.pop(channel.id, None):
            live = self.reception.known_again(known, channel, talk)
        else:
            door = self.reception.door(channel, self.calls.values())
            if door in TURNED_AWAY and self._turned_away() >= MOST_TURNED_AWAY:
                self._give_busy_tone(channel)
                return
            live = self.reception.newly_met(channel, door)
        self.calls[channel.id] = live
        live.task = asyncio.create_task(self._conduct(live), name=f"call {live.call.session}")
        self.vitals.calls = len(self.calls)

    def _turned_away(self) -> int:
        return sum(live.start in TURNED_AWAY for live in self.calls.values())

    def _give_busy_tone(self, channel: Channel) -> None:
        """More than can even be told so: Asterisk answers busy, and nothing else is done."""
        self.journal.note(Refused(session=None, reason="line_overrun"))
        self._to_its_end(self._hang_up(channel.id, reason="busy"))

    def _to_its_end(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin `work`: it goes on when who awaits it is cancelled, and `run` waits for it."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _hang_up(self, channel: str, *, reason: str) -> None:
        with suppress(AriError):
            await self.ari.channels.hangup(channel, reason=reason)

    # --- the course of a call and its end ---------------------------------------------------

    async def _conduct(self, live: Live) -> None:
        """From picking up to the last fact; whatever happens, nothing stays behind."""
        ending: Disposition | None = "failed"
        try:
            ending = await self._converse(live)
        except asyncio.CancelledError:
            ending = live.cancelled_as
            raise
        except ChannelGone:
            ending = "hung_up"
        except Unreachable as lost:
            log.warning("a call is suspended: %s", lost)
            ending = None
            self._look_again_soon()
        except Exception:
            log.exception("a call failed in %s", live.call.place)
            await self._apologise(live)
        finally:
            await asyncio.shield(self._to_its_end(self._clear(live, ending)))

    async def _converse(self, live: Live) -> Disposition:
        if live.found:
            await self._go_on(live)
        else:
            await self._pick_up(live)
        return await converse(live.call, live.start)

    async def _pick_up(self, live: Live) -> None:
        await self.ari.channels.answer(live.line.channel)
        after = asyncio.get_running_loop().time() - live.began
        self.journal.note(SessionAnswered(session=live.call.session, after_ms=round(after * 1000)))
        await asyncio.sleep(self.settings.patience.answer_pause_ms / 1000)

    async def _go_on(self, live: Live) -> None:
        """抱歉让您久等了, and the question again; who talks to an agent has not missed us."""
        if live.call.exchange.talking is None:
            await live.line.hush()
        if live.call.exchange.talking is None and not find(live.start, live.call.prompts).quiet:
            await live.call.exchange.quiet()
            await live.call.say("line.sorry_wait")

    async def _apologise(self, live: Live) -> None:
        with suppress(AriError, TimeoutError):
            async with asyncio.timeout(APOLOGY_SECONDS):
                await live.call.say("line.system_error")

    async def _clear(self, live: Live, ending: Disposition | None) -> None:
        """The caller's channel is let go, and the session closed or kept open for later."""
        if ending is None:
            self.unfinished[live.line.channel] = _unfinished(live)
        else:
            await self._settle(live)
            if ending != "hung_up":
                self._count_broken(live)
            self.journal.note(_ended(live, ending))
            with suppress(AriError):
                await self.ari.channels.hangup(live.line.channel)
        self.calls.pop(live.line.channel, None)
        live.task = None  # its exception's frames hold `live`: such a circle outlives the call
        self._file_left_over()
        self.vitals.ended(ending, len(self.calls))

    def _file_left_over(self) -> None:
        """Recordings whose callers have gone are filed, whichever service began them."""
        busy = [live.call.session for live in self.calls.values()]
        self.desk.file_left_over({*busy, *(each.session for each in self.unfinished.values())})

    async def _settle(self, live: Live) -> None:
        """What the caller left unfinished is brought to its end before the session is closed."""
        try:
            async with asyncio.timeout(SETTLING_SECONDS):
                await live.call.settle()
        except (AriError, TimeoutError) as failed:
            log.warning("left as it was in %s: %s", live.call.place, type(failed).__name__)

    def _close_lost(self, known: Unfinished, disposition: Disposition) -> None:
        self.journal.note(
            SessionEnded(session=known.session, disposition=disposition, dialogue=known.dialogue)
        )

    async def _picked_up(self, leg: str, caller: str) -> None:
        """An agent answered: the call that waits hears of it; without one nobody is needed."""
        if live := self.calls.get(caller):
            live.call.inbox.put(PickedUp(leg))
        else:
            with suppress(AriError):
                await self.ari.channels.hangup(leg)

    def _gone(self, channel: str, cause: int | None) -> None:
        caller = caller_of(channel)
        if caller is None:
            self._hung_up(channel, cause)
        elif live := self.calls.get(caller):
            live.call.inbox.put(LegGone(channel, cause))

    def _hung_up(self, channel: str, cause: int | None) -> None:
        live = self.calls.get(channel)
        if live is not None and live.task is not None:
            live.cause = cause if live.cause is None else live.cause
            # Soon, not now: a task that is cancelled before its first step never closes its call.
            asyncio.get_running_loop().call_soon(live.task.cancel)

    async def _suspend_all(self) -> None:
        """Stop conducting; Asterisk keeps the callers, and we or a successor find them again."""
        tasks = [live.task for live in self.calls.values() if live.task is not None]
        for live in self.calls.values():
            live.cancelled_as = None
        await asyncio.sleep(0)  # as in _hung_up: every task has taken its first step
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _look_again_soon(self) -> None:
        """One command found no Asterisk though the link may stand: see which calls are there."""
        if self._second_look is None or self._second_look.done():
            self._second_look = asyncio.create_task(self._look_again())

    async def _look_again(self) -> None:
        """Until Asterisk shows what it holds; when the link itself breaks, its return will do."""
        while self.vitals.link and self._startup is not None:
            await asyncio.sleep(SECOND_LOOK_SECONDS)
            with suppress(AriError):
                await self._look_through(self._startup)
                if not self.unfinished:
                    return


def _unfinished(live: Live) -> Unfinished:
    call = live.call
    return Unfinished(
        call.session, live.line.channel, call.place, call.steps, live.since, call.agent_seconds
    )


def _ended(live: Live, ending: Disposition) -> SessionEnded:
    lasted = asyncio.get_running_loop().time() - live.began
    return SessionEnded(
        session=live.call.session,
        disposition=ending,
        dialogue=live.call.place,
        cause=live.cause,
        ms=round(lasted * 1000),
    )
