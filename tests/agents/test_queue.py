"""The queue: everybody has one place, and each is served before whoever came later."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ivr.agents.queue import RANKS, Queue, Waiting
from ivr.records.queued import Queued

WHO = st.sampled_from([f"s{n}" for n in range(6)])
PERSON = st.sampled_from(["p0", "p1", None])


class Line(RuleBasedStateMachine):
    """Whatever happens in any order, by the model that is a list of who came when."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.now = 0.0
        self.places: dict[str, Waiting] = {}

    @rule(who=WHO, standing=st.sampled_from(RANKS), person=PERSON)
    def comes(self, who: str, standing, person: str | None) -> None:
        self._enter(Waiting(who, self.now, standing, person))

    @rule(who=WHO, ago=st.integers(-3, 9))
    def comes_while_a_wish_stands(self, who: str, ago: int) -> None:
        place = Waiting(who, self.now, person="p0", kept=self.now - ago)
        self._enter(place)
        assert place.ranks_since <= place.since, "nobody's place becomes a worse one by it"

    @rule(person=st.sampled_from(["p0", "p1"]), standing=st.sampled_from(RANKS))
    def wishes_to_be_called_back(self, person: str, standing) -> None:
        self._enter(Waiting(f"wish {person}", self.now, standing, person, is_wish=True))

    @rule(who=WHO)
    def is_expected_again_and_comes(self, who: str) -> None:
        kept = Waiting(who, self.now - 100, is_expected=True)
        self._enter(kept)
        self._enter(Waiting(who, kept.since))
        assert not self.queue.give_up(who), "whoever has come is not cleared away"

    @rule(who=WHO)
    def leaves(self, who: str) -> None:
        if place := self.places.pop(who, None):
            self.queue.leave(place)

    @rule(who=WHO)
    def an_old_place_that_is_left_late_takes_nobody_away(self, who: str) -> None:
        before = self.queue.in_order()
        self.queue.leave(Waiting(who, 0.0))
        assert self.queue.in_order() == before

    @rule(who=WHO, served=st.booleans())
    def is_served_or_waits_on(self, who: str, served: bool) -> None:
        if who in self.places:
            self.places[who].is_served = served

    def _enter(self, place: Waiting) -> None:
        self.now += 1
        self.places[place.who] = place
        self.queue.enter(place)

    @invariant()
    def nobody_is_in_two_places(self) -> None:
        there = self.queue.in_order()
        assert len({place.who for place in there}) == len(there)
        here = {place.person for place in there if not place.is_wish and place.person}
        assert not [place for place in there if place.is_wish and place.person in here]

    @invariant()
    def nobody_is_lost(self) -> None:
        callers = {place.who for place in self.queue.in_order() if not place.is_wish}
        assert callers == {who for who in self.places if who.startswith("s")}

    @invariant()
    def first_come_first_served_within_a_standing(self) -> None:
        order = [(RANKS.index(p.standing), p.ranks_since) for p in self.queue.waiting()]
        assert order == sorted(order)

    @invariant()
    def each_knows_how_many_are_before(self) -> None:
        for ahead, place in enumerate(self.queue.waiting()):
            assert self.queue.ahead_of(place) == ahead
            assert not place.is_served


TestLine = Line.TestCase


def test_a_place_that_was_said_never_becomes_a_worse_one() -> None:
    """Somebody of 65 comes before: no number is said until it is true again."""
    place = Queued(datetime(2026, 11, 27, tzinfo=UTC), "usual")
    said = []
    for ahead in (3, 4, 3, 2, 5, 1, 0):
        to_say = place.to_say(ahead)
        place = place.hearing(to_say)
        said.append(to_say)
    assert said == [3, None, 3, 2, None, 1, 0]
