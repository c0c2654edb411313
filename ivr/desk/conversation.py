"""A caller's conversation with an agent: who is in the room, who is asked, who listens.

the agent in charge hangs up, alone                    over
                            with a colleague there     the colleague is in charge, the caller heard
                            while one is being rung    passed on to that colleague
passes the caller on, or sends the caller back         over, and where to
a colleague or a supervisor hangs up                   goes on without them
the room is destroyed, or the caller taken from it     over
Asterisk refuses an order                              as Asterisk has it; said to who ordered it
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from ivr.agents.exchange import Exchange, ExchangeFailed, Talk
from ivr.agents.switchboard import Switchboard
from ivr.config import Agent
from ivr.desk.orders import Deed, Failed, NotDone, Order
from ivr.recordings.taping import Recorder, TapeFailed
from ivr.records.facts import DeskActed, Fact

log = logging.getLogger(__name__)

CALLER: Final = "caller"
"""Who is no leg: the conversation does not need the name of the channel."""


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What becomes of the caller once the conversation is over."""

    passed_to: Agent | None = None
    """Whose phone is rung for the caller next."""
    place: str | None = None
    """Where in the line the caller goes on; None: as after every conversation."""
    was_cut: bool = False
    """The agent's phone vanished: the caller did not want it to end."""


@dataclass(slots=True)
class Conversation:
    """From the first word to the last; the caller is in the room unless held."""

    session: str
    exchange: Exchange
    switchboard: Switchboard
    note: Callable[[Fact], None]
    screen: Callable[[], Mapping[str, str]]
    """What a colleague's phone shows who is asked."""
    room: str
    """The bridge's name: that of the leg it began with."""
    inside: dict[str, Agent]
    """By leg; the first is in charge."""
    asked: dict[str, Agent] = field(default_factory=dict)
    """Colleagues whose phones ring."""
    watching: dict[str, Agent] = field(default_factory=dict)
    """Supervisors, from the first ring on."""
    is_held: bool = False
    muted: set[str] = field(default_factory=set)
    listening: set[str] = field(default_factory=set)
    """Of `watching`, who has answered."""
    over: Afterwards | None = None
    recorder: Recorder | None = None
    """None: it is not to be recorded."""
    _engaged: dict[str, ExitStack] = field(default_factory=dict)

    # --- who is who ---------------------------------------------------------------------------

    @property
    def leg(self) -> str:
        """Of the agent in charge."""
        return next(iter(self.inside))

    @property
    def agent(self) -> Agent:
        """Who is in charge."""
        return self.inside[self.leg]

    @property
    def colleague(self) -> str | None:
        """The leg of the other one in the room."""
        return next((leg for leg in [*self.inside][1:]), None)

    @property
    def legs(self) -> tuple[str, ...]:
        """All that rings or talks for this caller."""
        return (*self.inside, *self.asked, *self.watching)

    def leg_of(self, agent: Agent) -> str | None:
        """By which this agent is in the room."""
        for leg, each in self.inside.items():
            if each.extension == agent.extension:
                return leg
        return None

    def watcher(self, agent: Agent) -> str | None:
        """By which this supervisor is to listen, or listens."""
        for leg, each in self.watching.items():
            if each.extension == agent.extension:
                return leg
        return None

    # --- found again --------------------------------------------------------------------------

    async def find(self, talk: Talk) -> None:
        """Be as Asterisk has it; who has answered meanwhile comes in."""
        self.room, self.is_held = talk.bridge, talk.is_held
        ringing = [leg for leg in self.watching if leg not in self.listening]
        inside = self._agents(talk.leg, *talk.others)
        asked, watching = self._agents(*talk.asked), self._agents(*talk.watchers, *ringing)
        self._let_go_but(talk)
        self.inside, self.asked, self.watching = inside, asked, watching
        self.listening = {*talk.watchers}
        self.muted = {leg for leg in talk.muted if leg in self.inside or leg in self.listening}
        for leg in self.inside:
            self._engage(leg)
        for leg in talk.answered:
            await self.picked_up(leg)

    def _agents(self, *legs: str) -> dict[str, Agent]:
        desks, known = self.switchboard.desks, self.inside | self.asked | self.watching
        return {
            leg: known[leg] if leg in known else desks.agent(self.exchange.extension(leg))
            for leg in legs
        }

    def _let_go_but(self, talk: Talk) -> None:
        """Of those who were here, whom Asterisk has no more."""
        for leg in [*self.inside]:
            if leg not in {talk.leg, *talk.others}:
                self._has_left(leg)
        for leg in [*self.asked]:
            if leg not in talk.asked:
                self._rings_no_more(leg)

    # --- recorded -----------------------------------------------------------------------------

    async def be_recorded(self) -> None:
        """As it has to be with who is in the room now."""
        if self.recorder is not None:
            names = [agent.name for agent in self.inside.values()]
            await self.recorder.follow(names, is_held=self.is_held)

    async def be_recorded_no_more(self) -> None:
        """It is over."""
        if self.recorder is not None:
            await self.recorder.end()

    # --- what happens by itself ---------------------------------------------------------------

    async def picked_up(self, leg: str) -> None:
        """A colleague answers and is in the room, or a supervisor listens."""
        try:
            if leg in self.asked:
                await self.exchange.admit(leg)
                self.inside[leg] = self.asked[leg]
                self._rings_no_more(leg)
                self._engage(leg)
            elif leg in self.watching:
                await self.exchange.overhear(leg, self.leg)
                self.listening.add(leg)
                self.muted.add(leg)
        except ExchangeFailed:
            await self._drop(leg)

    async def gone(self, leg: str, *, vanished: bool) -> None:
        """Somebody has hung up, or a phone that rang is out."""
        if leg in self.asked:
            self._rings_no_more(leg)
        elif leg in self.watching:
            await self._drop(leg)
        elif leg in self.inside:
            await self._left(leg, vanished=vanished)

    async def parted(self, bridge: str, who: str) -> None:
        """Somebody has left a bridge: CALLER or a leg; empty: there is no bridge any more."""
        if bridge != self.room or self.over is not None:
            return
        if who in self.inside and len(self.inside) > 1:
            await self._left(who, vanished=False)
            await self._drop(who)
        elif who in {"", self.leg} or (who == CALLER and await self._was_taken()):
            self.over = Afterwards()

    async def _was_taken(self) -> bool:
        """Whether somebody else has taken the caller out; what we have moved is told late."""
        if self.is_held:
            return False
        try:
            talk = await self.exchange.look()
        except ExchangeFailed:
            return True
        return talk is None or talk.is_held

    async def _left(self, leg: str, *, vanished: bool) -> None:
        """Who is left goes on; the caller is not left on hold by who is not there any more."""
        was_in_charge, agent = leg == self.leg, self.inside[leg]
        if len(self.inside) == 1:
            self.over = self._afterwards(vanished=vanished)
            return
        self._has_left(leg)
        if was_in_charge:
            await self._now_in_charge(agent)

    def _afterwards(self, *, vanished: bool) -> Afterwards:
        """Who hangs up while a colleague is rung passes the caller on."""
        if self.asked and not vanished:
            return Afterwards(passed_to=next(iter(self.asked.values())))
        return Afterwards(was_cut=vanished)

    async def _now_in_charge(self, before: Agent) -> None:
        self._told(Deed.HAND_OVER, before, self.agent)
        for leg in [*self.watching]:
            await self._drop(leg)
        if self.is_held:
            try:
                await self._retrieve()
            except ExchangeFailed:
                await self._look()

    # --- orders -------------------------------------------------------------------------------

    async def order(self, order: Order) -> None:
        """Do it, note it, answer it; whatever Asterisk says, the conversation goes on."""
        refused: NotDone | None = None
        try:
            self._check(order)
            await _DO[order.deed](self, order)
        except ExchangeFailed:
            await self._look()
            refused = Failed("Asterisk 没有办成，通话照旧 · Asterisk would not")
        except NotDone as why:
            refused = why
        else:
            to = self.agent if order.deed is Deed.HAND_OVER else order.to
            self._told(order.deed, order.by, to, order.place)
        order.answer(refused)

    def _check(self, order: Order) -> None:
        deed = order.deed
        if deed.is_supervisors:
            if self.leg_of(order.by) is not None:
                raise NotDone("这是您自己的通话 · your own conversation")
            is_watching = self.watcher(order.by) in self.listening
            if deed in {Deed.WHISPER, Deed.HUSH, Deed.TAKE_OVER} and not is_watching:
                raise NotDone("您没有在监听这一通 · you do not listen to it")
        elif self.leg_of(order.by) is None:
            raise NotDone("这一通不在您的话机上 · not on your phone")
        elif deed in _OF_WHO_IS_IN_CHARGE and self.agent.extension != order.by.extension:
            raise NotDone(f"这一通由{self.agent.name}负责 · somebody else is in charge")

    async def _look(self) -> None:
        """Nobody knows how far a refused order came: Asterisk is asked."""
        try:
            talk = await self.exchange.look()
        except ExchangeFailed:
            return
        if talk is not None:
            await self.find(talk)

    async def _do_hold(self, _: Order) -> None:
        if self.is_held:
            raise NotDone("来电人已经在听音乐 · held already")
        await self._hold()

    async def _hold(self) -> None:
        self.is_held = True
        await self.exchange.hold()

    async def _do_retrieve(self, _: Order) -> None:
        if not self.is_held:
            raise NotDone("来电人没有被保持 · nobody is held")
        if self.colleague is not None or self.asked:
            raise NotDone("先结束咨询，或者三方通话 · a colleague is being asked")
        await self._retrieve()

    async def _retrieve(self) -> None:
        await self.exchange.retrieve()
        self.is_held = False

    async def _do_mute(self, order: Order) -> None:
        leg = self.leg_of(order.by) or self.leg
        await self.exchange.mute(leg, on=order.deed is Deed.MUTE)
        (self.muted.add if order.deed is Deed.MUTE else self.muted.discard)(leg)

    async def _do_pause(self, _: Order) -> None:
        """Nothing of what is said from now on is kept; who ordered it hears so only then."""
        recorder = self._recorder()
        if recorder.is_paused:
            raise NotDone("录音已经暂停 · paused already")
        try:
            await recorder.pause()
        except TapeFailed as failed:
            raise Failed(
                "录音没有停住：先不要让来电人说证件号 · it may still be recorded"
            ) from failed

    async def _do_resume(self, _: Order) -> None:
        recorder = self._recorder()
        if not recorder.is_paused:
            raise NotDone("录音没有暂停 · not paused")
        await recorder.resume()

    def _recorder(self) -> Recorder:
        if self.recorder is None or self.recorder.slip is None:
            raise NotDone("这一通没有录音 · not recorded")
        return self.recorder

    async def _do_keys(self, order: Order) -> None:
        if order.keys is not None:
            await self.exchange.send_keys(order.keys)

    async def _do_consult(self, order: Order) -> None:
        """The caller hears music before anybody is rung."""
        colleague = await self._free(order.to)
        if self.colleague is not None or self.asked:
            raise NotDone("已经有一位同事了 · a colleague is there already")
        if not self.is_held:
            await self._hold()
        leg = await self.exchange.ask(colleague, self.screen())
        self.asked[leg] = colleague
        self.switchboard.desks.rings(colleague)

    async def _do_drop(self, _: Order) -> None:
        """The caller comes back; a colleague who is in the conversation leaves it."""
        leg = self.colleague or next(iter(self.asked), None)
        if leg is None:
            raise NotDone("没有在咨询同事 · nobody is asked")
        await self._drop(leg)
        if self.is_held:
            await self._retrieve()

    async def _do_join(self, _: Order) -> None:
        if self.colleague is None:
            raise NotDone("同事还没有接 · no colleague has answered")
        if not self.is_held:
            raise NotDone("已经是三方通话 · all three talk already")
        await self._retrieve()

    async def _do_hand_over(self, order: Order) -> None:
        """The caller hears the colleague before the agent is gone."""
        if self.colleague is None:
            raise NotDone("同事还没有接；要直接转，请按“直接转给同事” · nobody has answered")
        if self.is_held:
            await self._retrieve()
        for leg in [self.leg, *self.watching]:
            await self._drop(leg)

    async def _do_pass_on(self, order: Order) -> None:
        self.over = Afterwards(passed_to=await self._free(order.to))

    async def _do_send_to(self, order: Order) -> None:
        self.over = Afterwards(place=order.place)

    async def _do_listen(self, order: Order) -> None:
        if self.watcher(order.by) is not None:
            raise NotDone("您已经在监听 · you listen already")
        desks = self.switchboard.desks
        if desks.is_engaged(order.by):
            raise NotDone("您的话机正在通话 · your phone is engaged")
        leg = await self.exchange.ring_watcher(order.by, self.screen())
        self.watching[leg] = order.by
        desks.rings(order.by)

    async def _do_whisper(self, order: Order) -> None:
        leg, on = self.watcher(order.by) or "", order.deed is Deed.HUSH
        await self.exchange.mute(leg, on=on)
        (self.muted.add if on else self.muted.discard)(leg)

    async def _do_take_over(self, order: Order) -> None:
        """The caller hears the supervisor, and then the agents no more."""
        leg, before = self.watcher(order.by) or "", [*self.inside]
        await self.exchange.admit(leg)
        self._watches_no_more(leg)
        self.inside[leg] = order.by
        self._engage(leg)
        for each in [*before, *self.asked, *self.watching]:
            await self._drop(each)
        if self.is_held:
            await self._retrieve()

    async def _do_leave(self, order: Order) -> None:
        leg = self.watcher(order.by)
        if leg is None:
            raise NotDone("您没有在监听这一通 · you do not listen to it")
        await self._drop(leg)

    async def _free(self, colleague: Agent | None) -> Agent:
        """Whose phone may be rung now."""
        await self.switchboard.look(self.exchange.reachable, 0.0)
        if colleague is None or self.leg_of(colleague) is not None:
            raise NotDone("请选一位同事 · choose a colleague")
        is_there = colleague in self.switchboard.present()
        if not is_there or not self.switchboard.desks.is_free(colleague):
            raise NotDone(f"{colleague.name}现在不能接 · not free")
        return colleague

    # --- who comes and goes -------------------------------------------------------------------

    async def _drop(self, leg: str) -> None:
        """Whoever it is leaves, by our own doing: nothing that is told of it later counts."""
        for forget in (self._rings_no_more, self._watches_no_more, self._has_left):
            forget(leg)
        try:
            await self.exchange.dismiss(leg)
        except ExchangeFailed:
            log.warning("a phone is not stopped yet: its own end will be told")

    def begin(self) -> None:
        """The first agent talks from now on."""
        self._engage(self.leg)

    def _engage(self, leg: str) -> None:
        if leg not in self._engaged:
            self._engaged[leg] = ExitStack()
            self._engaged[leg].enter_context(self.switchboard.desks.talks(self.inside[leg]))

    def _rings_no_more(self, leg: str) -> None:
        agent = self.asked.pop(leg, None)
        if agent is not None:
            self.switchboard.desks.rings_no_more(agent)
            self.switchboard.look_again()

    def _watches_no_more(self, leg: str) -> None:
        agent = self.watching.pop(leg, None)
        self.listening.discard(leg)
        self.muted.discard(leg)
        if agent is not None:
            self.switchboard.desks.rings_no_more(agent)

    def _has_left(self, leg: str) -> None:
        """Out of the room, and at work on what is to be written."""
        agent = self.inside.pop(leg, None)
        self.muted.discard(leg)
        if agent is None:
            return
        if (engaged := self._engaged.pop(leg, None)) is not None:
            engaged.close()
        self.switchboard.desks.hung_up(agent)

    def let_go(self) -> None:
        """No call looks after them any more; whether they talk on is not said by that."""
        for engaged in self._engaged.values():
            engaged.close()
        self._engaged.clear()
        for agent in [*self.asked.values(), *self.watching.values()]:
            self.switchboard.desks.rings_no_more(agent)

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


_OF_WHO_IS_IN_CHARGE: Final = frozenset(
    {
        Deed.HOLD, Deed.RETRIEVE, Deed.CONSULT, Deed.DROP, Deed.JOIN, Deed.HAND_OVER,
        Deed.PASS_ON, Deed.SEND_TO,
    }
)  # fmt: skip
_DO: Final[Mapping[Deed, Callable[[Conversation, Order], Awaitable[None]]]] = {
    Deed.HOLD: Conversation._do_hold,
    Deed.RETRIEVE: Conversation._do_retrieve,
    Deed.MUTE: Conversation._do_mute,
    Deed.UNMUTE: Conversation._do_mute,
    Deed.PAUSE: Conversation._do_pause,
    Deed.RESUME: Conversation._do_resume,
    Deed.KEYS: Conversation._do_keys,
    Deed.CONSULT: Conversation._do_consult,
    Deed.DROP: Conversation._do_drop,
    Deed.JOIN: Conversation._do_join,
    Deed.HAND_OVER: Conversation._do_hand_over,
    Deed.PASS_ON: Conversation._do_pass_on,
    Deed.SEND_TO: Conversation._do_send_to,
    Deed.LISTEN: Conversation._do_listen,
    Deed.WHISPER: Conversation._do_whisper,
    Deed.HUSH: Conversation._do_whisper,
    Deed.TAKE_OVER: Conversation._do_take_over,
    Deed.LEAVE: Conversation._do_leave,
}
