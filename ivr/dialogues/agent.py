"""Key 0: 人工转接服务 (seed, section 七)."""

from __future__ import annotations

from ivr.calls.call import Call
from ivr.calls.transfer import transfer
from ivr.dialogues import feedback
from ivr.dialogues.place import UP, Outcome, place
from ivr.records.facts import Transferred


@place("agent")
async def agent(call: Call) -> Outcome:
    """正在为您转接人工服务请稍候。"""
    open_now = call.means.settings.agents.hours.open_at(call.means.clock())
    if call.exchange.talking is None and not open_now:
        call.note(Transferred(session=call.session, agent=None, outcome="closed", ring_ms=0))
        return closed
    match await transfer(call, announced=("agent.transferring", "agent.waiting_hint")):
        case "answered" if call.queued is not None:
            await call.say("agent.cut_off")
            return agent
        case "answered":
            await call.say("agent.ended")
            return UP
        case "too_long":
            await call.say("queue.too_long")
            return unanswered
        case "message":
            return feedback.leave_message
        case "busy" | "failed" | "full":
            await call.say("agent.busy")
            return unanswered
        case "no_answer" | "none_there":
            await call.say("agent.no_answer")
            return unanswered
        case "abandoned" | "closed" | "callback":
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
