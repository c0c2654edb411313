"""Key 6, then 2: 网上调查 — one of six answers, one for each person and day (seed, section 六)."""

from __future__ import annotations

from ivr.calls.call import Call
from ivr.calls.entry import collect_id
from ivr.dialogues.place import UP, Outcome, place
from ivr.hours import BEIJING
from ivr.people.identity import IdNumber
from ivr.recordings.archive import CannotKeep, KeptLater
from ivr.records.facts import ABSTAINED, Voted

_ANSWERS = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "*": ABSTAINED}


@place("survey", up="feedback.menu")
async def survey(call: Call) -> Outcome:
    """您对住房公积金 12329 热线服务，非常满意，请按 1 … 不表态，按星号，返回上一层。"""
    number = await collect_id(call, "survey.ask_id", short_allowed=False)
    choice = await call.menu("survey.menu", _ANSWERS)
    await call.say(await _told(call, number, choice))
    return UP


async def _told(call: Call, number: IdNumber, choice: int) -> str:
    """Keep it, to be traced to the voter, and say what has become of it: never more, nor less."""
    desk = call.means.desk
    try:
        person = await desk.know(number)
        await desk.vote(call.session, person, choice)
        vote = Voted(session=call.session, person=person, choice=choice)
        desk.complain_of_vote(vote, call.number)
    except KeptLater:
        return "survey.kept_later"
    except CannotKeep:
        return "survey.busy"
    today = call.means.clock().astimezone(BEIJING).date()
    call.means.asked.add(today, (call.session, call.vouched, call.trail.person))
    return "survey.abstained" if choice == ABSTAINED else "survey.thanks"
