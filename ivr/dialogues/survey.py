"""Key 6, then 2: 网上调查 — one of six answers, one for each person and day (seed, section 六)."""

from __future__ import annotations

from ivr.calls.call import Call
from ivr.calls.entry import collect_id
from ivr.dialogues.place import UP, Outcome, place
from ivr.people.identity import IdNumber
from ivr.recordings.archive import CannotKeep
from ivr.records.facts import ABSTAINED

_ANSWERS = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "*": ABSTAINED}


@place("survey", up="feedback.menu")
async def survey(call: Call) -> Outcome:
    """您对住房公积金 12329 热线服务，非常满意，请按 1 … 不表态，按星号，返回上一层。"""
    number = await collect_id(call, "survey.ask_id", short_allowed=False)
    choice = await call.menu("survey.menu", _ANSWERS)
    if not await _kept(call, number, choice):
        await call.say("survey.busy")
    elif choice == ABSTAINED:
        await call.say("survey.abstained")
    else:
        await call.say("survey.thanks")
    return UP


async def _kept(call: Call, number: IdNumber, choice: int) -> bool:
    """Whether the vote would survive a power cut, and can be traced to the voter."""
    try:
        await call.means.desk.vote(call.session, await call.means.desk.know(number), choice)
    except CannotKeep:
        return False
    return True
