"""The script: one file per key of the main menu, one coroutine per place, walked from here."""

from __future__ import annotations

from ivr.call import Call, GaveUp
from ivr.collect import WentBack
from ivr.dialogues.main import giving_up
from ivr.dialogues.place import UP, End, Outcome, Place, find
from ivr.dialogues.spoken import SPOKEN
from ivr.facts import Disposition

__all__ = ["SPOKEN", "converse", "find"]


async def converse(call: Call, start: Place) -> Disposition:
    """Lead the caller through the script from `start` until one of its ends."""
    here = start
    while True:
        call.enter(here.name)
        match await _speak(here, call):
            case Place() as following:
                here = following
            case End(disposition):
                return disposition
            case _:
                here = find(here.up)


async def _speak(here: Place, call: Call) -> Outcome:
    try:
        return await here.speak(call)
    except WentBack:
        return UP
    except GaveUp:
        return giving_up
