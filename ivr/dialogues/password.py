"""The query password (查询密码), where the settings want one before an account is told."""

from __future__ import annotations

from ivr.accounts import RightPassword, Unavailable, WrongPassword
from ivr.accounts.passwords import DIGITS
from ivr.calls.call import Call
from ivr.calls.entry import collect_digits
from ivr.dialogues.limits import busy, denied
from ivr.dialogues.place import Outcome, Speak
from ivr.people.identity import IdNumber
from ivr.records.facts import Refused


async def ask_password(call: Call, number: IdNumber, again: Speak) -> Outcome | None:
    """请输入六位查询密码 — until it is right (None), or where the caller goes without it."""
    person = call.means.tokens.person(number)
    while not await call.means.limits.password_locked(person, _now(call)):
        entered = await collect_digits(call, "password.ask", DIGITS, wrong="password.wrong")
        asked = call.means.accounts.password(number, entered)
        match await call.meanwhile("identity.looking_up", asked):
            case RightPassword():
                await call.means.limits.right_password(person, _now(call))
                return None
            case WrongPassword():
                await _wrong(call, person)
            case Unavailable():
                return await busy(call, again)
    return await denied(call, "password_locked", again)


async def _wrong(call: Call, person: str) -> None:
    """Say so, unless this was once too often: then that is said."""
    call.note(Refused(session=call.session, reason="password_wrong"))
    await call.means.limits.wrong_password(person, _now(call))
    if not await call.means.limits.password_locked(person, _now(call)):
        await call.warn("password.wrong")


def _now(call: Call) -> float:
    return call.means.clock().timestamp()
