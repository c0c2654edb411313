"""The greeting, the main menu with the seed's eight keys, and the goodbye."""

from __future__ import annotations

from ivr.calls.call import Call, GaveUp
from ivr.dialogues import account, feedback, information, loan
from ivr.dialogues.agent import agent
from ivr.dialogues.place import UP, End, Outcome, place


@place("welcome")
async def welcome(call: Call) -> Outcome:
    """您好，12329 住房公积金热线为您服务。

    What is announced comes first; where the line is closed it often says why.
    """
    await call.announce()
    if not call.is_open():
        return not_open
    await call.say("main.greeting")
    return main


@place("not_open")
async def not_open(call: Call) -> Outcome:
    """The line is closed (`ivr line close`): it says so to the end, whatever is pressed."""
    await call.warn("line.closed")
    return End("closed")


@place("main")
async def main(call: Call) -> Outcome:
    """查询公积金余额请按 1 … 退出查询请按 7。"""
    return await call.menu(
        "main.menu",
        {
            "1": account.menu,
            "2": loan.menu,
            "3": information.branch(call.prompts, "3"),
            "4": information.branch(call.prompts, "4"),
            "5": information.branch(call.prompts, "5"),
            "6": feedback.menu,
            "0": agent,
            "7": leave,
        },
    )


@place("leave")
async def leave(call: Call) -> Outcome:
    """退出查询请按 7 (seed, section 八)."""
    await call.say("line.goodbye")
    return End("completed")


@place("giving_up")
async def giving_up(call: Call) -> Outcome:
    """Three failures in a row: a person may help; without an answer the line says goodbye."""
    try:
        return await call.menu("line.offer_agent", {"0": agent, "*": UP})
    except GaveUp:
        await call.say("line.too_many")
        return End("gave_up")
