"""What an agent may do with a conversation of their own: each control of the desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ivr.config import Agent
from ivr.desk import pausing
from ivr.desk.orders import Afterwards, Deed, NotDone, Order
from ivr.desk.room import Room

Do = Callable[[Room, Order], Awaitable[Afterwards | None]]
"""Does an order; what becomes of the caller, where it ends the conversation. Raises NotDone and
ExchangeFailed."""


def check(room: Room, order: Order) -> None:
    """Raise NotDone where this agent has no say here."""
    members = room.members
    if members.leg_of(order.by) is None:
        raise NotDone("这一通不在您的话机上 · not on your phone")
    is_in_charge = members.agent.extension == order.by.extension
    if order.deed not in _OF_EVERYBODY and not is_in_charge:
        raise NotDone(f"这一通由{members.agent.name}负责 · somebody else is in charge")


async def _hold(room: Room, _: Order) -> None:
    if room.is_held:
        raise NotDone("来电人已经在听音乐 · held already")
    await room.hold()


async def _retrieve(room: Room, _: Order) -> None:
    if not room.is_held:
        raise NotDone("来电人没有被保持 · nobody is held")
    if room.members.has_company:
        raise NotDone("先结束咨询，或者三方通话 · a colleague is being asked")
    await room.retrieve()


async def _mute(room: Room, order: Order) -> None:
    leg = room.members.leg_of(order.by) or room.members.leg
    await room.mute(leg, on=order.deed is Deed.MUTE)


async def _pause(room: Room, _: Order) -> None:
    await pausing.pause(room.recorder)


async def _resume(room: Room, _: Order) -> None:
    await pausing.resume(room.recorder)


async def _keys(room: Room, order: Order) -> None:
    if order.keys is not None:
        await room.exchange.send_keys(order.keys)


async def _consult(room: Room, order: Order) -> None:
    """The caller hears music before anybody is rung."""
    colleague = await _free(room, order.to)
    if room.members.has_company:
        raise NotDone("已经有一位同事了 · a colleague is there already")
    if not room.is_held:
        await room.hold()
    if not await room.ask(colleague):
        await room.retrieve()
        raise _not_free(colleague)


async def _drop(room: Room, _: Order) -> None:
    """The caller comes back; a colleague who is in the conversation leaves it."""
    leg = room.members.colleague or next(iter(room.members.asked), None)
    if leg is None:
        raise NotDone("没有在咨询同事 · nobody is asked")
    await room.drop(leg)
    if room.is_held:
        await room.retrieve()


async def _join(room: Room, _: Order) -> None:
    if room.members.colleague is None:
        raise NotDone("同事还没有接 · no colleague has answered")
    if not room.is_held:
        raise NotDone("已经是三方通话 · all three talk already")
    await room.retrieve()


async def _hand_over(room: Room, _: Order) -> None:
    """The caller hears the colleague before the agent is gone."""
    if room.members.colleague is None:
        raise NotDone("同事还没有接；要直接转，请按“直接转给同事” · nobody has answered")
    if room.is_held:
        await room.retrieve()
    for leg in [room.members.leg, *room.members.watching]:
        await room.drop(leg)


async def _pass_on(room: Room, order: Order) -> Afterwards:
    return Afterwards(passed_to=await _free(room, order.to))


async def _send_to(_: Room, order: Order) -> Afterwards:
    return Afterwards(place=order.place)


async def _free(room: Room, colleague: Agent | None) -> Agent:
    """Whose phone may be rung now."""
    if colleague is None or room.members.leg_of(colleague) is not None:
        raise NotDone("请选一位同事 · choose a colleague")
    if not await room.free(colleague):
        raise _not_free(colleague)
    return colleague


def _not_free(colleague: Agent) -> NotDone:
    return NotDone(f"{colleague.name}现在不能接 · not free")


_OF_EVERYBODY: Final = frozenset({Deed.MUTE, Deed.UNMUTE, Deed.PAUSE, Deed.RESUME, Deed.KEYS})
"""The rest is for who is in charge."""
DO: Final[Mapping[Deed, Do]] = {
    Deed.HOLD: _hold,
    Deed.RETRIEVE: _retrieve,
    Deed.MUTE: _mute,
    Deed.UNMUTE: _mute,
    Deed.PAUSE: _pause,
    Deed.RESUME: _resume,
    Deed.KEYS: _keys,
    Deed.CONSULT: _consult,
    Deed.DROP: _drop,
    Deed.JOIN: _join,
    Deed.HAND_OVER: _hand_over,
    Deed.PASS_ON: _pass_on,
    Deed.SEND_TO: _send_to,
}
