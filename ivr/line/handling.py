"""`GET /desks/6001/call`: what an agent has on the phone; `POST`: what is done with it.

Only the console is answered, which knows who has signed in at that desk. A supervisor orders at
their own desk too, and names the desk (`of`) and the call (`session`) that is meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from ivr.calls.call import Call
from ivr.calls.inbox import Ordered
from ivr.config import Agent
from ivr.desk.members import Members
from ivr.desk.orders import KEYS, PLACES, Deed, Failed, NotDone, Order
from ivr.dialling.dialler import Going
from ivr.dialling.names import bridge_name
from ivr.hours import BEIJING
from ivr.line.conduct import Conductor
from ivr.line.desking import admit_console, phone_at
from ivr.line.streaming import refused
from ivr.people.sensitive import Sensitive
from ivr.recordings.taping import Recorder

ORDER_SECONDS: Final = 15.0
"""So long an order waits for Asterisk, which may need several commands for it."""
_FIELDS: Final = ("deed", "to", "place", "keys", "of", "session")


class Handling:
    """The door for desks that have somebody on the phone."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    def routes(self) -> list[web.RouteDef]:
        """Of the service's own pages."""
        return [
            web.get("/desks", self._show_all),
            web.get("/desks/{extension}/call", self._show),
            web.post("/desks/{extension}/call", self._order),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        agent = await self._agent(request)
        call, outward = self._call_of(agent), self._outward_of(agent)
        shown: dict[str, Any] = {"call": None, "watches": None}
        if call is not None:
            shown["call"] = _shown(call, agent)
        elif outward is not None:
            shown["call"] = _shown_outward(outward)
        for live in self._conductor.calls.values():
            talk = live.call.talk
            if talk is not None and talk.members.watcher(agent) is not None:
                shown["watches"] = _watched(live.call, talk.members, agent)
        return web.json_response(shown)

    async def _show_all(self, request: web.Request) -> web.Response:
        """Who talks, for the shift's leader; of the callers the session, and nothing else."""
        await self._admit(request)
        talking = [
            {
                "extension": agent.extension,
                "name": agent.name,
                "session": live.call.session,
                "held": talk.room.is_held,
            }
            for live in self._conductor.calls.values()
            if (talk := live.call.talk) is not None
            for agent in talk.members.inside.values()
        ]
        return web.json_response({"talking": sorted(talking, key=lambda each: each["extension"])})

    async def _order(self, request: web.Request) -> web.Response:
        agent = await self._agent(request)
        order, of = self._read(agent, await request.json())
        call, outward = self._call_of(of), self._outward_of(of)
        if call is None and outward is None:
            return refused(409, "话机上没有通话 · nobody is on the phone")
        if order.deed.is_supervisors and (call is None or call.session != order.session):
            return refused(409, "那一通已经结束 · that call is over")
        if call is not None:
            call.inbox.put(Ordered(order))
        elif outward is not None:
            outward.inbox.put_nowait(order)
        return await self._answered(order)

    async def _answered(self, order: Order) -> web.Response:
        try:
            async with asyncio.timeout(ORDER_SECONDS):
                await order.done
        except TimeoutError:
            return refused(504, "没有办成：通话刚结束，或 Asterisk 没有回答 · not done in time")
        except Failed as failed:
            return refused(502, str(failed))
        except NotDone as why:
            return refused(409, str(why))
        return web.json_response({"done": order.deed})

    def _read(self, by: Agent, told: Any) -> tuple[Order, Agent]:
        """The order, and whose conversation it is about; HTTPUnprocessableEntity for none."""
        if not isinstance(told, Mapping):
            raise web.HTTPUnprocessableEntity(text="看不懂 · no order")
        given = {name: str(told.get(name) or "") for name in _FIELDS}
        try:
            deed = Deed(given["deed"])
        except ValueError:
            raise web.HTTPUnprocessableEntity(text="没有这个操作 · no such control") from None
        if deed is Deed.SEND_TO and given["place"] not in PLACES:
            raise web.HTTPUnprocessableEntity(text="不能转到那里 · no such place")
        if deed is Deed.KEYS and not KEYS.fullmatch(given["keys"]):
            raise web.HTTPUnprocessableEntity(text="按键是 0–9、*、#，最多 20 个 · no keys")
        to = self._phone(given["to"]) if given["to"] else None
        of = self._phone(given["of"]) if deed.is_supervisors else by
        keys = Sensitive(given["keys"]) if deed is Deed.KEYS else None
        place = given["place"] if deed is Deed.SEND_TO else ""
        return Order(deed, by, to, place, keys, given["session"]), of

    def _call_of(self, agent: Agent) -> Call | None:
        for live in self._conductor.calls.values():
            talk = live.call.talk
            if talk is not None and talk.members.leg_of(agent) is not None:
                return live.call
        return None

    def _outward_of(self, agent: Agent) -> Going | None:
        """A call that the line has made for this agent."""
        dialler = self._conductor.dialler
        return None if dialler is None else dialler.talk_of(agent)

    async def _agent(self, request: web.Request) -> Agent:
        """At whose desk it is asked."""
        await self._admit(request)
        return self._phone(request.match_info["extension"])

    async def _admit(self, request: web.Request) -> None:
        await admit_console(request, self._conductor.reception.given().settings)

    def _phone(self, extension: str) -> Agent:
        return phone_at(self._conductor.reception.given().settings, extension)


def _shown(call: Call, agent: Agent) -> dict[str, Any]:
    """What this agent may know of the caller: of an ID number the tail, of people tokens."""
    talk = call.talk
    if talk is None:
        return {}
    trail, members = call.trail, talk.members
    leg = members.leg_of(agent)
    return {
        "session": call.session,
        "outward": False,
        "tail": "" if trail.tail is None else trail.tail.reveal(),
        "path": trail.places,
        "lookup": trail.lookup,
        "person": trail.person,
        "caller": call.vouched,
        "held": talk.room.is_held,
        "muted": leg in members.muted,
        "charge": members.agent.extension == agent.extension,
        "inside": [each.name for other, each in members.inside.items() if other != leg],
        "asked": [each.name for each in members.asked.values()],
        "recording": None if talk.room.recorder is None else _recording(talk.room.recorder),
    }


def _shown_outward(going: Going) -> dict[str, Any]:
    """Of a call that the line has made: whom by a token, and the recording."""
    return {
        "session": bridge_name(going.attempt.name),
        "outward": True,
        "person": None,
        "caller": going.attempt.number,
        "path": [],
        "lookup": "",
        "recording": None if going.recorder is None else _recording(going.recorder),
    }


def _recording(recorder: Recorder) -> dict[str, Any]:
    """How it stands, and when a pause ends by itself (Beijing time)."""
    ends = recorder.pause_ends()
    return {
        "stands": recorder.stands,
        "until": "" if ends is None else ends.astimezone(BEIJING).strftime("%H:%M:%S"),
    }


def _watched(call: Call, members: Members, agent: Agent) -> dict[str, Any]:
    watcher = members.watcher(agent)
    return {
        "session": call.session,
        "of": members.agent.extension,
        "name": members.agent.name,
        "listens": watcher in members.listening,
        "whispers": watcher in members.listening and watcher not in members.muted,
    }
