"""The agents' desks: how everyone is who answers key 0, and whose phone can be rung now.

Who waits for them, and in which order, is the switchboard's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from ivr.agents.notes import Talked
from ivr.agents.presence import UNWRITTEN, Event, Presence, State, after
from ivr.config import Agent, AgentsSettings, Skill

log = logging.getLogger(__name__)

DeskState = State | Literal["ringing", "absent"]
"""How an agent is, as the shift's leader sees it: a phone may ring, or be nowhere."""
By = Literal["phone", "console", "line"]
"""Where a change came from: the agent's own telephone, the agent's page, or what happened."""
OTHERS_FIRST_SECONDS = 15.0
"""What follows by itself is done by the node that told of it, unless it is gone by then."""
_ON_DUTY = frozenset({State.FREE, State.TALKING, State.WRAP_UP})
"""Who is in one of these is there for callers, now or soon."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An agent came from one state into another; or changed what follows the present one."""

    agent: Agent
    before: Presence
    now: Presence
    seconds: float | None
    """How long the one before lasted; None where it is not known when it began."""
    since: datetime
    """When the present state began."""
    by: By
    talked: Talked | None = None
    """Of TALKING, and afterwards until there is a note of it: whose call it is, or was."""

    @property
    def ends_a_talk(self) -> bool:
        """Whether there is something to write about from now on."""
        talks = (self.before.state is State.TALKING, self.now.state is State.TALKING)
        return talks == (True, False) and self.talked is not None

    @property
    def is_new(self) -> bool:
        """Whether it is another state, or 示忙 for another reason: not a wish for later."""
        return _is_another(self.before, self.now)


@dataclass(frozen=True, slots=True)
class Remembered:
    """How an agent was when the service before ended."""

    extension: str
    presence: Presence
    since: datetime
    talked: Talked | None = None
    """As in Moved."""


def _is_another(before: Presence, now: Presence) -> bool:
    busy = before.state is now.state is State.NOT_READY
    return before.state is not now.state or (busy and before.reason != now.reason)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Desks:
    """Every agent; one for the whole service.

    A phone rings for one caller at a time; one that rings or talks is rung for nobody else.
    """

    settings: AgentsSettings
    clock: Callable[[], float]
    """Seconds; only differences count."""
    told: Callable[[Moved], None] = lambda _: None
    """Hears of each change, to keep it; must not wait."""
    now: Callable[[], datetime] = _utc_now
    """What stays when the service ends is told by the calendar."""
    changed: Callable[[], None] = lambda: None
    """Called when somebody may be free who was not."""
    taken_elsewhere: frozenset[str] = frozenset()
    """Whose phones ring or talk for another node, or are not ours to ring."""
    _ringing: dict[str, float] = field(default_factory=dict)
    """Since when."""
    _elsewhere: set[str] = field(default_factory=set)
    """Whose state another node has told: what follows by itself is that node's to do first."""
    _presence: dict[str, Presence] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _talking: set[str] = field(default_factory=set)
    """Whose conversation one of our calls looks after."""
    _aside: set[str] = field(default_factory=set)
    """Whose phones ring or listen in, unseen by everybody."""
    _talked: dict[str, Talked] = field(default_factory=dict)
    """Whose call each has, or had last and has written nothing about."""
    _due: dict[str, tuple[float, Event]] = field(default_factory=dict)
    """What happens by itself, and when."""
    _unanswered: dict[str, int] = field(default_factory=dict)
    """Calls in a row that rang for nothing."""
    _heard_of: float = field(default=float("-inf"))
    """When somebody last answered, declined or put the receiver down."""

    def adopt(self, settings: AgentsSettings) -> None:
        """Other agents or rules from now on; who rings or talks goes on as they began."""
        self.settings = settings
        ours = {agent.extension for agent in settings.phones}
        for extension in self._presence.keys() - ours - self._talking:
            self._forget(extension)
        for extension, presence in tuple(self._presence.items()):
            if presence.state is State.WRAP_UP:  # it may have other limits now
                self._arm(extension)

    def _forget(self, extension: str) -> None:
        self._presence.pop(extension, None)
        self._since.pop(extension, None)
        self._due.pop(extension, None)
        self._unanswered.pop(extension, None)
        self._talked.pop(extension, None)

    # --- who is how ---------------------------------------------------------------------------

    def agent(self, extension: str) -> Agent:
        """Whose phone this is; one that the settings have no more is known by its number."""
        known = self.settings.phone(extension)
        return known or Agent(name=extension, extension=extension)

    def of(self, agent: Agent) -> Presence:
        """How an agent is now."""
        self._let_happen()
        return self._held(agent.extension)

    def _held(self, extension: str) -> Presence:
        signs_in = self.settings.sign_in
        held = self._presence.get(extension)
        if held is None:
            return Presence(State.SIGNED_OUT if signs_in else State.FREE)
        is_left_over = held.state is State.SIGNED_OUT and not signs_in
        return Presence() if is_left_over else held

    # --- who can be rung ----------------------------------------------------------------------

    def present(self, online: frozenset[str], skill: Skill | None = None) -> tuple[Agent, ...]:
        """Who is there for a caller, on a call or not: registered, signed in, not away.

        Those who are there for `skill`; everybody, where nobody of them is.
        """
        there = tuple(
            agent
            for agent in self.settings.phones
            if agent.extension in online and self.of(agent).state in _ON_DUTY
        )
        return tuple(agent for agent in there if agent.knows(skill)) or there

    def in_order(self, agents: Sequence[Agent]) -> list[Agent]:
        """As the strategy wants them tried."""
        if self.settings.strategy == "longest_idle":
            return sorted(agents, key=self._when_idle)
        return list(agents)

    def is_free(self, agent: Agent) -> bool:
        """Whether this phone may be rung for a caller now."""
        return not self._is_taken(agent.extension) and self.may_come(agent)

    def may_listen(self, agent: Agent) -> bool:
        """Whether this phone is taken by nothing, however its owner is."""
        is_talking = self._held(agent.extension).state is State.TALKING
        return not self._is_taken(agent.extension) and not is_talking

    def _is_taken(self, extension: str) -> bool:
        here = extension in self._ringing or extension in self._aside
        return here or extension in self.taken_elsewhere

    def engaged(self) -> frozenset[str]:
        """Whose phones ring or talk for a call of this node, or are set aside for one."""
        return frozenset({*self._ringing, *self._aside, *self._talking})

    def may_come(self, agent: Agent) -> bool:
        """Whether this phone may be rung now, or as soon as it rings for others no more."""
        return self.of(agent).may_be_rung

    def is_engaged(self, agent: Agent) -> bool:
        """Whether this agent is on a call, or still at work on the last one."""
        return self.of(agent).state in {State.TALKING, State.WRAP_UP}

    def heard_of(self) -> float:
        """When an agent was last known to be there (by the clock): now, while one talks."""
        engaged = any(map(self.is_engaged, self.settings.phones))
        return self.clock() if engaged or self._talking else self._heard_of

    def _when_idle(self, agent: Agent) -> float:
        return self._since.get(agent.extension, float("-inf"))

    # --- how they are -------------------------------------------------------------------------

    def away(self) -> tuple[tuple[Agent, float | None], ...]:
        """Who does not answer, and for how many seconds still; None: until they come back."""
        self._let_happen()
        now = self.clock()
        return tuple(
            (self.agent(extension), None if (due := self._due.get(extension)) is None
             else due[0] - now)
            for extension, presence in self._presence.items()
            if presence.state is State.AWAY
        )  # fmt: skip

    def states(self, online: frozenset[str]) -> tuple[tuple[Agent, DeskState, float | None], ...]:
        """Every agent: how they are, and since when, by the clock, where that is known."""
        return tuple((agent, *self._state(agent, online)) for agent in self._known())

    def _known(self) -> Iterator[Agent]:
        """Those of the settings, and those who are still on a call that began before."""
        yield from self.settings.phones
        ours = {agent.extension for agent in self.settings.phones}
        yield from (self.agent(each) for each in sorted(self._talking - ours))

    def _state(self, agent: Agent, online: frozenset[str]) -> tuple[DeskState, float | None]:
        state = self.of(agent).state
        if state is State.FREE and agent.extension in self._ringing:
            return "ringing", self._ringing[agent.extension]
        if state is State.FREE and agent.extension not in online:
            return "absent", None
        if state is State.FREE and agent.extension in self.taken_elsewhere:
            return "ringing", None
        return state, self._since.get(agent.extension)

    # --- what happens -------------------------------------------------------------------------

    def wishes(self, agent: Agent, wish: Event, by: By, reason: str = "") -> Presence:
        """The agent signs in or out, or is ready or not."""
        self._unanswered.pop(agent.extension, None)
        self._happens(agent, wish, by=by, reason=reason)
        return self.of(agent)

    def rings(self, agent: Agent) -> None:
        """A phone rings from now on."""
        self._ringing[agent.extension] = self.clock()

    def rings_no_more(self, agent: Agent) -> None:
        """A phone has stopped, or is answered."""
        self._ringing.pop(agent.extension, None)

    def set_aside(self, agent: Agent) -> None:
        """A phone is taken for something that no page, figure or log tells of."""
        self._aside.add(agent.extension)

    def back_from_aside(self, agent: Agent) -> None:
        """It may be rung again."""
        self._aside.discard(agent.extension)

    def owes(self, agent: Agent) -> Talked | None:
        """The conversation that is over and that this agent must write about first."""
        is_over = self.of(agent).state is not State.TALKING
        wants = is_over and self.settings.notes_required
        return self._talked.get(agent.extension) if wants else None

    def noted(self, talk: str) -> None:
        """It is written what that conversation was about: after-call work is done."""
        for extension, talked in tuple(self._talked.items()):
            if talked.talk == talk:
                del self._talked[extension]
                self._has_noted(extension)

    def _has_noted(self, extension: str) -> None:
        agent, held = self.agent(extension), self._held(extension)
        if held.state is State.WRAP_UP:
            self._happens(agent, Event.WRAPPED_UP)
        else:
            self._tell(agent, held, held, None, "line")

    @contextmanager
    def talks(self, agent: Agent, talked: Talked | None = None) -> Iterator[None]:
        """One of our calls looks after a conversation of this agent, as long as this lasts.

        Its end is `hung_up`: a service that ends leaves the two talking.
        """
        self._talking.add(agent.extension)
        self._talked.pop(agent.extension, None)
        if talked is not None:
            self._talked[agent.extension] = talked
        self.is_there(agent)
        self._happens(agent, Event.ANSWERED)
        try:
            yield
        finally:
            self._talking.discard(agent.extension)
            self._heard_of = self.clock()

    def is_in_charge(self, agent: Agent, talked: Talked) -> None:
        """Of a conversation that another agent had before."""
        extension = agent.extension
        if self._talked.get(extension) != talked:
            self._talked[extension] = talked
            self._tell(agent, self._held(extension), self._held(extension), None, "line")

    def hung_up(self, agent: Agent) -> None:
        """The conversation is over."""
        if agent.extension not in self._talking:
            self._happens(agent, Event.HUNG_UP)

    def vanished(self, agent: Agent) -> None:
        """The phone has, in the midst of the conversation: nobody is rung there by itself again."""
        log.warning(
            "%s 的话机在通话中断了，设为离开 · the phone of %s has vanished: away",
            agent.name,
            agent.name,
        )
        self._happens(agent, Event.VANISHED)

    def missed(self, agent: Agent) -> None:
        """Somebody has answered, and there was no conversation: nothing is to be written."""
        self._talked.pop(agent.extension, None)
        self.hung_up(agent)

    def is_there(self, agent: Agent) -> None:
        """Somebody has answered, or declined."""
        self._heard_of = self.clock()
        self._unanswered.pop(agent.extension, None)
        self._happens(agent, Event.BACK)

    def rang_out(self, agent: Agent) -> None:
        """A phone rang as long as it should, and nobody answered."""
        times = self._unanswered.get(agent.extension, 0) + 1
        self._unanswered[agent.extension] = times
        if 0 < self.settings.unanswered_calls <= times and self.may_come(agent):
            log.warning(
                "%s 连着 %d 次没有接，已设为离开 · the phone of %s has rung for nothing: away",
                agent.name,
                times,
                agent.name,
            )
            self._happens(agent, Event.UNANSWERED)

    def found_talking(self, extensions: Iterable[str]) -> None:
        """These talk, as Asterisk shows it; a conversation that nobody looks after is over."""
        found = {*extensions, *self._talking}
        for extension, presence in tuple(self._presence.items()):
            is_ours = extension not in found | self._elsewhere
            if presence.state is State.TALKING and is_ours:
                self._happens(self.agent(extension), Event.HUNG_UP)

    def remember(self, before: Iterable[Remembered]) -> None:
        """What the service before has written down."""
        clock, now = self.clock(), self.now()
        for each in before:
            if each.extension in self._talking:
                continue
            self._presence[each.extension] = each.presence
            if each.talked is not None:
                self._talked[each.extension] = each.talked
            self._since[each.extension] = clock - max(0.0, (now - each.since).total_seconds())
            self._arm(each.extension)

    def learn(self, told: Remembered, *, ours: bool) -> None:
        """How an agent is, as all nodes know it; of one who talks for us, what is to follow.

        `ours`: what follows by itself is for this node to do.
        """
        extension = told.extension
        if not ours and State.TALKING in {self._held(extension).state, told.presence.state}:
            self._heard_of = self.clock()  # there somebody has answered, or put the receiver down
        if extension not in self._talking:
            (self._elsewhere.discard if ours else self._elsewhere.add)(extension)
            self._talked.pop(extension, None)
            self.remember([told])
        elif told.presence.state is State.TALKING:
            self._presence[extension] = told.presence

    def told_elsewhere(self) -> frozenset[str]:
        """Whose state another node has told."""
        return frozenset(self._elsewhere)

    def is_left_alone(self, extension: str) -> None:
        """The node is gone that had this agent's conversation, and the conversation with it."""
        self._happens(self.agent(extension), Event.HUNG_UP)

    def lose_sight(self) -> None:
        """The other nodes cannot be asked: who talks there may be free by now; the phone says."""
        for extension in self._elsewhere - self._talking:
            held = self._held(extension)
            if held.state is State.TALKING:
                self._presence[extension] = Presence(held.then)

    def _happens(self, agent: Agent, event: Event, *, by: By = "line", reason: str = "") -> None:
        """Take the step, unless it is none; tell of it."""
        extension, before = agent.extension, self._held(agent.extension)
        wraps_up = self.settings.after_call_seconds > 0 or self._must_write(extension)
        now = after(before, event, reason=reason, wraps_up=wraps_up)
        if now == before:
            return
        began, clock = self._since.get(extension), self.clock()
        if now.state is not State.TALKING or extension in self._talking:
            self._elsewhere.discard(extension)
        self._presence[extension] = now
        if _is_another(before, now):
            self._since[extension] = clock
        self._arm(extension)
        self._tell(agent, before, now, None if began is None else clock - began, by)
        self.changed()

    def _tell(
        self, agent: Agent, before: Presence, now: Presence, lasted: float | None, by: By
    ) -> None:
        extension, clock = agent.extension, self.clock()
        since = self.now() - timedelta(seconds=clock - self._since.get(extension, clock))
        talked = self._talked.get(extension)
        self.told(Moved(agent, before, now, lasted, since, by, talked))

    def _must_write(self, extension: str) -> bool:
        return self.settings.notes_required and extension in self._talked

    # --- what happens by itself -----------------------------------------------------------------

    def _arm(self, extension: str) -> None:
        """After-call work ends; who is away is asked again, where nobody signs in."""
        self._due.pop(extension, None)
        settings = self.settings
        match self._presence[extension].state:
            case State.WRAP_UP if self._must_write(extension):
                seconds, event = settings.notes_longest_seconds, Event.NEGLECTED
            case State.WRAP_UP:
                seconds, event = settings.after_call_seconds, Event.WRAPPED_UP
            case State.AWAY if not settings.sign_in:
                seconds, event = settings.passed_over_seconds, Event.BACK
            case _:
                return
        late = OTHERS_FIRST_SECONDS if extension in self._elsewhere else 0.0
        at = self._since.get(extension, self.clock()) + seconds + late
        self._due[extension] = (at, event)
        with suppress(RuntimeError):  # without a loop it happens when somebody looks
            loop = asyncio.get_running_loop()
            loop.call_later(max(0.0, at - self.clock()), self._let_happen)

    def _let_happen(self) -> None:
        """Everything whose time has come."""
        now = self.clock()
        for extension, (at, event) in tuple(self._due.items()):
            if at <= now:
                del self._due[extension]
                self._comes_due(self.agent(extension), event)

    def _comes_due(self, agent: Agent, event: Event) -> None:
        if event is Event.NEGLECTED:
            log.warning("%s 没有写小结，已设为示忙 · no note was written: not ready", agent.name)
        self._happens(agent, event, reason=UNWRITTEN if event is Event.NEGLECTED else "")
