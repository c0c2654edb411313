"""Rather than wait: the number at which the caller wants to be called back (回电)."""

from __future__ import annotations

from ivr.calls.call import Call
from ivr.calls.calling_back import wish
from ivr.calls.entry import collect_phone
from ivr.dialling.numbers import dialable
from ivr.dialogues.place import UP, Outcome, place
from ivr.people.sensitive import Sensitive


@place("callback")
async def callback(call: Call) -> Outcome:
    """请输入您的电话号码，以井号键结束 — heard again, and confirmed."""
    while True:
        number = await _number(call)
        opening = call.utter("callback.number", number=number)
        match await call.menu(
            "callback.confirm", {"1": "right", "2": "again", "*": "back"}, opening=opening
        ):
            case "right":
                await call.say(await _kept(call, number))
                return UP
            case "back":
                return UP


async def _number(call: Call) -> Sensitive[str]:
    """Until it is one that may be dialled."""
    while True:
        keyed = await collect_phone(call, "callback.ask", wrong="callback.wrong")
        number = dialable(keyed, call.means.settings)
        if number is not None:
            call.succeeded()
            return number
        await call.failed("callback.wrong")


async def _kept(call: Call, number: Sensitive[str]) -> str:
    """What has become of it: never more is said, nor less."""
    try:
        return "callback.kept" if await wish(call, number) else "callback.known"
    except OSError:
        return "callback.cannot_keep"
