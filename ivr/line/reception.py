"""How a call is taken: the door by which it enters, and all that it needs on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from ivr.agents.switchboard import Talk
from ivr.ari.client import Ari
from ivr.ari.events import Channel
from ivr.ari.exchange import ChannelExchange
from ivr.ari.line import ChannelLine
from ivr.calls.call import Call
from ivr.calls.doubled import Doubled
from ivr.calls.inbox import Inbox
from ivr.calls.means import Means
from ivr.lifecycle.traffic import Misdialled
from ivr.line.screens import Screens
from ivr.people.callers import Callers, masked
from ivr.people.sensitive import Sensitive
from ivr.records.facts import Disposition, SessionResumed, SessionStarted
from ivr.records.journal import Unfinished
from ivr.speech.prompts import Shelf

WELCOME = "welcome"
TURNED_AWAY = frozenset({"limits.line_full", "limits.caller_busy"})
"""Where a call begins that is one too many."""


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


@dataclass(frozen=True, slots=True)
class Reception:
    """What every call of the line is given."""

    ari: Ari
    shelf: Shelf
    means: Means
    screens: Screens = field(default_factory=Screens)

    def door(self, channel: Channel, calls: Iterable[Live]) -> str:
        """Where a new call enters besides `calls`: by the greeting, or where it has to wait."""
        limits, caller = self.means.settings.limits, self._vouched(channel)
        taken = [live for live in calls if live.start not in TURNED_AWAY]
        if len(taken) >= limits.calls:
            return "limits.line_full"
        own = sum(live.call.vouched == caller for live in taken)
        if caller is not None and own >= limits.calls_per_caller:
            return "limits.caller_busy"
        return WELCOME

    def newly_met(self, channel: Channel, door: str) -> Live:
        """A call that begins; the records learn of it by `note_start`."""
        began = datetime.now(UTC)
        live = self._live(Unfinished(uuid4().hex, channel.id, door, 0, began), channel)
        number = self._number(channel)
        live.started = SessionStarted(
            session=live.call.session,
            channel=channel.id,
            dialled=channel.dialled,
            caller=None if number is None else self.means.tokens.caller(number),
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
        live = self._live(known, channel, talk)
        live.found = channel.state == "Up"
        self.means.note(SessionResumed(session=known.session, dialogue=known.dialogue))
        return live

    def _vouched(self, channel: Channel) -> str | None:
        """Token of the caller's number, if a trunk or an agent's phone brought it."""
        number = None if channel.guest else self._number(channel)
        return None if number is None else self.means.tokens.caller(number)

    def misdialled(self, channel: Channel) -> Misdialled:
        """What an operator is told of a call to a number that the line does not have."""
        caller = masked("" if channel.caller is None else channel.caller.reveal())
        return Misdialled(channel.dialled, channel.trunk, caller)

    def _number(self, channel: Channel) -> str | None:
        """The caller's number in its one form; None where nobody can be told by it."""
        told = "" if channel.caller is None else channel.caller.reveal()
        return Callers.of(self.means.settings).known(told)

    def _live(self, known: Unfinished, channel: Channel, talk: Talk | None = None) -> Live:
        line = ChannelLine(self.ari, known.channel)
        call = Call(
            session=known.session,
            line=self.screens.shown(line, channel.screen, known.session),
            inbox=Inbox(),
            prompts=self.shelf.current(),
            exchange=self._exchange(channel, talk),
            means=self.means,
            vouched=self._vouched(channel),
            place=known.dialogue,
            steps=known.steps,
        )
        earlier = max(0.0, (datetime.now(UTC) - known.began).total_seconds())
        began = asyncio.get_running_loop().time() - earlier
        call.ends_at = began + self.means.settings.patience.call_seconds
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

    def _exchange(self, channel: Channel, talk: Talk | None) -> ChannelExchange:
        """An agent sees the caller's number unless the caller withholds it (Privacy: id)."""
        number = None if channel.withheld else self._number(channel)
        return ChannelExchange(
            self.ari,
            app=self.means.settings.ari_app,
            caller=channel.id,
            number=None if number is None else Sensitive(number),
            ring_seconds=self.means.settings.agents.ring_seconds,
            talking=talk,
        )
