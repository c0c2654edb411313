"""An agent's own phone dials the desk code: 签入, 示忙, 签出, after the six digits of the agent."""

from __future__ import annotations

import logging

from ivr.accounts.passwords import DIGITS
from ivr.agents.presence import Event
from ivr.calls.call import Call
from ivr.calls.entry import WentBack, collect_digits
from ivr.config import Agent
from ivr.dialogues.main import leave
from ivr.dialogues.place import End, Outcome, Place, place
from ivr.speech.prompts import Utterance

log = logging.getLogger(__name__)


@place("attendance")
async def attendance(call: Call) -> Outcome:
    """请输入六位坐席密码 — until it is right; who has none is told where to get one."""
    agent = call.agent
    if agent is None:
        return leave
    if not await call.means.pins.has(agent.extension):
        await call.warn("attendance.no_pin")
        return End("completed")
    try:
        return desk if await _identified(call, agent) else End("refused")
    except WentBack:
        return leave


async def _identified(call: Call, agent: Agent) -> bool:
    """Whether the caller knows the agent's digits; too many wrong ones end it for the day."""
    limits, who = call.means.limits, f"agent {agent.extension}"
    while not await limits.password_locked(who, _now(call)):
        entered = await collect_digits(
            call, "attendance.ask_pin", DIGITS, wrong="attendance.wrong_pin"
        )
        if await call.means.pins.right(agent.extension, entered):
            await limits.right_password(who, _now(call))
            return True
        log.warning("a wrong PIN on the phone of %s", agent.extension)
        await limits.wrong_password(who, _now(call))
        if not await limits.password_locked(who, _now(call)):
            await call.warn("attendance.wrong_pin")
    await call.warn("attendance.locked")
    return False


def _now(call: Call) -> float:
    return call.means.clock().timestamp()


@place("attendance.desk", up="leave")
async def desk(call: Call) -> Outcome:
    """How the agent is, whether calls were missed; and what the agent wants now."""
    agent = call.agent
    if agent is None:
        return leave
    desks = call.means.switchboard.desks
    told = call.utter(f"attendance.{desks.of(agent).state}")
    wish = await _wish(call, told)
    if isinstance(wish, Place):
        return wish
    try:
        reason = await _reason(call) if wish is Event.NOT_READY else ""
    except WentBack:
        return desk
    desks.wishes(agent, wish, "phone", reason)
    return desk


async def _wish(call: Call, told: Utterance) -> Event | Place:
    """What the agent wants; out is one where agents sign in only."""
    if not call.means.settings.agents.sign_in:
        return await call.menu(
            "attendance.menu_without_sign_out",
            {"1": Event.SIGN_IN, "2": Event.NOT_READY, "*": leave},
            opening=told,
        )
    return await call.menu(
        "attendance.menu",
        {"1": Event.SIGN_IN, "2": Event.NOT_READY, "3": Event.SIGN_OUT, "*": leave},
        opening=told,
    )


async def _reason(call: Call) -> str:
    """Why not, by its number as the agent's page has it."""
    reasons = call.means.settings.agents.not_ready_reasons
    while len(reasons) > 1:
        entered = await collect_digits(
            call, "attendance.ask_reason", 1, wrong="attendance.no_reason"
        )
        number = int(entered.reveal())
        if 1 <= number <= len(reasons):
            return reasons[number - 1]
        await call.failed("attendance.no_reason")
    return reasons[0]
