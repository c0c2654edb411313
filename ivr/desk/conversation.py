"""A caller's conversation with an agent: what happens in it by itself, and what is ordered.

the agent in charge hangs up, alone                    over
                            with a colleague there     the colleague is in charge, the caller heard
                            while one is being rung    passed on to that colleague
passes the caller on, or sends the caller back         over, and where to
a colleague or a supervisor hangs up                   goes on without them
the room is destroyed, or the caller taken from it     over
Asterisk refuses an order                              as Asterisk has it; said to who ordered it
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ivr.agents.exchange import ExchangeFailed, Talk
from ivr.config import Agent
from ivr.desk import deeds, supervising
from ivr.desk.members import Members
from ivr.desk.orders import Afterwards, Deed, Failed, NotDone, Order
from ivr.desk.room import Room
from ivr.records.facts import DeskActed, Fact

CALLER: Final = "caller"
"""Who is no leg: the conversation does not need the name of the channel."""


@dataclass(slots=True)
class Conversation:
    """From the first word to the last."""

    session: str
    room: Room
    note: Callable[[Fact], None]
    over: Afterwards | None = None

    @property
    def members(self) -> Members:
        """Who is in it."""
        return self.room.members

    def begin(self) -> None:
        """The first agent talks from now on."""
        self.members.engage(self.members.leg)

    async def find(self, talk: Talk) -> None:
        """Be as Asterisk has it; who has answered meanwhile comes in."""
        self.room.become(talk)
        for leg in talk.answered:
            await self.picked_up(leg)

    # --- what happens by itself ---------------------------------------------------------------

    async def picked_up(self, leg: str) -> None:
        """A colleague answers and is in the room, or a supervisor listens."""
        try:
            if leg in self.members.asked:
                await self.room.come_in(leg)
            elif leg in self.members.watching:
                await self.room.overhear(leg)
        except ExchangeFailed:
            await self.room.drop(leg)

    async def gone(self, leg: str, *, vanished: bool) -> None:
        """Somebody has hung up, or a phone that rang is out."""
        if leg in self.members.asked:
            self.members.ring_no_more(leg)
        elif leg in self.members.watching:
            await self.room.drop(leg)
        elif leg in self.members.inside:
            if vanished:
                self.members.vanished(leg)
            await self._left(leg, vanished=vanished)

    async def parted(self, bridge: str, who: str) -> None:
        """Somebody has left a bridge: CALLER or a leg; empty: there is no bridge any more."""
        members = self.members
        if bridge != self.room.name or self.over is not None:
            return
        if who in members.inside and len(members.inside) > 1:
            await self._left(who, vanished=False)
            await self.room.drop(who)
        elif who in {"", members.leg} or (who == CALLER and await self._was_taken()):
            self.over = Afterwards()

    async def _was_taken(self) -> bool:
        """Whether somebody else has taken the caller out; what we have moved is told late."""
        if self.room.is_held:
            return False
        talk = await self.room.look()
        return talk is None or talk.is_held

    async def _left(self, leg: str, *, vanished: bool) -> None:
        """Who is left goes on; the caller is not left on hold by who is not there any more."""
        members = self.members
        was_in_charge, agent = leg == members.leg, members.inside[leg]
        if len(members.inside) == 1:
            self.over = self._afterwards(vanished=vanished)
            return
        members.leave(leg)
        if was_in_charge:
            await self._now_in_charge(agent)
        await self.room.await_caller()

    def _afterwards(self, *, vanished: bool) -> Afterwards:
        """Who hangs up while a colleague is rung passes the caller on."""
        if self.members.asked and not vanished:
            return Afterwards(passed_to=next(iter(self.members.asked.values())))
        return Afterwards(was_cut=vanished)

    async def _now_in_charge(self, before: Agent) -> None:
        self._told(Deed.HAND_OVER, before, self.members.agent)
        for leg in [*self.members.watching]:
            await self.room.drop(leg)
        if self.room.is_held:
            try:
                await self.room.retrieve()
            except ExchangeFailed:
                await self._look()

    # --- orders -------------------------------------------------------------------------------

    async def order(self, order: Order) -> None:
        """Do it, note it, answer it; whatever Asterisk says, the conversation goes on."""
        refused: NotDone | None = None
        try:
            if order.deed.is_supervisors:
                await self._supervise(order)
            else:
                await self._do(order)
        except ExchangeFailed:
            await self._look()
            refused = Failed("Asterisk 没有办成，通话照旧 · Asterisk would not")
        except NotDone as why:
            refused = why
        order.answer(refused)

    async def _do(self, order: Order) -> None:
        deeds.check(self.room, order)
        self.over = await deeds.DO[order.deed](self.room, order)
        to = self.members.agent if order.deed is Deed.HAND_OVER else order.to
        self._told(order.deed, order.by, to, order.place)

    async def _supervise(self, order: Order) -> None:
        """No fact of it."""
        supervising.check(self.room, order)
        await supervising.DO[order.deed](self.room, order)

    async def _look(self) -> None:
        """Nobody knows how far a refused order came: Asterisk is asked."""
        talk = await self.room.look()
        if talk is not None:
            await self.find(talk)

    def _told(self, deed: Deed, by: Agent, to: Agent | None = None, place: str = "") -> None:
        self.note(
            DeskActed(
                session=self.session,
                agent=by.name,
                deed=deed,
                to=None if to is None else to.name,
                place=place or None,
            )
        )
