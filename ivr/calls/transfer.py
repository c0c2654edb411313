"""The verb that hands a caller over to an agent: waiting and ringing, a conversation, and back.

wish -> nobody's phone is there                        none_there
     -> as many wait as may                            full
     -> waiting -> all engaged, or declining, no queue busy
                -> nobody answers in time              no_answer
                -> it lasts too long                   too_long
                -> the caller presses `*`, 1 or 2      abandoned, callback, message
                -> answered -> talking -> hung up      answered
     -> Asterisk refuses to join them                  failed
The caller who hangs up: abandoned before the answer, answered after it (seed, section 七).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ivr.agents.exchange import Exchange, ExchangeFailed, Talk
from ivr.agents.queue import Waiting
from ivr.agents.switchboard import Switchboard
from ivr.calls.call import Call
from ivr.calls.calling_back import may_be_called_back, place_of, served, standing_wish
from ivr.calls.inbox import Key, LegGone, PhoneFreed, PickedUp
from ivr.calls.ringing import Ringing
from ivr.calls.talking import conversation, talk, talked
from ivr.calls.waiting import InLine, Trial, Waits
from ivr.config import Agent
from ivr.desk.conversation import Conversation
from ivr.desk.orders import Afterwards
from ivr.records.facts import QueueEntered, Standing, TransferOutcome, Transferred
from ivr.records.queued import Queued

MOST_FAULTS = 3
"""So often Asterisk may refuse to join a waiting caller with who has answered."""


_KEEPS: frozenset[TransferOutcome] = frozenset({"failed", "callback"})
"""After these the call still has its place: to ask again from, or for the wish."""


async def transfer(call: Call, announced: Iterable[str] = ()) -> TransferOutcome:
    """Find an agent for the caller; back when they have talked, or when there is nobody.

    The prompts `announced` are said first; who hangs up in them has wished for an agent already.
    A place in the queue that the call has already, and a conversation that an earlier service
    began, are gone on with. After "answered" the call still has its place where the agent's phone
    vanished in the midst of it.
    """
    wish = _Wish(call, _now())
    async with call.in_midst_of(wish):
        try:
            wish.outcome = await wish.fulfilled(announced)
        except ExchangeFailed:
            wish.outcome = "failed"
    return wish.outcome


@dataclass(slots=True)
class _Wish:
    """One caller's wish for an agent, from the first ring to the last word."""

    call: Call
    began: float
    outcome: TransferOutcome = "abandoned"
    agent: Agent | None = None
    """Who talked with the caller."""
    answering: Agent | None = None
    """Who has picked up, and is not joined with the caller yet."""
    answered: float | None = None
    ring_ms: int = 0
    talk: Conversation | None = None
    """The last one; those in it are let go in the end."""
    afterwards: Afterwards = field(default_factory=Afterwards)
    faults: int = 0
    ringing: Ringing = field(init=False)

    def __post_init__(self) -> None:
        person, waited = self.call.vouched, _waited_before(self.call)
        self.began -= waited
        since = self.switchboard.desks.clock() - waited
        skill = self.call.trail.skill
        kept = place_of(self.call.means, standing_wish(self.call.means, person))
        place = Waiting(
            self.call.session, since, _standing(self.call), kept=kept, person=person, skill=skill
        )
        place.wake = self._wake
        place.passed_to, self.call.passed_to = self.call.passed_to, None
        self.ringing = Ringing(self.call, place)

    @property
    def exchange(self) -> Exchange:
        """The way to the phones."""
        return self.call.exchange

    @property
    def switchboard(self) -> Switchboard:
        """Who waits and who is free, for all calls of the line."""
        return self.call.means.switchboard

    async def fulfilled(self, announced: Iterable[str]) -> TransferOutcome:
        """Wait among the others until somebody has talked with the caller."""
        if (talk := self.exchange.talking) is not None:
            return await self._go_on(talk)
        await self._tell_of_tape()
        if self.call.queued is None:
            for prompt in announced:
                await self.call.say(prompt)
            self.began = _now()
            self.ringing.place.since = self.switchboard.desks.clock()
        await self.switchboard.look(self.exchange.online, 0.0)
        if not self.switchboard.present(self.call.trail.skill):
            return "none_there"
        if not self.call.means.settings.agents.queue:
            self.ringing.place.stays = False
            return await self._wait(Trial(self.ringing, self.began))
        is_new = self.call.queued is None and self.ringing.place.passed_to is None
        if is_new and self.switchboard.is_full():
            return "full"
        return await self._wait(InLine(self.ringing, _now(), may_be_called_back(self.call)))

    async def _tell_of_tape(self) -> None:
        """To its end, once in a call, and before any agent can answer."""
        if self.call.means.settings.recordings.talks and not self.call.knows_of_tape:
            await self.call.warn("agent.recorded")
            self.call.knows_of_tape = True

    async def settle(self) -> None:
        """Note how it went; then no phone rings, no bridge stands, no music plays any more.

        Each step is taken whatever became of the one before, also when the caller hangs up in it.
        Agents are free when their phones are, and not before: the next caller's ring would find
        them engaged.
        """
        async with AsyncExitStack() as last:
            last.callback(self.call.inbox.forget_keys)
            last.push_async_callback(self.exchange.quiet)
            last.push_async_callback(self.exchange.part)
            last.callback(self._agents_have_hung_up)
            last.push_async_callback(self._all_hang_up)
            last.push_async_callback(self.ringing.stop_all)
            last.push_async_callback(self._served)
            last.push_async_callback(self._end_recording)
            self._note()

    async def _end_recording(self) -> None:
        if self.talk is not None and self.talk.room.recorder is not None:
            await self.talk.room.recorder.end()

    async def _served(self) -> None:
        if self.answered is not None and not self.afterwards.was_cut:
            await served(self.call)

    # --- waiting ------------------------------------------------------------------------------

    def _wake(self) -> None:
        self.call.inbox.put(PhoneFreed())

    async def _wait(self, waits: Waits) -> TransferOutcome:
        """Let phones ring until one is answered, a key is pressed, or it is over."""
        await self.exchange.music()
        with self.switchboard.waiting(self.ringing.place):
            self._take_place()
            while (over := await waits.over()) is None:
                await self.ringing.ring()
                await waits.speak()
                match await self.call.inbox.get(min(waits.until(), self.ringing.until())):
                    case PickedUp(leg) if leg in self.ringing.legs:
                        await waits.hush()
                        if await self._converse(leg):
                            return "answered"
                        self._was_missed()
                    case PickedUp(leg):  # it was to ring no more, and Asterisk has let it ring
                        await self.exchange.drop(leg)
                    case LegGone(leg, cause) if leg in self.ringing.legs:
                        self.ringing.rings_no_more(leg, cause)
                    case Key() as key if (chosen := waits.chosen(key)) is not None:
                        await waits.hush()
                        return chosen
                    case news:
                        await waits.hears(news)
        return over

    def _take_place(self) -> None:
        """In the records too, so that it is found again."""
        place = self.ringing.place
        if place.stays and self.call.queued is None:
            self.call.queued = Queued(datetime.now(UTC), place.standing)
            ahead = self.switchboard.queue.ahead_of(place)
            self.call.note(
                QueueEntered(session=self.call.session, standing=place.standing, ahead=ahead)
            )

    # --- talking ------------------------------------------------------------------------------

    async def _converse(self, leg: str) -> bool:
        """Let them talk until the agent hangs up; False when they were never joined."""
        agent = self.answering = self.ringing.legs[leg]
        with self.switchboard.serving(agent, self.ringing.place):
            with self.switchboard.desks.talks(agent, talked(self.call, leg)):
                await self.ringing.all_but(leg)
                if not await self._joined(leg):
                    await self._missed(leg)
                    return False
            self._picked_up(agent, waited_ms=round((_now() - self.began) * 1000))
            await self._talk(leg, agent)
        return True

    async def _joined(self, leg: str) -> bool:
        """Who waits in the queue waits on when Asterisk refuses; it may do better the next time."""
        try:
            return await self.exchange.connect(leg)
        except ExchangeFailed:
            self.faults += 1
            if not self.ringing.place.stays or self.faults >= MOST_FAULTS:
                raise
            return False

    async def _missed(self, leg: str) -> None:
        """Who answered has gone already: the caller waits on."""
        self.ringing.causes.append(None)
        await self.ringing.stop(leg)
        await self.exchange.part()
        await self.exchange.music()

    async def _go_on(self, found: Talk) -> TransferOutcome:
        """A conversation found in Asterisk: none of them notices that we are new."""
        agent = self.switchboard.desks.agent(found.extension)
        self._picked_up(agent, waited_ms=found.ring_ms)
        with suppress(ExchangeFailed):
            self.call.trail.remember(await self.exchange.screen(found.leg))
        lasted = (datetime.now(UTC) - found.since).total_seconds()
        self.answered = _now() - max(0.0, lasted)
        await self._talk(found.leg, agent, found)
        return "answered"

    def _was_missed(self) -> None:
        """Who has answered talks to nobody, whatever came between."""
        if self.answering is not None:
            self.switchboard.desks.missed(self.answering)
            self.answering = None

    def _picked_up(self, agent: Agent, *, waited_ms: int) -> None:
        self.answering = None
        self.outcome, self.agent, self.call.served_by = "answered", agent, agent.name
        self.answered, self.ring_ms = _now(), waited_ms

    async def _talk(self, leg: str, agent: Agent, found: Talk | None = None) -> None:
        """Its phones are the conversation's from now on."""
        self.ringing.legs.pop(leg, None)
        room = leg if found is None else found.bridge
        self.talk = conversation(self.call, leg, agent, room)
        self.afterwards = await talk(self.call, self.talk, found)
        self.call.passed_to, self.call.sent_to = self.afterwards.passed_to, self.afterwards.place

    async def _all_hang_up(self) -> None:
        """Whoever is still in the conversation, is asked, or listens."""
        if self.talk is not None:
            for leg in self.talk.members.legs:
                await self.exchange.drop(leg)

    def _agents_have_hung_up(self) -> None:
        """Whoever talked with the caller, or has picked up and was not joined."""
        self._was_missed()
        if self.answered is not None and self.agent is not None:
            self.switchboard.desks.hung_up(self.agent)
        if self.talk is not None:
            self.talk.members.all_gone()

    # --- how it went --------------------------------------------------------------------------

    def _note(self) -> None:
        now = _now()
        lasted = 0.0 if self.answered is None else now - self.answered
        waited = round((now - self.began) * 1000) if self.answered is None else self.ring_ms
        agent = self.ringing.agent if self.agent is None else self.agent
        if self.answered is not None and self.agent is not None:
            self.switchboard.talked(lasted)
        if self.call.queued is not None:
            self.call.waited(waited / 1000)
        if not self.afterwards.was_cut and self.outcome not in _KEEPS:
            self.call.queued = None
        self.call.talked(lasted)
        self.call.note(
            Transferred(
                session=self.call.session,
                agent=None if agent is None else agent.name,
                outcome=self.outcome,
                ring_ms=waited,
                talk_ms=round(lasted * 1000),
            )
        )


def _waited_before(call: Call) -> float:
    """Seconds that this caller has waited already, under another service or for another agent."""
    if call.queued is None:
        return 0.0
    return max(0.0, (datetime.now(UTC) - call.queued.since).total_seconds())


def _standing(call: Call) -> Standing:
    """Before whom this caller comes."""
    if call.queued is not None:
        return call.queued.standing
    if call.passed_to is not None:
        return "passed_on"
    wish = standing_wish(call.means, call.vouched)
    if wish is not None and wish.tries:
        return "called_back"
    first_age, born = call.means.settings.agents.queue_first_age, call.trail.born
    if first_age and born is not None:
        today, day = call.means.clock().date(), born.reveal()
        age = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
        if age >= first_age:
            return "senior"
    return "usual"


def _now() -> float:
    return asyncio.get_running_loop().time()
