"""回电: who rather left a number than wait is called, at the place that they had, by a free agent.

A wish waits -> it is due, and may be dialled now             has a place in the queue
             -> an agent is free whom nobody before it wants  calling: agent first, then the number
             -> they have talked                              reached
             -> busy, nobody answers, not reached             waits, later; after the last: given_up
             -> the agent did not come                        waits, at its place
             -> the number has called, and was served         withdrawn
What has become of a call is told by the ledger alone, whichever service made it: a service that
is killed in the midst of it neither loses the wish nor has the number called a second time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from ivr.agents.queue import Waiting
from ivr.agents.switchboard import PHONES_SECONDS, Switchboard
from ivr.agents.wishes import Move, Wish, Wishes, told_of
from ivr.config import Agent, DiallingSettings, Settings
from ivr.dialling.dialler import Dialler, Going
from ivr.dialling.ledger import Attempt
from ivr.dialling.outward import DiallingFailed
from ivr.dialling.permission import pause, refusal
from ivr.dialling.wanted import NotDialled, Wanted
from ivr.people.audit import Entry
from ivr.people.vault import VaultLocked
from ivr.records.facts import DialOutcome, Fact

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""So long at most until a new wish, or one whose time has come, is noticed."""
NOT_NOW = timedelta(minutes=1)
"""After a call that was refused although it seemed allowed."""
BY_ITSELF: Final = "line"
"""Who wants a call that no agent has asked for, in the trail."""

_IN_VAIN: Final[frozenset[DialOutcome]] = frozenset({"busy", "no_answer", "not_reached"})
_AGENT_FAILED: Final[frozenset[DialOutcome]] = frozenset(
    {"agent_busy", "agent_no_answer", "agent_away"}
)


def after(wish: Wish, tried: Attempt | None, dialling: DiallingSettings, now: datetime) -> Move:
    """What becomes of it after that try; None: nothing has rung. Pure.

    Where it is not known whether the number rang (a killed service), it is taken to have: nobody
    is rung again at once.
    """
    outcome = None if tried is None else tried.outcome
    if outcome == "answered":
        return Move("reached", outcome=outcome)
    rang_nobody = tried is None or (outcome == "lost" and tried.stage == "agent")
    if rang_nobody or outcome in _AGENT_FAILED:
        return Move("open", outcome=outcome)
    tries = wish.tries + (outcome in _IN_VAIN or outcome == "lost")
    if tries >= dialling.callback_tries:
        return Move("given_up", tries, outcome=outcome)
    return Move("open", tries, now + pause(dialling.callback_again_minutes, tries), outcome)


@dataclass(frozen=True, slots=True)
class _Held:
    """A place in the queue, and how to give it up."""

    place: Waiting
    kept: ExitStack


@dataclass(slots=True)
class Callbacks:
    """Calls back who wishes to be, as long as the line can be heard of (`begin` to `stop`)."""

    wishes: Wishes
    dialler: Dialler
    switchboard: Switchboard
    settings: Callable[[], Settings]
    online: Callable[[], Awaitable[frozenset[str]]]
    """Which phones are registered; may raise DiallingFailed."""
    note: Callable[[Fact], None]
    is_open: Callable[[], bool]
    """Whether the line takes calls; a line that is closed, or ends soon, calls nobody back."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _held: dict[str, _Held] = field(default_factory=dict)
    """By number: those who may be called as soon as an agent is free, or are being called."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _beginning: dict[str, asyncio.Task[Going | NotDialled]] = field(default_factory=dict)
    """Calls that are about to be in the ledger, by number."""
    _task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The line stands, and what was going on is known: from now on wishes are looked after."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Nobody is called any more; calls that go on are the dialler's."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, *self._beginning.values(), return_exceptions=True)
        for person in tuple(self._held):
            self._leave(person)

    # --- what an agent wants --------------------------------------------------------------------

    async def call_now(self, person: str, agent: Agent, by: str) -> Going | NotDialled:
        """An agent calls that number back, without waiting for its turn."""
        wish = await asyncio.to_thread(self.wishes.living, person)
        if self._task is None or not self.is_open():
            return NotDialled("off")
        if wish is None or wish.state != "open":
            return NotDialled("going_on")
        return await self._begun(wish, agent, by=by)

    async def withdraw(self, person: str, by: str, reason: str) -> bool:
        """No call is wanted any more; False where there is none, or it is being made.

        OSError, AuditChanged: nothing can be written down, and the wish stands.
        """
        wish = await asyncio.to_thread(self.wishes.living, person)
        if wish is None or wish.state != "open":
            return False
        entry = Entry(self.clock(), "callback withdrawn", wish.name, by, reason)
        await asyncio.to_thread(self.dialler.trail, entry)
        over = await self._move(wish, Move("withdrawn"))
        self._news.set()
        return over is not None

    # --- round and round ------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._look()
            except (OSError, DiallingFailed, VaultLocked) as fault:
                log.warning("wishes to be called back have to wait: %s", fault)
            except Exception:
                log.exception("wishes to be called back could not be looked after")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()

    async def _look(self) -> None:
        """Who is due has a place, whoever's turn it is is called, and what is over is written."""
        living = [wish for wish in await asyncio.to_thread(self.wishes.all) if wish.lives]
        calling = [wish for wish in living if wish.state == "calling"]
        for wish in calling:
            await self._settle(wish)
        due = {wish.person: wish for wish in living if await self._is_wanted(wish)}
        for person in self._held.keys() - due.keys() - {wish.person for wish in calling}:
            self._leave(person)
        for wish in due.values():
            self._stand(wish)
        if due:
            await self.switchboard.look(self.online, PHONES_SECONDS)
        for wish in due.values():
            await self._call_if_free(wish)

    async def _is_wanted(self, wish: Wish) -> bool:
        """Whether an agent should be found for it now; one that is too old is given up."""
        now, settings = self.clock(), self.settings()
        if wish.state != "open":
            return False
        if now - wish.since > timedelta(days=settings.dialling.callback_days):
            await self._move(wish, Move("given_up"))
            return False
        if not self.is_open() or (wish.due is not None and wish.due > now):
            return False
        today = self.dialler.ledger.on_day_of(now)
        return refusal(settings, now, wish.person, today) is None

    # --- places in the queue ----------------------------------------------------------------------

    def _stand(self, wish: Wish) -> None:
        """At the place that the caller had; before others, once it was called in vain."""
        if wish.person in self._held:
            return
        ago = (self.clock() - wish.since).total_seconds()
        place = Waiting(
            wish.name,
            self.switchboard.desks.clock() - max(0.0, ago),
            wish.ranks_as,
            person=wish.person,
            is_wish=True,
            wake=self._news.set,
        )
        kept = ExitStack()
        kept.enter_context(self.switchboard.waiting(place))
        self._held[wish.person] = _Held(place, kept)

    def _leave(self, person: str) -> None:
        if (held := self._held.pop(person, None)) is not None:
            held.kept.close()

    def _serve(self, person: str, *, served: bool) -> None:
        """While it is called, no other phone is wanted for it."""
        if (held := self._held.get(person)) is not None:
            held.place.is_served = served

    # --- calling ----------------------------------------------------------------------------------

    async def _call_if_free(self, wish: Wish) -> None:
        held = self._held[wish.person]
        for agent in () if held.place.is_served else await self.switchboard.claim(held.place):
            try:
                begun = await self._begun(wish, agent, by=BY_ITSELF, reserved=True)
            except Exception:
                self.switchboard.free(agent)
                raise
            if isinstance(begun, NotDialled):
                self.switchboard.free(agent)

    async def _begun(
        self, wish: Wish, agent: Agent, *, by: str, reserved: bool = False
    ) -> Going | NotDialled:
        """It goes on when whoever asked is cancelled: what is in the ledger is also conducted."""
        if wish.person in self._beginning:
            return NotDialled("going_on")
        task = asyncio.create_task(self._dial(wish, agent, by=by, reserved=reserved))
        self._beginning[wish.person] = task
        task.add_done_callback(lambda _: self._beginning.pop(wish.person, None))
        return await asyncio.shield(task)

    async def _dial(
        self, wish: Wish, agent: Agent, *, by: str, reserved: bool
    ) -> Going | NotDialled:
        """Written down as being called before anything rings; exactly the confirmed number."""
        number = await asyncio.to_thread(self.wishes.number, wish)
        if number is None:
            await self._move(wish, Move("given_up"))
            return NotDialled("number")
        calling = await self._move(wish, Move("calling"))
        if calling is None:
            return NotDialled("going_on")
        self._serve(wish.person, served=True)
        begun = await self.dialler.begin(
            Wanted("wish", wish.name, number, agent, by=by, reason="回电", reserved=reserved)
        )
        if isinstance(begun, NotDialled):
            await self._not_dialled(calling, begun)
        else:
            begun.done.add_done_callback(lambda _: self._news.set())
        return begun

    async def _not_dialled(self, calling: Wish, refused: NotDialled) -> None:
        """What must not be dialled at all is given up; the rest is tried again."""
        self._serve(calling.person, served=False)
        if refused.reason == "number":
            await self._move(calling, Move("given_up"))
        else:
            await self._move(calling, Move("open", due=self.clock() + NOT_NOW))

    async def _settle(self, calling: Wish) -> None:
        """Write down what has become of a call, once it is over; whoever made it."""
        tries = self.dialler.ledger.of("wish", calling.name)
        tried = next((each for each in reversed(tries) if each.at >= calling.at), None)
        if calling.person in self._beginning or (tried is not None and tried.outcome is None):
            return
        await self._move(calling, after(calling, tried, self.settings().dialling, self.clock()))
        self._serve(calling.person, served=False)
        self._news.set()

    async def _move(self, wish: Wish, to: Move) -> Wish | None:
        """None where somebody else was quicker; the records learn of what is over."""
        moved = await asyncio.to_thread(partial(self.wishes.move, wish, to, now=self.clock()))
        if moved is not None and not moved.lives:
            self.note(told_of(moved))
        return moved
