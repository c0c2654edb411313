"""Calls that the line makes: an agent's phone first and then the number, or the number alone.

Wanted -> off, not a number to dial, out of hours, too often      NotDialled
       -> written down (trail, ledger), the agent's phone rings   agent_busy, agent_no_answer, …
       -> the number rings                                        busy, no_answer, not_reached
       -> the agent hangs up meanwhile                            abandoned
       -> they talk, or the line speaks, until one hangs up       answered
A service that dies leaves those who talk as they are, and its successor waits for their end; what
only rang is stopped and is `lost`. Nobody is called a second time by itself.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ivr.agents.notes import Talked
from ivr.agents.switchboard import Switchboard
from ivr.config import Agent, Settings
from ivr.desk import pausing
from ivr.desk.orders import Deed, NotDone, Order
from ivr.dialling.ledger import Attempt, Ledger, Stage
from ivr.dialling.names import Side, attempt_of, bridge_name, leg_name, parted
from ivr.dialling.numbers import dialable
from ivr.dialling.outward import AgentAway, DiallingFailed, Held, Outward
from ivr.dialling.permission import refusal
from ivr.dialling.taped import Taping
from ivr.dialling.wanted import Called, NotDialled, Wanted
from ivr.people.audit import AuditChanged, Entry
from ivr.people.sensitive import Sensitive
from ivr.recordings.taping import Recorder
from ivr.records.facts import Dialled, DialRefusal, Fact

log = logging.getLogger(__name__)

LATE_SECONDS = 3.0
"""So long after a phone should have stopped by itself we stop waiting for news of it."""
TALKING_SECONDS = 3600.0
"""A conversation has no limit; its end is waited for in stretches of this length."""
ENDING_SECONDS = 10.0
ANNOUNCING_SECONDS = 30.0
"""What is said before a conversation that is recorded takes a third of it."""

# Hang-up causes (Q.850) of a number that did not answer; any other: it was not reached.
_ENGAGED = frozenset({17, 21})
_RANG_OUT = frozenset({None, 0, 16, 18, 19, 102})


@dataclass(frozen=True, slots=True)
class Answered:
    """One side has picked up."""

    side: Side


@dataclass(frozen=True, slots=True)
class Over:
    """One side is out (cause of Q.850), or the two were taken apart."""

    side: Side | None
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """The number has heard what it was to hear, or could not."""

    whole: bool


News = Answered | Over | Said | Order
_DEEDS = {Deed.PAUSE: pausing.pause, Deed.RESUME: pausing.resume}
"""Of those at a desk, what can be done with a call that the line has made."""


@dataclass(slots=True, eq=False)
class Going:
    """A try that goes on."""

    attempt: Attempt
    with_agent: bool
    stage: Stage = "agent"
    inbox: asyncio.Queue[News] = field(default_factory=asyncio.Queue)
    done: asyncio.Future[Called] = field(default_factory=asyncio.Future)
    task: asyncio.Task[None] | None = None
    recorder: Recorder | None = None
    """Of the conversation, where it is recorded."""
    suspended: bool = False
    """It is left as it is, for whoever finds it again."""


@dataclass(slots=True)
class Dialler:
    """Makes the calls of one line, each in a task of its own."""

    settings: Callable[[], Settings]
    outward: Outward
    ledger: Ledger
    token: Callable[[str], str]
    """Of a telephone number."""
    note: Callable[[Fact], None]
    trail: Callable[[Entry], None]
    """Writes an entry; blocks."""
    switchboard: Switchboard
    """An agent whose phone rings or talks for us is rung for nobody else."""
    taping: Taping = field(default_factory=Taping)
    """Of conversations with agents, where the settings want them recorded."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _going: dict[str, Going] = field(default_factory=dict)
    _ending: set[asyncio.Task[None]] = field(default_factory=set)

    async def dial(self, wanted: Wanted) -> Called | NotDialled:
        """Make the call; back when it is over."""
        going = await self.begin(wanted)
        return going if isinstance(going, NotDialled) else await asyncio.shield(going.done)

    async def begin(self, wanted: Wanted) -> Going | NotDialled:
        """Make the call; back when it has begun. `done` tells how it went."""
        settings = self.settings()
        number = dialable(wanted.number, settings)
        refused = self._refusal(settings, wanted, number)
        if refused is not None or number is None:
            return self._refused(wanted, refused or "number")
        going = Going(self._attempt(wanted, number), with_agent=wanted.agent is not None)
        self._going[going.attempt.name] = going  # before anybody else has a turn
        try:
            await asyncio.to_thread(self._write, going.attempt, wanted)
        except (OSError, AuditChanged) as refusal:
            log.error("nobody is called: %s", refusal)  # noqa: TRY400  says it all
            del self._going[going.attempt.name]
            return self._refused(wanted, "unwritten")
        self._conduct(going, self._course(going, settings, wanted.agent, number))
        return going

    def going(self, attempt: str) -> Going | None:
        """A try that is not over yet."""
        return self._going.get(attempt)

    def spoken_to(self, leg: str) -> Attempt | None:
        """The try whose number is on this leg, where the line itself is to speak."""
        name = attempt_of(leg)
        attempt = None if name is None else self.ledger.attempt(name)
        if attempt is None or attempt.agent is not None or attempt.outcome is not None:
            return None
        return attempt if leg == leg_name(attempt.name, "number") else None

    # --- what the line tells ----------------------------------------------------------------------

    def answered(self, leg: str) -> None:
        """A leg has picked up; one of a try that is over is stopped."""
        name, side = parted(leg)
        if (going := self._going.get(name)) is not None:
            going.inbox.put_nowait(Answered(side))
        else:
            self._to_its_end(self._stop(name))

    def over(self, name: str, side: Side | None, cause: int | None = None) -> None:
        """A leg is out, or the bridge lost one of its two."""
        if (going := self._going.get(name)) is not None:
            going.inbox.put_nowait(Over(side, cause))

    def said(self, name: str, *, whole: bool) -> None:
        """What was to be said to the number has been said."""
        if (going := self._going.get(name)) is not None:
            going.inbox.put_nowait(Said(whole))

    def sessions(self) -> frozenset[str]:
        """Of tries that have no end, as recordings know them."""
        return frozenset(bridge_name(attempt.name) for attempt in self.ledger.begun())

    def legs(self) -> dict[str, Agent]:
        """Of agents who talk."""
        talking = (each.attempt for each in self._going.values() if each.stage == "talking")
        agents = ((attempt, self._agent_of(attempt)) for attempt in talking)
        return {leg_name(one.name, "agent"): who for one, who in agents if who is not None}

    def talk_of(self, agent: Agent) -> Going | None:
        """The conversation that this agent has with somebody whom the line has called."""
        return next(
            (
                each
                for each in self._going.values()
                if each.stage == "talking" and each.attempt.agent == agent.name
            ),
            None,
        )

    def vanished(self, name: str) -> None:
        """The agent's phone has, in the midst of the conversation."""
        going = self._going.get(name)
        if going is not None and (agent := self._agent_of(going.attempt)) is not None:
            self.switchboard.desks.vanished(agent)
        self.over(name, "agent")

    async def suspend(self) -> None:
        """Leave all as it is: Asterisk keeps who talks, and we or a successor find them again."""
        tasks = []
        for going in self._going.values():
            if going.task is not None:
                going.suspended = True
                going.task.cancel()
                tasks.append(going.task)
        await asyncio.gather(*tasks, *self._ending, return_exceptions=True)

    async def adopt(self, held: Held) -> None:
        """Go on with those who talk, and end what nobody conducts any more."""
        for attempt in self.ledger.begun():
            if self._is_conducted(attempt.name):
                continue
            going = self._going.setdefault(attempt.name, Going(attempt, attempt.agent is not None))
            going.suspended = False
            there = held.joined if going.with_agent else held.picked_up
            since = there.get(attempt.name)
            self._conduct(going, _lost(attempt) if since is None else self._talk_on(going, since))
        for name in held.names - self._going.keys():
            await self._stop(name)

    def _is_conducted(self, name: str) -> bool:
        going = self._going.get(name)
        return going is not None and not going.suspended

    # --- whether it may be ------------------------------------------------------------------------

    def _refusal(
        self, settings: Settings, wanted: Wanted, number: Sensitive[str] | None
    ) -> DialRefusal | None:
        token = None if number is None else self.token(number.reveal())
        tries = self.ledger.on_day_of(now := self.clock())
        refused = refusal(settings, now, token, tries)
        if refused is None and token is not None and self._is_going_on(wanted, token):
            return "going_on"
        return refused

    def _is_going_on(self, wanted: Wanted, number: str) -> bool:
        same = (
            going.attempt.number == number
            or (going.attempt.purpose, going.attempt.reference)
            == (wanted.purpose, wanted.reference)
            for going in self._going.values()
        )
        return any(same) or not self._has_agent(wanted)

    def _has_agent(self, wanted: Wanted) -> bool:
        """Whether whoever is to talk can be rung now; the line itself always can."""
        if wanted.agent is None or wanted.reserved:
            return True
        return self.switchboard.desks.is_free(wanted.agent)

    def _refused(self, wanted: Wanted, reason: DialRefusal) -> NotDialled:
        self.note(
            Dialled(
                attempt=None,
                purpose=wanted.purpose,
                reference=wanted.reference,
                agent=wanted.agent_name,
                outcome=None,
                refused=reason,
            )
        )
        return NotDialled(reason)

    def _attempt(self, wanted: Wanted, number: Sensitive[str]) -> Attempt:
        return Attempt(
            name=secrets.token_hex(8),
            purpose=wanted.purpose,
            reference=wanted.reference,
            number=self.token(number.reveal()),
            agent=wanted.agent_name,
            at=self.clock(),
        )

    def _write(self, attempt: Attempt, wanted: Wanted) -> None:
        """The trail, then the ledger: whatever is in the ledger counts as called."""
        self.trail(Entry(attempt.at, "called", attempt.reference, wanted.by, wanted.reason))
        self.ledger.begin(attempt)

    # --- how it goes ------------------------------------------------------------------------------

    def _conduct(self, going: Going, course: Coroutine[None, None, Called]) -> None:
        going.task = asyncio.create_task(self._to_the_end(going, course))

    async def _to_the_end(self, going: Going, course: Coroutine[None, None, Called]) -> None:
        called = Called("failed")
        try:
            called = await course
        except DiallingFailed as refused:
            log.warning("a call is not made: %s", refused)
        finally:
            course.close()
            if not going.suspended:
                await asyncio.shield(self._to_its_end(self._end(going, called)))

    async def _end(self, going: Going, called: Called) -> None:
        """Nothing rings any more, the ledger and the records know how it went."""
        attempt = going.attempt
        await self._stop(attempt.name)
        await asyncio.to_thread(self.ledger.end, attempt.name, called.outcome)
        self.note(
            Dialled(
                attempt=attempt.name,
                purpose=attempt.purpose,
                reference=attempt.reference,
                agent=attempt.agent,
                outcome=called.outcome,
                ring_ms=called.ring_ms,
                talk_ms=called.talk_ms,
            )
        )
        self._going.pop(attempt.name, None)
        if not going.done.done():
            going.done.set_result(called)

    async def _stop(self, name: str) -> None:
        """What cannot be stopped now is found at the next look."""
        try:
            async with asyncio.timeout(ENDING_SECONDS):
                await self.outward.stop(name)
        except TimeoutError:
            log.warning("a call that is over is not hung up yet: no answer")

    def _to_its_end(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _course(
        self, going: Going, settings: Settings, agent: Agent | None, number: Sensitive[str]
    ) -> Called:
        if agent is None:
            return await self._ring_number(going, settings, number)
        missed = await self._agent_came(going, settings, agent)
        if missed is not None:
            return missed
        with self.switchboard.engaged(agent, _talked(going.attempt)):
            return await self._ring_number(going, settings, number)

    async def _agent_came(self, going: Going, settings: Settings, agent: Agent) -> Called | None:
        """Let the agent's phone ring; None: the agent is there and waits."""
        async with self.switchboard.rung(agent) as is_ours:
            if not is_ours:
                return Called("agent_busy")
            try:
                await self.outward.ring_agent(going.attempt.name, agent, going.attempt.reference)
            except AgentAway:
                return Called("agent_away")
            news = await _news(going, settings.dialling.agent_seconds + LATE_SECONDS)
        match news:
            case Answered():
                return None
            case Over(_, cause) if cause in _ENGAGED:
                self.switchboard.desks.is_there(agent)
                return Called("agent_busy")
            case Over(_, cause) if cause not in _RANG_OUT:
                return Called("agent_away")
        self.switchboard.desks.rang_out(agent)
        return Called("agent_no_answer")

    async def _ring_number(
        self, going: Going, settings: Settings, number: Sensitive[str]
    ) -> Called:
        await self._comes_to(going, "number")
        began = _now()
        await self.outward.ring_number(going.attempt.name, number)
        news = await _news(going, settings.dialling.number_seconds + LATE_SECONDS)
        ring_ms = _ms_since(began)
        match news:
            case Answered():
                return await self._talk(going, ring_ms)
            case Over("number", cause) if cause in _ENGAGED:
                return Called("busy", ring_ms)
            case Over("number", cause) if cause not in _RANG_OUT:
                return Called("not_reached", ring_ms)
            case Over("agent"):
                return Called("abandoned", ring_ms)
        return Called("no_answer", ring_ms)

    async def _talk(self, going: Going, ring_ms: int) -> Called:
        recordings = self.settings().recordings
        is_told: bool | None = False
        if going.with_agent:
            is_told = await self._told_of_tape(going) if recordings.talks else False
            if is_told is None or not await self.outward.join(going.attempt.name):
                return Called("abandoned", ring_ms)
        began = _now()
        await self._comes_to(going, "talking")
        if is_told:
            going.recorder = await self.taping.begun(
                going.attempt, self.outward, recordings.pause_seconds
            )
        await self._until_over(going)
        return Called("answered", ring_ms, _ms_since(began))

    async def _told_of_tape(self, going: Going) -> bool | None:
        """Whether the number has heard it, while the agent hears it ring; None: one has gone.

        Who has not heard it is not recorded, and is joined all the same.
        """
        try:
            await self.outward.say_it_is_recorded(going.attempt.name)
        except DiallingFailed as refused:
            log.warning("a conversation is not recorded, for it cannot be announced: %s", refused)
            return False
        match await _news(going, ANNOUNCING_SECONDS):
            case Over():
                return None
            case Said(whole):
                return whole
        return False

    async def _until_over(self, going: Going) -> None:
        """A service that ends leaves the recording to Asterisk and its successor."""
        agent, recorder, is_over = going.attempt.agent or "", going.recorder, False
        while not is_over:
            if recorder is not None:
                await recorder.follow([agent], is_held=False)
            match await _news(going, _until(recorder)):
                case Over():
                    is_over = True
                case Order() as order:
                    await _do(order, recorder)
        if recorder is not None:
            await recorder.end()

    async def _comes_to(self, going: Going, stage: Stage) -> None:
        """On disk too: whoever finds the try after us knows how far it came."""
        going.stage = stage
        await asyncio.to_thread(self.ledger.comes_to, going.attempt.name, stage)

    async def _talk_on(self, going: Going, since: datetime) -> Called:
        """Found again: neither of the two has noticed that we are new."""
        before = max(0.0, (self.clock() - since).total_seconds())
        began = _now()
        agent = self._agent_of(going.attempt)
        talked = _talked(going.attempt)
        with nullcontext() if agent is None else self.switchboard.engaged(agent, talked):
            await self._comes_to(going, "talking")
            going.recorder = await self.taping.found(
                going.attempt, self.outward, self.settings().recordings.pause_seconds
            )
            await self._until_over(going)
        return Called("answered", 0, round(before * 1000) + _ms_since(began))

    def _agent_of(self, attempt: Attempt) -> Agent | None:
        phones = self.settings().agents.phones
        return next((each for each in phones if each.name == attempt.agent), None)

    def talking(self, held: Held) -> frozenset[str]:
        """Extensions of the agents who talk for a try, as Asterisk shows it."""
        agents = (self._agent_of(a) for a in self.ledger.begun() if a.name in held.joined)
        return frozenset(agent.extension for agent in agents if agent is not None)


async def _do(order: Order, recorder: Recorder | None) -> None:
    """What an agent may do with a call of the line's own; what it left out is in the recording."""
    do = _DEEDS.get(order.deed)
    if do is None:
        return order.answer(NotDone("热线拨出的电话只能暂停和继续录音 · only the recording"))
    try:
        await do(recorder)
    except NotDone as why:
        order.answer(why)
    else:
        order.answer()


async def _lost(attempt: Attempt) -> Called:
    """Nothing of it is left; who had come to talk has done so until the end."""
    return Called("answered" if attempt.stage == "talking" else "lost")


def _talked(attempt: Attempt) -> Talked:
    """What the agent writes about afterwards: a call of the line's own, in no caller's session."""
    return Talked(talk=attempt.name, caller=attempt.number)


async def _news(going: Going, seconds: float) -> News | None:
    """What comes next; None when nothing does."""
    try:
        async with asyncio.timeout(seconds):
            return await going.inbox.get()
    except TimeoutError:
        return None


def _until(recorder: Recorder | None) -> float:
    """Seconds until it is to be looked again though nothing has happened."""
    if recorder is None:
        return TALKING_SECONDS
    return min(TALKING_SECONDS, max(0.0, recorder.until() - _now()))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ms_since(began: float) -> int:
    return round((_now() - began) * 1000)
