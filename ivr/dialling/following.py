"""回访: whom the line calls to ask how content they are, when, and what comes of trying in vain.

Wanted on a case's page, or by its closing -> due, and may be dialled now   called, one at a time
Called -> a key was pressed                      the case has moved; nobody calls again
       -> busy, no answer, no key                tried again, later; after the last try it is told
       -> there is no number, or they wished not to be called                   it is told
What was tried is told by the ledger, and what is wanted by the case: a restart forgets neither.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from ivr.cases.case import Case, Filed
from ivr.config import DiallingSettings, Settings
from ivr.dialling.dialler import Dialler
from ivr.dialling.ledger import Attempt
from ivr.dialling.permission import pause, refusal
from ivr.dialling.wanted import NotDialled, Wanted
from ivr.lifecycle.tending import Tending
from ivr.people.sensitive import Sensitive
from ivr.records.facts import DialOutcome

LOOK_SECONDS: Final = 10.0
"""So long at most until what somebody asks for is noticed."""
LINE: Final = "line"
"""Who wants these calls, in the trail."""
_WORDS: Final[dict[DialOutcome | None, str]] = {
    "answered": "接通没有按键",
    "busy": "占线",
    "no_answer": "没有人接",
    "not_reached": "打不通",
}
"""All others: 没有接通."""


class Wishes(Protocol):
    """The cases of which somebody is to be called. All of it blocks."""

    def wanted(self) -> Sequence[Case]:
        """Those of this node, the longest waiting first."""

    def number(self, filed: Filed) -> Sensitive[str] | None:
        """By which its caller is called; None: it is not kept."""

    def spared_by(self, filed: Filed) -> str | None:
        """The case in which this caller wished not to be called."""

    def stop(self, number: str, why: str) -> None:
        """The line calls no more; a person may. Harmless where that is so already."""


def due(tries: Sequence[Attempt], dialling: DiallingSettings) -> datetime | None:
    """When the next try may be; None: there were as many as there may be. Pure."""
    if len(tries) >= dialling.follow_up_tries:
        return None
    if not tries:
        return datetime.min.replace(tzinfo=UTC)
    return tries[-1].at + pause(dialling.follow_up_again_minutes, len(tries))


def told_of(tries: Sequence[Attempt]) -> str:
    """What became of them, for the case."""
    counted = Counter(_WORDS.get(each.outcome, "没有接通") for each in tries)
    words = "、".join(f"{word} {times} 次" for word, times in counted.items())
    return f"电话回访 {len(tries)} 次没有结果（{words}），请人工回访"


@dataclass(slots=True)
class Following:
    """Calls one after another, as long as the line stands (`begin` to `stop`)."""

    wishes: Wishes
    dialler: Dialler
    settings: Callable[[], Settings]
    is_open: Callable[[], bool]
    """Whether the line takes calls; one that is closed, or ends soon, calls nobody."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _looks: Tending = field(init=False)

    def __post_init__(self) -> None:
        self._looks = Tending("asking callers how content they are", self.look, LOOK_SECONDS)

    def begin(self) -> None:
        """What was going on before is known: from now on callers are called."""
        if self.settings().dialling_server is not None:
            self._looks.begin()

    async def stop(self) -> None:
        """Nobody more is called; a call that goes on is the dialler's."""
        await self._looks.stop()

    async def look(self) -> None:
        """Whose turn it is, each in turn."""
        for case in await asyncio.to_thread(self.wishes.wanted) if self.is_open() else ():
            await self._see_to(case)

    async def _see_to(self, case: Case) -> None:
        tries = self._tries(case)
        if any(each.outcome is None for each in tries):
            return
        if (again := due(tries, self.settings().dialling)) is None:
            await self._stop(case, told_of(tries))
        elif again <= self.clock():
            await self._call(case)

    def _tries(self, case: Case) -> tuple[Attempt, ...]:
        """Since it was asked for last."""
        since = case.call_wanted or case.filed.at
        tries = self.dialler.ledger.of("follow_up", case.number)
        return tuple(each for each in tries if each.at >= since)

    async def _call(self, case: Case) -> None:
        if (other := await asyncio.to_thread(self.wishes.spared_by, case.filed)) is not None:
            await self._stop(case, f"来电人谢绝回访（工单 {other}）")
            return
        number = await asyncio.to_thread(self.wishes.number, case.filed)
        if number is None:
            await self._stop(case, "来电时的号码没有留下，请人工回访")
        elif self.is_open() and self._may_be_called(case):
            wanted = Wanted("follow_up", case.number, number, None, by=LINE, reason="回访")
            called = await self.dialler.dial(wanted)
            if isinstance(called, NotDialled) and called.reason == "number":
                await self._stop(case, "来电时的号码不能拨打，请人工回访")

    def _may_be_called(self, case: Case) -> bool:
        """Asked before the dialler is, so that a night leaves no thousand refusals in the facts."""
        now = self.clock()
        today = self.dialler.ledger.on_day_of(now)
        return refusal(self.settings(), now, case.filed.caller, today) is None

    async def _stop(self, case: Case, why: str) -> None:
        await asyncio.to_thread(self.wishes.stop, case.number, why)
