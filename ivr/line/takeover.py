"""What Asterisk holds of ours whenever the link stands (again): begun, resumed, closed or let go.

Starting, reconnecting, relieving another service and making up for a lost command are one path.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ivr.agents.exchange import Talk
from ivr.ari.client import Ari
from ivr.ari.errors import AriError
from ivr.ari.events import Bridge, Channel
from ivr.ari.exchange import (
    caller_of,
    extensions,
    is_ear,
    is_ours_to_stop,
    talks,
    watcher_of,
)
from ivr.ari.outward import held as made
from ivr.dialling.names import attempt_of
from ivr.dialling.outward import Held as Made
from ivr.line.conduct import Conductor
from ivr.records.facts import Disposition, LinkLost, LinkRestored
from ivr.records.journal import Left

log = logging.getLogger(__name__)

SECOND_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listed:
    """What Asterisk has, as its lists told it."""

    channels: tuple[Channel, ...]
    bridges: tuple[Bridge, ...]

    @property
    def talks(self) -> Mapping[str, Talk]:
        """Who talks to an agent, by the caller's channel."""
        return talks(self.channels, self.bridges)

    def callers(
        self, app: str, gone: Iterable[str], is_led: Callable[[str], bool]
    ) -> dict[str, Channel]:
        """Those whom the application `app` holds, without those who have gone since.

        `is_led`: whether a phone that we have rung is led through the dialogues as a caller is.
        """
        return {
            channel.id: channel
            for channel in self.channels
            if channel.app == app
            and channel.id not in gone
            and (is_led(channel.id) or not _is_ours(channel.id))
        }


def _is_ours(channel: str) -> bool:
    """Whether it is a phone that we have rung, or what a supervisor hears by, and no caller."""
    return caller_of(channel) is not None or is_ear(channel) or attempt_of(channel) is not None


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Takeover:
    """Looks through Asterisk as long as the link stands, whenever there is reason to."""

    conductor: Conductor
    inherit: Callable[[], Awaitable[Left]]
    """What the records know of the sessions of a service before; waits until it lets go."""
    _lost: Disposition = "service_lost"
    """What it means that a session's channel is not there any more."""
    _down_since: float | None = field(default_factory=_now)
    """When the link broke, or this service began (the loop's clock); None while it stands."""
    _looking: asyncio.Task[None] | None = None

    @property
    def _ari(self) -> Ari:
        return self.conductor.reception.ari

    def link_up(self, startup: datetime) -> None:
        """The link stands, to an Asterisk that has been running since `startup`."""
        self.conductor.vitals.link = True
        self._looking = asyncio.create_task(self._look(startup))

    async def link_down(self, reason: str) -> None:
        """The link is lost: calls are suspended until it stands again."""
        log.warning("the link to Asterisk is down: %s", reason)
        self.conductor.vitals.link = False
        if self._down_since is None:
            self._down_since = _now()
            self.conductor.reception.means.note(LinkLost(reason=reason))
        await self.stop()
        await self.conductor.suspend_all()

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None

    # --- looking ---------------------------------------------------------------------------------

    async def _look(self, startup: datetime) -> None:
        """At once, and again a second after each doubt, until nothing is in doubt any more."""
        await self._take_inheritance()
        doubt = self.conductor.doubt
        while True:
            doubt.clear()
            try:
                await self._look_through(startup)
            except AriError as refused:
                log.warning("Asterisk does not show what it holds: %s", refused)
                doubt.set()
            except Exception:
                log.exception("what Asterisk holds could not be looked through")
                doubt.set()
            if not self.conductor.unfinished and not self.conductor.departing:
                await doubt.wait()
            await asyncio.sleep(SECOND_LOOK_SECONDS)

    async def _take_inheritance(self) -> None:
        """Once; a link that breaks meanwhile has us ask again."""
        if self.conductor.inherited:
            return
        try:
            self.conductor.inherit(await self.inherit())
        except Exception:  # its callers are met anew; who calls now is served all the same
            log.exception("what the service before has left cannot be read")
        self.conductor.inherited = True

    async def _look_through(self, startup: datetime) -> None:
        """Compare what Asterisk holds of ours with what we know.

        Calls come and go while it answers: what has gone meanwhile is not begun again, and what
        was suspended or let go meanwhile is left to the next look.
        """
        conductor = self.conductor
        sessions, departing = set(conductor.unfinished), set(conductor.departing)
        with conductor.watched() as gone:
            held = Listed(await self._ari.channels.list(), await self._ari.bridges.list())
        app = conductor.reception.means.settings.ari_app
        callers = held.callers(app, gone, self._is_led)
        strays = self._strays(held)
        self._close_lost(sessions - callers.keys(), held, startup)
        for channel in departing - callers.keys():
            conductor.departed(channel)
        ours = made(held.channels, held.bridges)
        self._begin(callers, held.talks, ours)
        if conductor.dialler is not None:
            await conductor.dialler.adopt(ours)
        for looked_after in (conductor.callbacks, conductor.following, conductor.missing):
            if looked_after is not None:
                looked_after.begin()
        await self._clear(strays, conductor.departing & callers.keys())

    def _is_led(self, channel: str) -> bool:
        dialler = self.conductor.dialler
        return dialler is not None and dialler.spoken_to(channel) is not None

    def _begin(
        self, callers: Mapping[str, Channel], talking: Mapping[str, Talk], ours: Made
    ) -> None:
        for channel in callers.values():
            if channel.id not in self.conductor.departing:
                self.conductor.begin(channel, talking.get(channel.id))
        desks = self.conductor.reception.means.switchboard.desks
        dialler = self.conductor.dialler
        called = frozenset[str]() if dialler is None else dialler.talking(ours)
        desks.found_talking(
            {*called, *(each for talk in talking.values() for each in extensions(talk))}
        )
        self._lost = "hung_up"
        self._note_restored()
        self.conductor.file_left_over()

    def _close_lost(self, names: Iterable[str], held: Listed, startup: datetime) -> None:
        elsewhere = {channel.id for channel in held.channels}
        for name in names:
            known = self.conductor.unfinished.pop(name, None)
            if known is not None:
                lost = "service_lost" if name in elsewhere else self._lost
                died = known.began < startup
                self.conductor.close_lost(known, "asterisk_lost" if died else lost)

    def _note_restored(self) -> None:
        if self._down_since is not None:
            adopted, down = len(self.conductor.calls), _now() - self._down_since
            self._down_since = None
            restored = LinkRestored(adopted=adopted, ms=round(down * 1000))
            self.conductor.reception.means.note(restored)
            log.info("the link to Asterisk is up; %d calls in progress", adopted)

    def _strays(self, held: Listed) -> tuple[list[str], list[str]]:
        """Agents' phones that ring for nobody any more, and bridges where nobody is left.

        Of a call that goes on: what it has let go, and Asterisk has not.
        """
        over, calls = self.conductor.departing, self.conductor.calls
        kept = {
            name
            for caller, talk in held.talks.items()
            if caller not in over
            for name in (talk.bridge, talk.leg, *talk.others, *talk.asked, *talk.watchers)
        }

        def stray(name: str) -> bool:
            name = watcher_of(name) or name
            caller = caller_of(name)
            if (live := calls.get(caller or "")) is not None:
                return not live.call.exchange.holds(name)
            return caller is not None and name not in kept

        app = self.conductor.reception.means.settings.ari_app
        legs = [
            channel.id
            for channel in held.channels
            if stray(channel.id) and is_ours_to_stop(channel, app)
        ]
        return legs, [bridge.id for bridge in held.bridges if stray(bridge.id)]

    async def _clear(self, strays: tuple[list[str], list[str]], departing: Iterable[str]) -> None:
        """What is nobody's any more goes; AriError where Asterisk refuses."""
        legs, bridges = strays
        for channel in [*legs, *departing]:
            await self._ari.channels.hangup(channel)
            self.conductor.departed(channel)
        for bridge in bridges:
            await self._ari.bridges.destroy(bridge)
