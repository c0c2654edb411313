"""What callers hear when the line is busy, and when it protects itself or somebody's account."""

from __future__ import annotations

from dataclasses import replace

from ivr.calls.call import Call
from ivr.dialogues.place import End, Outcome, Speak, coded, place
from ivr.records.facts import Refusal, Refused

_TOLD: dict[Refusal, str] = {
    "lookups_of_person": "limits.locked",
    "case_locked": "limits.cases",
    "cases_of_caller": "limits.cases",
    "password_locked": "password.locked",
}


async def busy(call: Call, again: Speak) -> Outcome:
    """系统繁忙: ask again without keying the number anew, or speak to an agent."""
    choices = {
        "1": replace(coded(call.place), speak=again),
        "0": coded("agent"),
        "*": coded("main"),
    }
    return await call.menu("line.retry_menu", choices, opening=call.utter("line.busy"))


async def denied(call: Call, reason: Refusal, again: Speak) -> Outcome:
    """为保护您的账户安全，…: a look-up that is not made, and what to do instead."""
    call.note(Refused(session=call.session, reason=reason))
    if reason == "lookups_of_line":
        return await busy(call, again)
    told = _TOLD.get(reason, "limits.lookups")
    choices = {"0": coded("agent"), "*": coded("main")}
    return await call.menu("limits.agent_menu", choices, opening=call.utter(told))


@place("limits.line_full")
async def line_full(call: Call) -> Outcome:
    """现在来电较多，线路繁忙 — and the call is over."""
    call.note(Refused(session=call.session, reason="line_full"))
    await call.warn("limits.line_full")
    return End("refused")


@place("limits.caller_busy")
async def caller_busy(call: Call) -> Outcome:
    """您的号码已经有通话正在使用本热线 — and the call is over."""
    call.note(Refused(session=call.session, reason="caller_busy"))
    await call.warn("limits.caller_busy")
    return End("refused")
