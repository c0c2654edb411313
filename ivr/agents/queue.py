"""The queue in front of the agents: who is next, and who is how far from it; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import get_args

from ivr.config import Agent, Skill
from ivr.records.facts import Standing

RANKS: tuple[Standing, ...] = get_args(Standing)
"""Whoever has an earlier one is served first."""


@dataclass(slots=True, eq=False)
class Waiting:
    """Somebody who waits for an agent: a caller on the line, or who wants to be called back."""

    who: str
    """The session, or the wish to be called back; nobody has two places."""
    since: float
    """When it began, by the desks' clock."""
    standing: Standing = "usual"
    person: str | None = None
    """Token of the telephone number: a wish steps aside while its own caller is on the line."""
    skill: Skill | None = None
    """What the agent should know."""
    kept: float | None = None
    """Since when the number has an earlier place, as a wish to be called back (same clock)."""
    is_wish: bool = False
    is_expected: bool = False
    """The caller is found again by a new service and is not in the queue quite yet."""
    stays: bool = True
    """Waits until somebody is free; else only until every phone has rung once (no queue)."""
    passed_to: Agent | None = None
    """Nobody else's phone is rung before this one has rung, or cannot."""
    left: list[Agent] = field(default_factory=list)
    """Whose phones may ring for this caller now."""
    tried: dict[str, float] = field(default_factory=dict)
    """Whose phones have rung for nothing, and when they stopped (the desks' clock)."""
    wake: Callable[[], None] = lambda: None
    """Called when it is worth looking again: a phone has become free."""
    is_ringing: bool = False
    """Some phone rings for this caller now."""
    is_served: bool = False
    """An agent has answered: no other phone is wanted, unless that agent is gone at once."""
    is_elsewhere: bool = False
    """Another node has the caller, and says who may ring for them: `left`."""

    @property
    def ranks_since(self) -> float:
        """By which moment it comes before others of its standing."""
        return self.since if self.kept is None else min(self.since, self.kept)

    @property
    def rank(self) -> tuple[int, float]:
        """Whoever has a smaller one is served first."""
        return RANKS.index(self.standing), self.ranks_since


@dataclass(slots=True)
class Queue:
    """All places, by who has them."""

    _places: dict[str, Waiting] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many callers wait on the line; wishes to be called back need none."""
        return sum(not place.is_wish for place in self.waiting())

    def enter(self, place: Waiting) -> None:
        """Take a place; it stands instead of any that the same one had."""
        self._places[place.who] = place

    def place(self, who: str) -> Waiting | None:
        """The one that somebody has."""
        return self._places.get(who)

    def here(self) -> tuple[Waiting, ...]:
        """The places of this node's own callers and wishes."""
        return tuple(place for place in self._places.values() if not place.is_elsewhere)

    def see_elsewhere(self, places: Iterable[Waiting]) -> None:
        """These are the places that other nodes have; who has one here has that one."""
        ours = {place.who: place for place in self.here()}
        self._places = {place.who: place for place in places} | ours

    def leave(self, place: Waiting) -> None:
        """Give it up; another that was taken meanwhile stays."""
        if self._places.get(place.who) is place:
            del self._places[place.who]

    def give_up(self, who: str) -> bool:
        """Clear a place that is only expected; whether there was one."""
        place = self._places.get(who)
        if place is None or not place.is_expected:
            return False
        del self._places[who]
        return True

    def in_order(self) -> tuple[Waiting, ...]:
        """Everybody, whoever is next first."""
        here = {each.person for each in self._places.values() if not each.is_wish and each.person}
        there = (
            each for each in self._places.values() if not (each.is_wish and each.person in here)
        )
        return tuple(sorted(there, key=lambda each: each.rank))

    def waiting(self) -> tuple[Waiting, ...]:
        """Those who have no agent yet, whoever is next first."""
        return tuple(place for place in self.in_order() if not place.is_served)

    def before(self, place: Waiting) -> Iterator[Waiting]:
        """Those who are to be served before this one."""
        for each in self.waiting():
            if each is place:
                return
            yield each

    def ahead_of(self, place: Waiting) -> int:
        """How many of them there are."""
        return sum(1 for _ in self.before(place))
