"""A call's life on the line: begun, led through the dialogues, brought to its end.

One task per call; hanging up cancels it. Whatever happens, nothing of a call stays behind: not
its channel, not its session, not its entry here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any

from ivr.agents.exchange import Talk
from ivr.ari.errors import AriError, ChannelGone, Unreachable
from ivr.ari.events import Channel
from ivr.ari.exchange import caller_of
from ivr.asterisk.configure import AWAY
from ivr.asterisk.console import refresh_session
from ivr.calls.inbox import LegGone, Parted, PickedUp
from ivr.config import Agent
from ivr.desk.conversation import CALLER
from ivr.dialling.callbacks import Callbacks
from ivr.dialling.dialler import Dialler
from ivr.dialling.following import Following
from ivr.dialling.names import attempt_of
from ivr.dialogues import converse, place_named
from ivr.lifecycle.logs import about
from ivr.lifecycle.vitals import Vitals
from ivr.line.missing import Missing
from ivr.line.reception import CALLER_BUSY, TURNED_AWAY, Live, Reception
from ivr.line.signalling import Signalling
from ivr.recordings.desk import FilingDesk
from ivr.records.facts import (
    Disposition,
    Fact,
    Refusal,
    Refused,
    SessionAnswered,
    SessionEnded,
    TransferOutcome,
    Transferred,
)
from ivr.records.journal import Left, Unfinished

if TYPE_CHECKING:
    from ivr.state.calls_up import CallsUp

log = logging.getLogger(__name__)

MOST_TURNED_AWAY = 50
"""Calls at once that hear so; those beyond get the busy tone."""
APOLOGY_SECONDS = 15.0
"""How long a call that failed may take to say so."""
SETTLING_SECONDS = 10.0
"""How long the end of a call may take to file a recording or to stop an agent's phone."""


class Whereabouts(Enum):
    """Where a caller's channel is when the call ends."""

    OURS = auto()
    ELSEWHERE = auto()
    """In the dialplan: the guardian or an operator sent it there, and it is none of ours now."""
    GONE = auto()
    UNKNOWN = auto()
    """Asterisk cannot be asked, or does not say."""


@dataclass(slots=True)
class Conductor:
    """Leads all calls of the line, and knows the sessions that nobody leads just now."""

    reception: Reception
    desk: FilingDesk
    vitals: Vitals
    signalling: Signalling = field(default_factory=Signalling)
    dialler: Dialler | None = None
    """Makes the line's own calls."""
    callbacks: Callbacks | None = None
    """Has those called back who wish to be."""
    following: Following | None = None
    """Has those called of whom somebody asks how content they are (回访)."""
    missing: Missing | None = None
    """Looks for agents' phones that have vanished."""
    calls: dict[str, Live] = field(default_factory=dict)
    """Calls in progress, by channel."""
    unfinished: dict[str, Unfinished] = field(default_factory=dict)
    """Sessions without an end, by channel: of a service that died, or of a lost link."""
    departing: set[str] = field(default_factory=set)
    """Channels whose calls are over, until it is certain that they are hung up."""
    inherited: bool = False
    """What a service before has left is among `unfinished`."""
    draining: bool = False
    """New callers are sent to the agents, for this service ends soon."""
    callers: CallsUp | None = None
    """Counts the calls of one number on all nodes; None: there is one node."""
    set_aside: Callable[[], bool] = lambda: False
    """Whether the operator has drained this node: new calls are for the other ones."""
    _gone: set[str] | None = None
    """Channels that have gone since somebody began to look; None: nobody looks."""
    _ending: set[asyncio.Task[None]] = field(default_factory=set)
    """Work on calls that are over; the line does not stop before it is done."""

    def __post_init__(self) -> None:
        self.signalling.stopped = self._stopped

    @property
    def doubt(self) -> asyncio.Event:
        """Set: a command was lost, and what Asterisk holds may not be what we think."""
        return self.reception.doubt

    # --- what the pump tells: nothing here waits -------------------------------------------------

    def begin(self, channel: Channel, talk: Talk | None = None) -> None:
        """Take a call, new or found again; taking it twice is harmless."""
        if channel.id in self.calls:
            return
        if channel.unknown:
            self._no_such_number(channel)
            return
        known = self.unfinished.get(channel.id)
        called = self.reception.spoken_to(channel.id) is not None
        if known is None and self.draining and not called:
            self._turn_away(channel.id, "draining")
            return
        if known is None and self.set_aside() and not called and not channel.probe:
            self._send_elsewhere(channel.id)
            return
        try:
            live = self._met(channel, talk, known)
        except Exception:  # one caller's bad luck must not be everybody's
            log.exception("a call could not be taken and is sent to the agents")
            self._turn_away(channel.id, "not_taken", known)
            return
        if live is not None:
            self.unfinished.pop(channel.id, None)
            self.calls[channel.id] = live
            with about(live.call.session):
                live.task = asyncio.create_task(self._conduct(live))
            self.vitals.calls = len(self.calls)

    def hung_up(self, channel: str, cause: int | None, *, vanished: bool = False) -> None:
        """One side put the receiver down: the caller, or an agent; or has just vanished."""
        if live := self.calls.get(channel):
            if vanished and not live.hung_up and live.cancelled_as is not None:
                live.cancelled_as = "vanished"
            live.hung_up = True
            live.cause = cause if live.cause is None else live.cause
        self._over(channel, cause, vanished=vanished)

    def legs(self) -> Mapping[str, Agent]:
        """Of all agents who talk, to callers and to whom the line has called."""
        talks = (live.call.talk for live in self.calls.values())
        found = {leg: who for talk in talks if talk is not None
                 for leg, who in talk.members.inside.items()}  # fmt: skip
        return found if self.dialler is None else found | self.dialler.legs()

    def vanished(self, leg: str) -> None:
        """An agent's phone is not there any more, though Asterisk waits for it still."""
        if attempt := attempt_of(leg):
            if self.dialler is not None:
                self.dialler.vanished(attempt)
        else:
            self._over(leg, None, vanished=True)
            self._to_its_end(self._surely(self.reception.ari.channels.hangup(leg)))

    def left(self, channel: str) -> None:
        """A channel is not ours any more: hung up, or gone on in the dialplan."""
        if live := self.calls.get(channel):
            live.left = True
        self._over(channel, None)

    def picked_up(self, leg: str, caller: str) -> None:
        """An agent answered: the call that waits hears of it; without one nobody is needed."""
        if live := self.calls.get(caller):
            live.call.inbox.put(PickedUp(leg))
        else:
            self._to_its_end(self._surely(self.reception.ari.channels.hangup(leg)))

    def parted(self, bridge: str, channel: str | None = None) -> None:
        """A conversation's bridge lost one of its channels, or is no more (None)."""
        caller = caller_of(bridge) or ""
        if live := self.calls.get(caller):
            who = CALLER if channel == caller else channel
            live.call.inbox.put(Parted(bridge, who or ""))

    def _stopped(self, sip_call: str) -> None:
        """Nothing comes from a caller any more: muted, gone, or heard from another port."""
        live = next((each for each in self.calls.values() if each.sip_call == sip_call), None)
        if live is not None and not live.call.inbox.is_held:
            self._to_its_end(self._refresh(live))

    async def _refresh(self, live: Live) -> None:
        """Ask the caller anew, now rather than at the next refresh of the session."""
        try:
            await refresh_session(self.reception.means.settings, live.name)
        except (OSError, TimeoutError, ValueError) as lost:
            log.warning("a session is not refreshed out of turn: %s", type(lost).__name__)

    def count_broken(self, live: Live) -> None:
        """A sound that broke off and was followed by more had a broken file."""
        if live.broke_off:
            self.vitals.prompt_broke()

    def _over(self, channel: str, cause: int | None, *, vanished: bool = False) -> None:
        if self._gone is not None:
            self._gone.add(channel)
        caller = caller_of(channel)
        if caller is None:
            self._cancel(self.calls.get(channel))
        elif live := self.calls.get(caller):
            live.call.inbox.put(LegGone(channel, cause, vanished))

    def _cancel(self, live: Live | None) -> None:
        """Soon, not now: a task that is cancelled before its first step never closes its call."""
        if live is not None and live.task is not None:
            asyncio.get_running_loop().call_soon(live.task.cancel)

    # --- for whoever compares us with Asterisk ---------------------------------------------------

    def inherit(self, left: Left) -> None:
        """What a service before has begun: open sessions go on, ended ones still want a hang-up."""
        self.unfinished.update((each.channel, each) for each in left.unfinished)
        self.departing |= left.over - self.unfinished.keys()

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """The channels that go while this lasts: a list of channels is old before it arrives."""
        self._gone = set()
        try:
            yield self._gone
        finally:
            self._gone = None

    async def suspend_all(self) -> None:
        """Stop conducting; Asterisk keeps the callers, and we or a successor find them again."""
        tasks = [live.task for live in self.calls.values() if live.task is not None]
        for live in self.calls.values():
            live.cancelled_as = None
        await asyncio.sleep(0)  # as in _cancel: every task has taken its first step
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.callbacks is not None:
            await self.callbacks.stop()
        if self.following is not None:
            await self.following.stop()
        if self.missing is not None:
            await self.missing.stop()
        if self.dialler is not None:
            await self.dialler.suspend()

    async def finish(self) -> None:
        """Until all that was begun on calls that are over is done."""
        await asyncio.gather(*self._ending, return_exceptions=True)

    def close_lost(self, known: Unfinished, disposition: Disposition) -> None:
        """A session whose channel is not with us any more; who waited for an agent has left."""
        if (queued := known.queued) is not None:
            waited = (datetime.now(UTC) - queued.since).total_seconds()
            outcome: TransferOutcome = "abandoned" if disposition == "hung_up" else "failed"
            ms = round(max(0.0, waited) * 1000)
            self._note(Transferred(session=known.session, agent=None, outcome=outcome, ring_ms=ms))
        self._note(
            SessionEnded(session=known.session, disposition=disposition, dialogue=known.dialogue)
        )

    def file_left_over(self) -> None:
        """Recordings whose callers have gone are filed, whichever service began them."""
        if not self.inherited:
            return
        busy = [live.call.session for live in self.calls.values()]
        dialled = frozenset() if self.dialler is None else self.dialler.sessions()
        going_on = {*busy, *dialled, *(each.session for each in self.unfinished.values())}
        self.desk.file_left_over(going_on)
        self.reception.means.tapes.file_left_over(going_on)

    # --- taking a call ---------------------------------------------------------------------------

    def _met(self, channel: Channel, talk: Talk | None, known: Unfinished | None) -> Live | None:
        if known is not None:
            return self.reception.known_again(known, channel, talk)
        given = self.reception.given()
        door = self.reception.door(channel, self.calls.values(), given)
        if door in TURNED_AWAY and self._turned_away() >= MOST_TURNED_AWAY:
            self._give_busy_tone(channel)
            return None
        live = self.reception.newly_met(channel, door, given)
        if live.counts:
            self.vitals.traffic.call_came(channel.trunk)
        return live

    def _no_such_number(self, channel: Channel) -> None:
        """A number that the line does not have: 404, and the operator learns which (once)."""
        if self.vitals.traffic.misdialled(self.reception.misdialled(channel)):
            self._note(Refused(session=None, reason="unknown_number"))
        hangup = self.reception.ari.channels.hangup(channel.id, reason="unallocated")
        self._to_its_end(self._surely(hangup))

    def _turned_away(self) -> int:
        return sum(live.start in TURNED_AWAY for live in self.calls.values())

    def _turn_away(self, channel: str, reason: Refusal, known: Unfinished | None = None) -> None:
        """To the agents; a session that should have gone on ends here."""
        session = None if known is None else known.session
        self._note(Refused(session=session, reason=reason, channel=channel))
        if known is not None and self.unfinished.pop(channel, None) is not None:
            self.close_lost(known, "failed")
        channels = self.reception.ari.channels
        if self.reception.spoken_to(channel) is not None:  # the agents have not asked for them
            self._to_its_end(self._surely(channels.hangup(channel)))
            return
        self._to_its_end(self._surely(channels.continue_in_dialplan(channel, context=AWAY)))

    def _send_elsewhere(self, channel: str) -> None:
        """503, unanswered: whoever brought the call (edge or carrier) tries the next node."""
        self._note(Refused(session=None, reason="draining", channel=channel))
        hangup = self.reception.ari.channels.hangup(channel, reason="congestion")
        self._to_its_end(self._surely(hangup))

    def _give_busy_tone(self, channel: Channel) -> None:
        """More than can even be told so: Asterisk answers busy, and nothing else is done."""
        self._note(Refused(session=None, reason="line_overrun", channel=channel.id))
        hangup = self.reception.ari.channels.hangup(channel.id, reason="busy")
        self._to_its_end(self._surely(hangup))

    def _to_its_end(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin `work`: it goes on when who awaits it is cancelled, and `finish` waits for it."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _surely(self, command: Coroutine[Any, Any, None]) -> None:
        """A command that nobody waits for; one that is lost is made up for by a second look."""
        try:
            await command
        except ChannelGone:
            return
        except AriError as lost:
            log.warning("a command was lost: %s", lost)
            self.doubt.set()

    # --- the course of a call --------------------------------------------------------------------

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
            self.doubt.set()
        except Exception:
            log.exception("a call failed in %s", live.call.place)
            await self._apologise(live)
        finally:
            await asyncio.shield(self._to_its_end(self._clear(live, ending)))

    async def _converse(self, live: Live) -> Disposition:
        await self._ask_the_others(live)
        if live.found:
            await self._go_on(live)
        else:
            await self._pick_up(live)
        return await converse(live.call, live.start)

    async def _ask_the_others(self, live: Live) -> None:
        """The same number may have calls on other nodes; one too many hears so, as on one node."""
        caller = live.call.vouched
        if self.callers is None or caller is None or not live.counts or live.start in TURNED_AWAY:
            return
        if live.found:
            self.callers.found(live.call.session, caller)
            return
        most = live.call.means.settings.limits.calls_per_caller
        if not await self.callers.may_enter(live.call.session, caller, most):
            live.start = live.call.place = CALLER_BUSY

    async def _pick_up(self, live: Live) -> None:
        """Answer; only then it is certain that the call came to us at all."""
        await self.reception.ari.channels.answer(live.line.channel)
        self.reception.note_start(live)
        after = asyncio.get_running_loop().time() - live.began
        self._note(SessionAnswered(session=live.call.session, after_ms=round(after * 1000)))
        await asyncio.sleep(live.call.patience.answer_pause_ms / 1000)

    async def _go_on(self, live: Live) -> None:
        """抱歉让您久等了, and the question again; who talks to an agent has not missed us."""
        if live.call.exchange.talking is None:
            await live.line.hush()
            await live.call.means.tapes.close_open(live.call.session, live.call.tape)
        quiet = place_named(live.start, live.call.prompts).quiet
        if live.call.exchange.talking is None and not quiet:
            await live.call.exchange.quiet()
            await live.call.say("line.sorry_wait")

    async def _apologise(self, live: Live) -> None:
        """To the end, whatever was typed ahead; where even that fails, the call just ends."""
        try:
            async with asyncio.timeout(APOLOGY_SECONDS):
                await live.call.warn("line.system_error")
        except (AriError, TimeoutError):
            return
        except Exception:
            log.exception("a call could not even be apologised for")

    # --- its end ---------------------------------------------------------------------------------

    async def _clear(self, live: Live, ending: Disposition | None) -> None:
        """The session is closed and the channel let go, or both are kept for later.

        Each step is taken whatever became of the one before.
        """
        try:
            async with AsyncExitStack() as last:
                last.callback(self.file_left_over)
                last.callback(self._forget, live, ending)
                if ending is None:
                    self._keep_for_later(live)
                else:
                    await self._close(live, ending, last)
        except Exception:
            log.exception("the end of a call failed in %s", live.call.place)

    async def _close(self, live: Live, ending: Disposition, last: AsyncExitStack) -> None:
        await self._settle(live)
        where = await self._whereabouts(live)
        if where in {Whereabouts.OURS, Whereabouts.UNKNOWN}:
            self.departing.add(live.line.channel)
            last.push_async_callback(self._let_go, live.line.channel, where)
        if ending == "hung_up" and where is Whereabouts.ELSEWHERE:
            ending = "service_lost"
        if ending not in {"hung_up", "vanished"}:
            self.count_broken(live)
        if ending != "service_lost" or live.started is None:
            self.reception.note_start(live)
            self._note(_ended(live, ending))

    def _keep_for_later(self, live: Live) -> None:
        self.reception.note_start(live)
        self.unfinished[live.line.channel] = _unfinished(live)

    def _forget(self, live: Live, ending: Disposition | None) -> None:
        self.calls.pop(live.line.channel, None)
        if self.callers is not None and ending is not None:
            self.callers.left(live.call.session)
        self.reception.means.switchboard.give_up(live.call.session)
        if ending is not None:
            self.signalling.over(live.sip_call, partial(self.vitals.traffic.call_over, live.trunk))
        live.task = None  # its exception's frames hold `live`: such a circle outlives the call
        self.vitals.calls = len(self.calls)
        if live.counts:
            self.vitals.ended(ending)

    async def _settle(self, live: Live) -> None:
        """What the caller left unfinished is brought to its end before the session is closed."""
        try:
            async with asyncio.timeout(SETTLING_SECONDS):
                await live.call.settle()
        except (AriError, TimeoutError) as failed:
            log.warning("left as it was in %s: %s", live.call.place, type(failed).__name__)
            self.doubt.set()
        except Exception:
            log.exception("left as it was in %s", live.call.place)
            self.doubt.set()

    async def _whereabouts(self, live: Live) -> Whereabouts:
        """A channel that has left us by itself must not be hung up: DELETE finds it anywhere.

        Who leaves without a hang-up was sent elsewhere, whatever has become of the channel there.
        """
        if live.hung_up:
            return Whereabouts.GONE
        if live.left:
            return Whereabouts.ELSEWHERE
        try:
            channel = await self.reception.ari.channels.get(live.line.channel)
        except ChannelGone:
            return Whereabouts.GONE
        except AriError as unknown:
            log.warning("where a caller is cannot be told: %s", unknown)
            return Whereabouts.UNKNOWN
        ours = channel.app == self.reception.means.settings.ari_app
        return Whereabouts.OURS if ours else Whereabouts.ELSEWHERE

    async def _let_go(self, channel: str, where: Whereabouts) -> None:
        """Hang up; what cannot be done now is left to a second look."""
        try:
            if where is Whereabouts.UNKNOWN:
                self.doubt.set()
                return
            await self.reception.ari.channels.hangup(channel)
        except AriError as lost:
            log.warning("a caller is not hung up yet: %s", lost)
            self.doubt.set()
        else:
            self.departed(channel)

    def departed(self, channel: str) -> None:
        """It is certain that this channel is with us no more."""
        self.departing.discard(channel)
        if self._gone is not None:
            self._gone.add(channel)

    def _note(self, fact: Fact) -> None:
        self.reception.means.note(fact)


def _unfinished(live: Live) -> Unfinished:
    call = live.call
    return Unfinished(
        call.session,
        live.line.channel,
        call.place,
        call.steps,
        live.since,
        call.agent_seconds,
        call.queued,
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
