"""How long somebody in the queue will wait, as honestly as recent conversations tell; pure.

The conversations to come are drawn from those that were, many times over: each time the agents who
talk now come free after what is left of a conversation, and take the callers in their order. What
is told is the middle four fifths of the waits that came out, in whole minutes that hold them.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ivr.speech.ranges import MOST_MINUTES

LEAST_SAMPLES = 5
"""With fewer conversations to go by nothing is said about time."""
_DRAWS = 100
_SHARE_OUTSIDE = 0.1
"""Of the waits, on either side of the range."""


@dataclass(frozen=True, slots=True)
class Minutes:
    """Between so many and so many minutes; `least` 0: at most `most`."""

    least: int
    most: int


def minutes_to_wait(ahead: int, agents: int, recent: Sequence[float]) -> Minutes | None:
    """The wait of a caller with `ahead` others before, while `agents` talk or could.

    `recent`: seconds that agents were taken by each of their last conversations. None where they
    are too few, nobody is there, or it would be longer than can be told.
    """
    if agents < 1 or len(recent) < LEAST_SAMPLES:
        return None
    known = sorted(recent)
    found = tuple(itertools.accumulate(known))
    chance = Random(0)  # noqa: S311  no secret, and the same line is told the same
    waits = sorted(_drawn(ahead, agents, known, found, chance) for _ in range(_DRAWS))
    outside = round(_DRAWS * _SHARE_OUTSIDE)
    most = max(1, math.ceil(waits[-1 - outside] / 60))
    return Minutes(math.floor(waits[outside] / 60), most) if most <= MOST_MINUTES else None


def _drawn(
    ahead: int, agents: int, recent: Sequence[float], found: Sequence[float], chance: Random
) -> float:
    """One way in which it may come: seconds until an agent takes this caller.

    Of a conversation that goes on any part may be left, and one is found the likelier the longer
    it is (`found`: the sums of `recent`). Each draw uses up the same chances, whoever is before.
    """
    own = Random(chance.random())  # noqa: S311
    free = []
    for _ in range(agents):
        which = bisect.bisect_left(found, own.random() * found[-1])
        free.append(recent[min(which, len(recent) - 1)] * own.random())
    heapq.heapify(free)
    for _ in range(ahead):
        heapq.heapreplace(free, free[0] + recent[int(own.random() * len(recent))])
    return free[0]
