"""The script: one file per key of the main menu, one coroutine per place, walked from here."""

from __future__ import annotations

from ivr.calls.call import AgentWanted, Call, GaveUp, HeldTooLong
from ivr.calls.entry import WentBack
from ivr.dialogues import attendance, followup, information, place
from ivr.dialogues.agent import agent
from ivr.dialogues.main import giving_up, leave
from ivr.dialogues.place import UP, End, Outcome, Place, all_places
from ivr.records.facts import Disposition
from ivr.speech.prompts import PromptSet

ATTENDANCE = attendance.attendance.name
"""Where an agent begins whose own phone dials the desk code."""
FOLLOW_UP = followup.follow_up.name
"""Where a call begins that the line makes to ask how content the caller is."""

__all__ = ["ATTENDANCE", "FOLLOW_UP", "all_places", "converse", "place_named", "visit"]


def place_named(name: str, prompts: PromptSet) -> Place:
    """The place of that name, of the code or of the content; else the nearest that there is."""
    return information.nearest(name, prompts) or place.coded(name)


async def converse(call: Call, start: str) -> Disposition:
    """Lead the caller through the script from the place called `start` until one of its ends."""
    here = place_named(start, call.prompts)
    while True:
        call.enter(here.name)
        match await visit(here, call):
            case Place() as following:
                here = following
            case End(disposition):
                return disposition
            case _:
                here = place_named(here.up, call.prompts)


async def visit(here: Place, call: Call) -> Outcome:
    """One place, with what may be said to any question: `*`, a wish for an agent, nothing."""
    try:
        return await here.speak(call)
    except WentBack:
        return UP
    except AgentWanted:
        return agent
    except HeldTooLong:
        return leave
    except GaveUp:
        return giving_up
