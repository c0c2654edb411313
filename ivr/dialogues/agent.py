"""Key 0: 人工转接服务 (seed, section 七)."""

from __future__ import annotations

from ivr.calls.call import Call
from ivr.calls.transfer import transfer
from ivr.dialogues import feedback
from ivr.dialogues.place import UP, Outcome, place


@place("agent")
async def agent(call: Call) -> Outcome:
    """正在为您转接人工服务请稍候。"""
    if call.exchange.talking is None:
        if not call.means.settings.agents.hours.open_at(call.means.clock()):
            return closed
        await call.say("agent.transferring")
        await call.say("agent.waiting_hint")
    match await transfer(call):
        case "answered":
            await call.say("agent.ended")
            return UP
        case "busy" | "failed":
            await call.say("agent.busy")
            return unanswered
        case "no_answer" | "none_there":
            await call.say("agent.no_answer")
            return unanswered
        case "abandoned":
            return UP


@place("agent.closed")
async def closed(call: Call) -> Outcome:
    """现在不是人工服务时间 — their hours, and the offer to leave a message (留言)."""
    await call.say("agent.closed")
    return unanswered


@place("agent.unanswered")
async def unanswered(call: Call) -> Outcome:
    """Nobody takes the call, for whatever reason: 需要留言请按一."""
    return await call.menu("agent.leave_message_menu", {"1": feedback.leave_message, "*": UP})
