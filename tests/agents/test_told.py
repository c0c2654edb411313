"""What nodes tell each other of their agents: each phone is one node's, told twice is once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ivr.agents.queue import Waiting
from ivr.agents.told import Change, Key, News, Told, Wanted, claim, exchanged, place, rank, waiting
from ivr.config import AgentsSettings

NODES = st.sampled_from(["node-1", "node-2", "node-3"])
PHONES = st.sampled_from(["6001", "6002"])


class Line(RuleBasedStateMachine):
    """Nodes that take phones, give them back, die and come back, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[Key, Told] = {}
        self.rings: dict[str, set[str]] = {node: set() for node in ("node-1", "node-2", "node-3")}
        self.dead: set[str] = set()

    def exchange(self, node: str, wanted: Wanted | None = None) -> Change:
        asked = set() if wanted is None else {*wanted.extensions}
        told = [claim(each, node) for each in self.rings[node] | asked]
        news = News(node, {row.key: row for row in told}, wanted)
        found = [replace(row, lives=row.node not in self.dead) for row in self.rows.values()]
        change = exchanged(news, found)
        self.rows = {row.key: row for row in change.rows}
        return change

    @rule(node=NODES, phone=PHONES)
    def takes(self, node: str, phone: str) -> None:
        if node in self.dead or phone in self.rings[node]:
            return
        change = self.exchange(node, Wanted((phone,)))
        holders = {each for each, rung in self.rings.items() if phone in rung} - self.dead
        assert bool(change.granted) == (not holders)
        self.rings[node] |= change.granted

    @rule(node=NODES, phone=PHONES)
    def gives_back(self, node: str, phone: str) -> None:
        self.rings[node].discard(phone)
        if node not in self.dead:
            self.exchange(node)

    @rule(node=NODES)
    def dies(self, node: str) -> None:
        self.dead.add(node)
        self.rings[node] = set()

    @rule(node=NODES)
    def comes_back(self, node: str) -> None:
        self.dead.discard(node)
        self.exchange(node)

    @rule(node=NODES)
    def tells_again_what_it_has_told(self, node: str) -> None:
        if node not in self.dead:
            self.exchange(node)
            again = self.exchange(node)
            assert (again.write, again.remove, again.left_alone) == ((), (), ())

    @invariant()
    def a_phone_rings_for_one_node(self) -> None:
        rung = [phone for node in self.rings.values() for phone in node]
        assert len(rung) == len(set(rung))


TestLine = Line.TestCase


def test_a_place_is_read_as_it_was_told() -> None:
    of = Waiting("s", 50.0, "senior", person="token", kept=20.0, is_ringing=True)
    read = waiting(place(of, "node-1", 1000.0), AgentsSettings(), 990.0)
    assert (read.since, read.rank, read.person) == (60.0, (of.rank[0], 30.0), "token")
    assert read.is_elsewhere
    assert rank(of, 1000.0) == rank(read, 990.0)
