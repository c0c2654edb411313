"""Key 0: 人工转接服务 (seed, section 七)."""

from __future__ import annotations

from ivr.calls.call import Call
from ivr.calls.calling_back import may_be_called_back
from ivr.calls.transfer import transfer
from ivr.dialogues import feedback
from ivr.dialogues.callback import callback
from ivr.dialogues.contentment import contentment
from ivr.dialogues.place import UP, Outcome, coded, place
from ivr.records.facts import TransferOutcome, Transferred

_TOLD: dict[TransferOutcome, str] = {
    "busy": "agent.busy",
    "failed": "agent.busy",
    "full": "agent.busy",
    "too_long": "queue.too_long",
    "no_answer": "agent.no_answer",
    "none_there": "agent.no_answer",
}


@place("agent")
async def agent(call: Call) -> Outcome:
    """正在为您转接人工服务请稍候。"""
    open_now = call.means.settings.agents.hours.open_at(call.means.clock())
    is_served = call.exchange.talking is not None or call.passed_to is not None
    if not is_served and call.queued is None and not open_now:
        call.note(Transferred(session=call.session, agent=None, outcome="closed", ring_ms=0))
        return closed
    announced = _FROM_AGENT if call.passed_to is not None else _FROM_MENU
    outcome = await transfer(call, announced=announced)
    if outcome == "answered" and call.passed_to is not None:
        return agent
    if outcome == "answered" and (sent := _taken(call)) is not None:
        return coded(sent)
    if outcome == "answered" and call.queued is not None:
        await call.say("agent.cut_off")
        return agent
    if outcome in _TOLD:
        await call.say(_TOLD[outcome])
        return unanswered
    return _NEXT.get(outcome, UP)


_FROM_MENU = ("agent.transferring", "agent.waiting_hint")
_FROM_AGENT = ("agent.transferring",)


def _taken(call: Call) -> str | None:
    """Where the agent has sent the caller; once."""
    sent, call.sent_to = call.sent_to, None
    return sent


_NEXT: dict[TransferOutcome, Outcome] = {
    "answered": contentment,
    "callback": callback,
    "message": feedback.leave_message,
}


@place("agent.closed")
async def closed(call: Call) -> Outcome:
    """现在不是人工服务时间 — their hours, and the offer to leave a message (留言)."""
    await call.say("agent.closed")
    return unanswered


@place("agent.unanswered")
async def unanswered(call: Call) -> Outcome:
    """Nobody takes the call, for whatever reason: 需要回电请按一, or 需要留言请按一."""
    if may_be_called_back(call):
        return await call.menu(
            "queue.leave_menu", {"1": callback, "2": feedback.leave_message, "*": UP}
        )
    return await call.menu("agent.leave_message_menu", {"1": feedback.leave_message, "*": UP})
