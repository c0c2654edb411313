"""Who is in a conversation, who is asked into it, and who listens, as the desks know them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from ivr.agents.notes import Talked
from ivr.agents.switchboard import Switchboard
from ivr.config import Agent


@dataclass(slots=True)
class Members:
    """By their legs; every agent here is engaged, rung or set aside at their desk meanwhile.

    Knows nothing of Asterisk: who comes and goes there is the room's.
    """

    switchboard: Switchboard
    inside: dict[str, Agent]
    """The first is in charge."""
    talked: Callable[[str], Talked]
    """Whose call it is, for whoever is in charge by that leg; who is only asked writes nothing."""
    asked: dict[str, Agent] = field(default_factory=dict)
    """Colleagues whose phones ring."""
    watching: dict[str, Agent] = field(default_factory=dict)
    """Supervisors, from the first ring on."""
    listening: set[str] = field(default_factory=set)
    """Of `watching`, who has answered."""
    muted: set[str] = field(default_factory=set)
    _engaged: dict[str, ExitStack] = field(default_factory=dict)

    # --- who is who ---------------------------------------------------------------------------

    @property
    def leg(self) -> str:
        """Of the agent in charge."""
        return next(iter(self.inside))

    @property
    def agent(self) -> Agent:
        """Who is in charge."""
        return self.inside[self.leg]

    @property
    def colleague(self) -> str | None:
        """The leg of the other one in the room."""
        return next((leg for leg in [*self.inside][1:]), None)

    @property
    def has_company(self) -> bool:
        """Whether a colleague is there, or is rung."""
        return self.colleague is not None or bool(self.asked)

    @property
    def legs(self) -> tuple[str, ...]:
        """All that rings or talks for this caller."""
        return (*self.inside, *self.asked, *self.watching)

    def leg_of(self, agent: Agent) -> str | None:
        """By which this agent is in the room."""
        return _leg_of(agent, self.inside)

    def watcher(self, agent: Agent) -> str | None:
        """By which this supervisor is to listen, or listens."""
        return _leg_of(agent, self.watching)

    # --- who comes ----------------------------------------------------------------------------

    def engage(self, leg: str) -> None:
        """The agent of this leg, who is inside, talks from now on."""
        if leg not in self._engaged:
            self._engaged[leg] = ExitStack()
            talked = self.talked(leg) if leg == self.leg else None
            talks = self.switchboard.desks.talks(self.inside[leg], talked)
            self._engaged[leg].enter_context(talks)

    def ask(self, leg: str, colleague: Agent) -> None:
        """A colleague's phone rings."""
        self.asked[leg] = colleague
        self.switchboard.desks.rings(colleague)

    def watch(self, leg: str, supervisor: Agent) -> None:
        """A supervisor's phone rings, to listen; no desk and no page shows it."""
        self.watching[leg] = supervisor
        self.switchboard.desks.set_aside(supervisor)

    def listens(self, leg: str) -> None:
        """A supervisor has answered, whom nobody hears yet."""
        self.listening.add(leg)
        self.muted.add(leg)

    def come_in(self, leg: str) -> None:
        """Who was asked, or listened, is inside."""
        agent = self.asked.get(leg) or self.watching[leg]
        self.ring_no_more(leg)
        self.watch_no_more(leg)
        self.inside[leg] = agent
        self.engage(leg)

    def set_muted(self, leg: str, *, on: bool) -> None:
        """Whether what is said there is heard."""
        (self.muted.add if on else self.muted.discard)(leg)

    # --- who goes -----------------------------------------------------------------------------

    def vanished(self, leg: str) -> None:
        """Who is inside by that leg is not at the phone any more."""
        self.switchboard.desks.vanished(self.inside[leg])

    def ring_no_more(self, leg: str) -> None:
        """A colleague's phone has stopped, or is answered; any other leg: nothing."""
        agent = self.asked.pop(leg, None)
        if agent is not None:
            self.switchboard.desks.rings_no_more(agent)
            self.switchboard.look_again()

    def watch_no_more(self, leg: str) -> None:
        """A supervisor listens no more; any other leg: nothing."""
        agent = self.watching.pop(leg, None)
        self.listening.discard(leg)
        if agent is not None:
            self.muted.discard(leg)
            self.switchboard.desks.back_from_aside(agent)
            self.switchboard.look_again()

    def leave(self, leg: str) -> None:
        """Out of the room, and at work on what is to be written; any other leg: nothing."""
        agent = self.inside.pop(leg, None)
        if agent is None:
            return
        self.muted.discard(leg)
        if (engaged := self._engaged.pop(leg, None)) is not None:
            engaged.close()
        self.switchboard.desks.hung_up(agent)
        if self.inside:
            self.switchboard.desks.is_in_charge(self.agent, self.talked(self.leg))

    def forget(self, leg: str) -> None:
        """Whoever it is."""
        self.ring_no_more(leg)
        self.watch_no_more(leg)
        self.leave(leg)

    def let_go(self) -> None:
        """No call looks after them any more; whether they talk on is not said by that."""
        for engaged in self._engaged.values():
            engaged.close()
        self._engaged.clear()

    def all_gone(self) -> None:
        """Their phones are let go too, and may be rung for others."""
        for agent in self.asked.values():
            self.switchboard.desks.rings_no_more(agent)
        for agent in self.watching.values():
            self.switchboard.desks.back_from_aside(agent)
        for agent in self.inside.values():
            self.switchboard.desks.hung_up(agent)
        self.switchboard.look_again()


def _leg_of(agent: Agent, legs: dict[str, Agent]) -> str | None:
    return next((leg for leg, each in legs.items() if each.extension == agent.extension), None)
