"""Whether a caller may choose to be called back, and the keeping of that wish."""

from __future__ import annotations

from datetime import UTC, datetime

from ivr.calls.call import Call
from ivr.people.sensitive import Sensitive
from ivr.records.facts import CallbackWished


def may_be_called_back(call: Call) -> bool:
    """Where the line may call out and the centre takes wishes, while agents are there."""
    settings = call.means.settings
    return (
        call.means.wishes is not None
        and settings.dialling.trunk is not None
        and settings.dialling.callbacks
        and settings.agents.hours.open_at(call.means.clock())
    )


async def wish(call: Call, number: Sensitive[str]) -> bool:
    """Keep the caller's wish at the caller's place; False where the number has one already.

    Raises OSError when nothing can be promised.
    """
    if call.means.wishes is None:
        raise OSError("no wishes are kept here")
    now, queued = datetime.now(UTC), call.queued
    is_new = await call.means.wishes.leave(
        number,
        session=call.session,
        since=now if queued is None else queued.since,
        standing="usual" if queued is None else queued.standing,
        now=now,
    )
    call.queued = None
    if is_new:
        person = call.means.tokens.caller(number.reveal())
        call.note(CallbackWished(session=call.session, person=person))
    return is_new
