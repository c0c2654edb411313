"""What the shift's leader may do with somebody else's conversation; announced to nobody.

The trail has each before it is done (`console/pages/supervising.py`); no fact, log or page tells
of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ivr.desk.orders import Deed, NotDone, Order
from ivr.desk.room import Room


def check(room: Room, order: Order) -> None:
    """Raise NotDone where this supervisor cannot do that here."""
    members = room.members
    if members.leg_of(order.by) is not None:
        raise NotDone("这是您自己的通话 · your own conversation")
    needs_an_ear = order.deed is not Deed.LISTEN and order.deed is not Deed.LEAVE
    if needs_an_ear and members.watcher(order.by) not in members.listening:
        raise NotDone("您没有在监听这一通 · you do not listen to it")


async def _listen(room: Room, order: Order) -> None:
    if room.members.watcher(order.by) is not None:
        raise NotDone("您已经在监听 · you listen already")
    if not room.members.switchboard.desks.may_listen(order.by):
        raise NotDone("您的话机正在通话 · your phone is engaged")
    await room.ask_to_listen(order.by)


async def _whisper(room: Room, order: Order) -> None:
    await room.mute(room.members.watcher(order.by) or "", on=order.deed is Deed.HUSH)


async def _take_over(room: Room, order: Order) -> None:
    """The caller hears the supervisor, and then the agents no more."""
    others = [leg for leg in room.members.legs if leg != room.members.watcher(order.by)]
    await room.come_in(room.members.watcher(order.by) or "")
    for each in others:
        await room.drop(each)
    if room.is_held:
        await room.retrieve()


async def _leave(room: Room, order: Order) -> None:
    leg = room.members.watcher(order.by)
    if leg is None:
        raise NotDone("您没有在监听这一通 · you do not listen to it")
    await room.drop(leg)


DO: Final[Mapping[Deed, Callable[[Room, Order], Awaitable[None]]]] = {
    Deed.LISTEN: _listen,
    Deed.WHISPER: _whisper,
    Deed.HUSH: _whisper,
    Deed.TAKE_OVER: _take_over,
    Deed.LEAVE: _leave,
}
