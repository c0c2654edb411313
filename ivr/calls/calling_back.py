"""Whether a caller may choose to be called back, and what becomes of that wish on the line."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from ivr.agents.wishes import Move, Wish, told_of
from ivr.calls.call import Call
from ivr.calls.means import Means
from ivr.people.sensitive import Sensitive
from ivr.records.facts import CallbackWished

log = logging.getLogger(__name__)


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


def standing_wish(means: Means, person: str | None) -> Wish | None:
    """What this number wished before, and nobody has fulfilled yet."""
    if means.wishes is None or person is None:
        return None
    return means.wishes.living(person)


def place_of(means: Means, wish: Wish | None) -> float | None:
    """Since when that wish has had its place, by the desks' clock."""
    if wish is None:
        return None
    ago = (datetime.now(UTC) - wish.since).total_seconds()
    return means.switchboard.desks.clock() - max(0.0, ago)


async def served(call: Call) -> None:
    """The caller has talked with an agent: who wished to be called back need not be any more."""
    wish, wishes = standing_wish(call.means, call.vouched), call.means.wishes
    if wish is None or wishes is None:
        return
    try:
        over = await asyncio.to_thread(wishes.move, wish, Move("withdrawn"), now=datetime.now(UTC))
    except OSError as full:
        log.warning("a wish to be called back stays open: %s", full.strerror)
        return
    if over is not None:
        call.note(told_of(over))
