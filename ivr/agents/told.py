"""What the nodes of a line tell each other of their agents, and what becomes of it; pure.

Three kinds of rows: `claim`, whose phone a node has; `place`, who waits for an agent; `state`, how
an agent is. Claims and places end with their node; a state stays, whoever told of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from ivr.agents.desks import Remembered
from ivr.agents.notes import Talked
from ivr.agents.presence import Presence, State
from ivr.agents.queue import RANKS, Waiting
from ivr.config import Agent, AgentsSettings

Kind = Literal["claim", "place", "state"]
Key = tuple[Kind, str]
Rank = tuple[int, float]
"""Of a place: whoever has a smaller one is served first; with seconds since 1970."""
_ENDS_WITH_NODE: Final = frozenset({"claim", "place"})


@dataclass(frozen=True, slots=True)
class Told:
    """A row: what a node has told."""

    kind: Kind
    name: str
    """An extension; of a place whoever has it."""
    node: str
    body: str
    """JSON; tokens only."""
    at: float
    """Seconds since 1970."""
    lives: bool = True
    """Whether that node has been heard of lately."""

    @property
    def key(self) -> Key:
        """Nothing else has it."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Wanted:
    """Phones that a node is about to ring."""

    extensions: tuple[str, ...]
    rank: Rank | None = None
    """Of whoever they ring for; None: of a call that nobody waits for."""
    known: frozenset[str] = frozenset()
    """Who waits elsewhere, as far as was known when that was decided."""


@dataclass(frozen=True, slots=True)
class News:
    """All that a node has to tell: its claims and places as they are, and states that changed."""

    node: str
    rows: Mapping[Key, Told]
    wanted: Wanted | None = None
    spares: Callable[[Key], bool] = lambda _: False
    """Rows of a service before on this node, which this one may find again: it has just begun."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one exchange makes of the rows."""

    write: tuple[Told, ...]
    remove: tuple[Key, ...]
    granted: frozenset[str] = frozenset()
    """Of the wanted phones, those that are the node's now."""
    left_alone: tuple[str, ...] = ()
    """Agents whose conversation went with its node: this one ends it."""
    rows: tuple[Told, ...] = ()
    """All as they are then."""


def exchanged(news: News, found: Iterable[Told]) -> Change:
    """Tell `news` where `found` is what was told until then."""
    before = {row.key: row for row in found}
    others = {key: row for key, row in before.items() if row.node != news.node and row.lives}
    granted = _granted(news.wanted, others)
    tells = {
        key: _by_whom(row, before.get(key), news)
        for key, row in news.rows.items()
        if _may_tell(row, before.get(key), others) and not _is_refused(row, news.wanted, granted)
    }
    alone = [row for key, row in before.items() if key not in tells and _is_left_alone(row, news)]
    tells |= {row.key: replace(row, node=news.node) for row in alone}
    gone = tuple(key for key, row in before.items() if key not in tells and _is_over(row, news))
    now = {key: row for key, row in before.items() if key not in gone} | tells
    return Change(
        write=tuple(row for key, row in tells.items() if _differs(row, before.get(key))),
        remove=gone,
        granted=granted,
        left_alone=tuple(row.name for row in alone),
        rows=tuple(now.values()),
    )


def _granted(wanted: Wanted | None, others: Mapping[Key, Told]) -> frozenset[str]:
    """Nobody else's, and nobody waits elsewhere who is next before and was not known."""
    if wanted is None or _is_outranked(wanted, others.values()):
        return frozenset()
    return frozenset(each for each in wanted.extensions if ("claim", each) not in others)


def _is_refused(row: Told, wanted: Wanted | None, granted: frozenset[str]) -> bool:
    asked = () if wanted is None else wanted.extensions
    return row.kind == "claim" and row.name in asked and row.name not in granted


def _is_outranked(wanted: Wanted, others: Iterable[Told]) -> bool:
    unknown = (row for row in of_kind("place", others) if row.name not in wanted.known)
    ranks = (rank for row in unknown if (rank := _rank(row)) is not None)
    return wanted.rank is not None and any(rank < wanted.rank for rank in ranks)


def _rank(row: Told) -> Rank | None:
    """None: has an agent."""
    told = json.loads(row.body)
    return None if told["served"] else (RANKS.index(told["standing"]), told["ranks"])


def _may_tell(row: Told, before: Told | None, others: Mapping[Key, Told]) -> bool:
    """A claim or a place is whose it is; of two states the later one holds."""
    if row.kind == "state":
        return before is None or before.at <= row.at
    return row.key not in others


def _by_whom(row: Told, before: Told | None, news: News) -> Told:
    """Who says on another node what is to follow a conversation does not have it."""
    has_it = ("claim", row.name) in news.rows
    if before is None or has_it or not (_is_talking(row) and _is_talking(before)):
        return row
    return replace(row, node=before.node)


def _is_talking(row: Told) -> bool:
    return row.kind == "state" and json.loads(row.body)["state"] == State.TALKING


def _is_left_alone(row: Told, news: News) -> bool:
    return row.node != news.node and not row.lives and _is_talking(row)


def _is_over(row: Told, news: News) -> bool:
    if row.kind not in _ENDS_WITH_NODE:
        return False
    return not (news.spares(row.key) if row.node == news.node else row.lives)


def _differs(row: Told, before: Told | None) -> bool:
    return before is None or (row.node, row.body, row.at) != (before.node, before.body, before.at)


# --- what a row says --------------------------------------------------------------------------


def claim(extension: str, node: str) -> Told:
    """This phone is that node's."""
    return Told("claim", extension, node, "{}", 0.0)


def rank(of: Waiting, offset: float) -> Rank:
    """By which all nodes serve; `offset`: what makes seconds since 1970 of the desks' clock."""
    standing, since = of.rank
    return standing, round(since + offset, 3)


def place(of: Waiting, node: str, offset: float) -> Told:
    """Somebody waits."""
    _, ranks = rank(of, offset)
    body = {
        "since": round(of.since + offset, 3),
        "ranks": ranks,
        "standing": of.standing,
        "person": of.person,
        "wish": of.is_wish,
        "served": of.is_served,
        "ringing": of.is_ringing,
        "left": sorted(agent.extension for agent in of.left),
        "passed_to": None if of.passed_to is None else of.passed_to.extension,
    }
    return Told("place", of.who, node, _json(body), 0.0)


def waiting(row: Told, settings: AgentsSettings, offset: float) -> Waiting:
    """The place that another node tells of."""
    told = json.loads(row.body)

    def agent(extension: str) -> Agent:
        return settings.phone(extension) or Agent(name=extension, extension=extension)

    return Waiting(
        row.name,
        told["since"] - offset,
        told["standing"],
        person=told["person"],
        kept=told["ranks"] - offset,
        is_wish=told["wish"],
        is_served=told["served"],
        is_ringing=told["ringing"],
        left=[agent(each) for each in told["left"]],
        passed_to=None if told["passed_to"] is None else agent(told["passed_to"]),
        is_elsewhere=True,
    )


def state(of: Remembered, node: str, at: float) -> Told:
    """How an agent is."""
    body = {
        "since": of.since.isoformat(),
        "state": of.presence.state,
        "reason": of.presence.reason,
        "then": of.presence.then,
        "talked": None if of.talked is None else asdict(of.talked),
    }
    return Told("state", of.extension, node, _json(body), at)


def remembered(row: Told) -> Remembered:
    """The same, read."""
    told: dict[str, Any] = json.loads(row.body)
    presence = Presence(State(told["state"]), told["reason"], State(told["then"]))
    talked = None if told["talked"] is None else Talked(**told["talked"])
    return Remembered(row.name, presence, datetime.fromisoformat(told["since"]), talked)


def of_kind(kind: Kind, rows: Iterable[Told]) -> Iterator[Told]:
    """Those."""
    return (row for row in rows if row.kind == kind)


def _json(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False)
