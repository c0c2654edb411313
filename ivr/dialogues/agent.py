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
        case "busy" | "failed":
            await call.say("agent.busy")
        case "no_answer" | "none_there":
            await call.say("agent.no_answer")
        case "abandoned":
            pass
    return UP


@place("agent.closed")
async def closed(call: Call) -> Outcome:
    """现在不是人工服务时间 — their hours, and the offer to leave a message (留言)."""
    await call.say("agent.closed")
    return await call.menu("agent.leave_message_menu", {"1": feedback.leave_message, "*": UP})
