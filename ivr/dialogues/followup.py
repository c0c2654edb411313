"""回访: the line has called who left a case, and asks how content they are with what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ivr.calls.call import Call, GaveUp
from ivr.cases.opinions import Opinion
from ivr.dialogues.place import End, Outcome, place

_OPINIONS: Final[Mapping[str, Opinion]] = {
    "1": "content",
    "2": "discontent",
    "3": "declined",
    "*": "abstained",
}
_TOLD: Final[Mapping[Opinion, str]] = {
    "content": "follow_up.content",
    "discontent": "follow_up.discontent",
    "declined": "follow_up.declined",
    "abstained": "line.goodbye",
}


@place("follow_up")
async def follow_up(call: Call) -> Outcome:
    """您好，这里是… 满意请按一，不满意请按二 — once: who has answered is thanked only.

    It may be that they answered and the service was killed before it could thank them.
    """
    number = call.about
    if number is None or not await call.means.follow_ups.is_wanted(number):
        await call.say("line.goodbye")
        return End("completed")
    asking = _Asking(call, number)
    async with call.in_midst_of(asking):
        asking.opinion = await _opinion(call, number)
    if asking.opinion is None:
        await call.say("line.goodbye")
        return End("gave_up")
    await call.say(_TOLD[asking.opinion] if asking.is_kept else "follow_up.not_kept")
    return End("completed")


@dataclass(slots=True)
class _Asking:
    """One question; who presses a key and hangs up at once has answered."""

    call: Call
    number: str
    opinion: Opinion | None = None
    is_kept: bool = False

    async def settle(self) -> None:
        """It goes into the case before anybody is thanked."""
        if self.opinion is not None:
            self.is_kept = await self.call.means.follow_ups.keep(self.number, self.opinion)


async def _opinion(call: Call, number: str) -> Opinion | None:
    """None: nothing that means anything was pressed."""
    opening = call.utter("follow_up.opening", reference=number)
    try:
        return await call.menu("follow_up.menu", _OPINIONS, opening=opening)
    except GaveUp:
        return None
