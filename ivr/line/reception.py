"""How a call is taken: the door by which it enters, and all that it needs on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import uuid4

from ivr.agents.exchange import Talk
from ivr.agents.queue import Waiting
from ivr.ari.client import Ari
from ivr.ari.events import Channel
from ivr.ari.exchange import ChannelExchange
from ivr.ari.line import ChannelLine
from ivr.calls.call import Call
from ivr.calls.calling_back import place_of, standing_wish
from ivr.calls.doubled import Doubled
from ivr.calls.inbox import Inbox
from ivr.calls.means import Means
from ivr.config import Agent, LimitsSettings, Settings
from ivr.dialling.ledger import Attempt
from ivr.dialogues import ATTENDANCE, FOLLOW_UP
from ivr.lifecycle.traffic import Misdialled
from ivr.limits.gate import Gate
from ivr.limits.limits import Limits
from ivr.line.screens import Screens
from ivr.line.tape import ConsoleTape
from ivr.people.callers import Callers, masked
from ivr.people.sensitive import Sensitive
from ivr.records.facts import (
    NOT_CALLERS,
    OF_CALLED,
    OF_PROBE,
    OF_STAFF,
    Disposition,
    SessionResumed,
    SessionStarted,
)
from ivr.records.journal import Unfinished
from ivr.records.queued import Queued
from ivr.speech.prompts import Shelf

WELCOME = "welcome"
CALLER_BUSY = "limits.caller_busy"
TURNED_AWAY = frozenset({"limits.line_full", CALLER_BUSY})
"""Where a call begins that is one too many."""
MOST_PROBES = 2
"""Calls of our own at once; more are none of ours, whoever vouches for them."""
_OF_PROBES = LimitsSettings(
    ids_per_caller=1,
    ids_of_unknown_callers=1,
    lookups_per_person=1_000_000,
    lookups_per_minute=60,
)
"""They use up nobody's look-ups, and may ask for one person: who pretends to be one gains none."""


@dataclass(slots=True)
class Live:
    """A call in progress: its channel, its task, and what brought it to its end."""

    call: Call
    line: ChannelLine
    since: datetime
    """When the session began (UTC), perhaps under another service."""
    began: float
    """The same on the loop's clock, which never jumps."""
    start: str
    """The place to begin, or to go on, from."""
    found: bool = False
    """It was picked up before we took it: the caller hears that it goes on."""
    task: asyncio.Task[None] | None = None
    cancelled_as: Disposition | None = "hung_up"
    """What a cancellation means; None: the call is suspended and stays open in the records."""
    cause: int | None = None
    """Hang-up cause (Q.850)."""
    trunk: str | None = None
    """The name of the trunk that brought the call."""
    name: str = ""
    """What Asterisk's console calls the channel."""
    sip_call: str = ""
    """SIP's Call-ID."""
    doubled: Doubled = field(default_factory=Doubled)
    """Tells a key that arrives twice from two keys."""
    started: SessionStarted | None = None
    """The first fact of the session, until the records have it."""
    hung_up: bool = False
    """The channel is being taken down: there is nothing left to hang up."""
    left: bool = False
    """The channel is not ours any more; it may live on in the dialplan."""
    broke_off: bool = False
    """The last sound failed: its file is broken, or the caller is hanging up just now."""

    @property
    def probe(self) -> bool:
        """A call of our own (拨测)."""
        return self.call.session.startswith(OF_PROBE)

    @property
    def counts(self) -> bool:
        """Whether it is a caller's: no trial call, no agent who signs in, nobody whom we called."""
        return not self.call.session.startswith(NOT_CALLERS)


@dataclass(frozen=True, slots=True)
class Reception:
    """What every call of the line is given."""

    ari: Ari
    shelf: Shelf
    means: Means
    screens: Screens = field(default_factory=Screens)
    standing: Callable[[], Settings] | None = None
    """The settings as they stand; None: they never change."""
    probes: Gate = field(default_factory=lambda: Gate(Limits(_OF_PROBES)))
    spoken_to: Callable[[str], Attempt | None] = lambda _: None
    """The try by which the line itself has called whoever is on a channel; None: they called."""
    doubt: asyncio.Event = field(default_factory=asyncio.Event)
    """A command was lost: what Asterisk holds may not be what we think."""

    def given(self) -> Means:
        """What a new call is given: it keeps the settings that it began with."""
        if self.standing is None:
            return self.means
        return replace(self.means, settings=self.standing())

    def door(self, channel: Channel, calls: Iterable[Live], given: Means) -> str:
        """Where a new call enters besides `calls`: by the greeting, or where it has to wait."""
        if self.spoken_to(channel.id) is not None:
            return FOLLOW_UP
        if channel.probe:
            return WELCOME
        if self._at_desk(channel, given) is not None:
            return ATTENDANCE
        limits, caller = given.settings.limits, self._vouched(channel)
        taken = [live for live in calls if live.start not in TURNED_AWAY and live.counts]
        if len(taken) >= limits.calls:
            return "limits.line_full"
        own = sum(live.call.vouched == caller for live in taken)
        if caller is not None and own >= limits.calls_per_caller:
            return CALLER_BUSY
        return WELCOME

    def newly_met(self, channel: Channel, door: str, given: Means) -> Live:
        """A call that begins; the records learn of it by `note_start`."""
        began = datetime.now(UTC)
        ours = {ATTENDANCE: OF_STAFF, FOLLOW_UP: OF_CALLED}.get(door, "")
        session = f"{OF_PROBE if channel.probe else ours}{uuid4().hex}"
        live = self._live(Unfinished(session, channel.id, door, 0, began), channel, given)
        number = self._number(channel)
        token = None if number is None else self.means.tokens.caller(number)
        live.started = SessionStarted(
            session=live.call.session,
            channel=channel.id,
            dialled=channel.dialled,
            caller=live.call.vouched if live.call.about is not None else token,
            catalog=live.call.prompts.version,
        )
        return live

    def note_start(self, live: Live) -> None:
        """The session begins in the records; once."""
        started, live.started = live.started, None
        if started is not None:
            self.means.note(started)

    def known_again(self, known: Unfinished, channel: Channel, talk: Talk | None) -> Live:
        """A session that goes on, perhaps in a conversation with an agent."""
        live = self._live(known, channel, self.given(), talk)
        live.found = channel.state == "Up"
        self.means.note(SessionResumed(session=known.session, dialogue=known.dialogue))
        if known.queued is not None and known.dialogue == "agent" and talk is None:
            self._keep_place(live.call, known.queued)
        return live

    def _keep_place(self, call: Call, queued: Queued) -> None:
        """Until the caller takes it: whoever is found again first must not come first."""
        switchboard = self.means.switchboard
        waited = max(0.0, (datetime.now(UTC) - queued.since).total_seconds())
        since = switchboard.desks.clock() - waited
        kept = place_of(self.means, standing_wish(self.means, call.vouched))
        place = Waiting(call.session, since, queued.standing, kept=kept, person=call.vouched)
        switchboard.expect(place)

    def _at_desk(self, channel: Channel, given: Means) -> Agent | None:
        """The agent on whose own phone the desk code was dialled."""
        agents = given.settings.agents
        if channel.dialled != agents.desk_code:
            return None
        return agents.phone(channel.endpoint)

    def _vouched(self, channel: Channel) -> str | None:
        """Token of the caller's number, if a trunk or an agent's phone brought it."""
        if (attempt := self.spoken_to(channel.id)) is not None:
            return attempt.number
        number = None if channel.guest or channel.probe else self._number(channel)
        return None if number is None else self.means.tokens.caller(number)

    def _to_call_back(self, channel: Channel) -> Sensitive[str] | None:
        """A trunk's word; who withholds a number does not want it used.

        On a channel that we have called by, the number is the line's own.
        """
        if channel.trunk is None or channel.withheld or self.spoken_to(channel.id):
            return None
        number = self._number(channel)
        return None if number is None else Sensitive(number)

    def misdialled(self, channel: Channel) -> Misdialled:
        """What an operator is told of a call to a number that the line does not have."""
        shown = None if channel.withheld else channel.caller
        caller = masked("" if shown is None else shown.reveal())
        return Misdialled(channel.dialled, channel.trunk, caller)

    def _number(self, channel: Channel) -> str | None:
        """The caller's number in its one form; None where nobody can be told by it."""
        told = "" if channel.caller is None else channel.caller.reveal()
        return Callers.of(self.means.settings).known(told)

    def _live(
        self, known: Unfinished, channel: Channel, given: Means, talk: Talk | None = None
    ) -> Live:
        line, means = ChannelLine(self.ari, known.channel), self._means(known.session, given)
        attempt = self.spoken_to(channel.id)
        call = Call(
            session=known.session,
            line=self.screens.shown(line, channel.screen, known.session),
            inbox=Inbox(),
            prompts=self.shelf.current(),
            tape=ConsoleTape(means.settings, channel.name),
            exchange=self._exchange(channel, talk, means.settings),
            means=means,
            vouched=self._vouched(channel),
            agent=self._at_desk(channel, given),
            number=self._to_call_back(channel),
            about=None if attempt is None else attempt.reference,
            place=known.dialogue,
            steps=known.steps,
            queued=known.queued,
        )
        earlier = max(0.0, (datetime.now(UTC) - known.began).total_seconds())
        began = asyncio.get_running_loop().time() - earlier
        call.ends_at = began + means.settings.patience.call_seconds
        call.talked(known.agent_seconds)
        return Live(
            call=call,
            line=line,
            since=known.began,
            began=began,
            start=known.dialogue,
            trunk=channel.trunk,
            name=channel.name,
            sip_call=channel.sip_call,
        )

    def _means(self, session: str, given: Means) -> Means:
        """What the call may use: one of our own is let in also while the line is closed, and
        hears the greeting at once."""
        if not session.startswith(OF_PROBE):
            return given
        return replace(given, limits=self.probes, is_open=lambda: True, announced=tuple)

    def _exchange(self, channel: Channel, talk: Talk | None, settings: Settings) -> ChannelExchange:
        """An agent sees the caller's number unless the caller withholds it (Privacy: id)."""
        number = None if channel.withheld else self._number(channel)
        return ChannelExchange(
            self.ari,
            app=settings.ari_app,
            caller=channel.id,
            number=None if number is None else Sensitive(number),
            ring_seconds=settings.agents.ring_seconds,
            talking=talk,
            doubt=self.doubt,
        )
