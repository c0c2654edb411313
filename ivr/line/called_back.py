"""`POST /callbacks/TOKEN`: an agent calls back who wished it; `…/withdraw`: nobody has to any more.

Only programs of this machine that can read the line's secret are answered. The token is that of a
number; the number itself comes out of the vault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from ivr.asterisk.configure import DIAL
from ivr.dialling.callbacks import Callbacks
from ivr.dialling.wanted import NotDialled
from ivr.line.outgoing import MOST_REASON
from ivr.line.streaming import admit, refused
from ivr.people.audit import AuditChanged


@dataclass(frozen=True, slots=True)
class CalledBack:
    """The door for agents and wishes to be called back."""

    callbacks: Callbacks
    secret: Callable[[], str]

    def routes(self) -> list[web.RouteDef]:
        """Of the service's own pages."""
        return [
            web.post("/callbacks/{person}", self._call),
            web.post("/callbacks/{person}/withdraw", self._withdraw),
        ]

    async def _call(self, request: web.Request) -> web.Response:
        await admit(request, DIAL, self.secret)
        told = await _told(request, "agent", "by")
        agent = self.callbacks.switchboard.settings.phone(told["agent"])
        if agent is None:
            return refused(404, f"没有坐席 {told['agent']} · no such agent")
        person = request.match_info["person"]
        begun = await self.callbacks.call_now(person, agent, told["by"])
        if isinstance(begun, NotDialled):
            return refused(409, begun.words, refused=begun.reason)
        return web.json_response({"attempt": begun.attempt.name}, status=202)

    async def _withdraw(self, request: web.Request) -> web.Response:
        await admit(request, DIAL, self.secret)
        told = await _told(request, "by", "reason")
        person, reason = request.match_info["person"], told["reason"][:MOST_REASON]
        try:
            over = await self.callbacks.withdraw(person, told["by"], reason)
        except (OSError, AuditChanged):
            return refused(503, "审计写不下，没有取消 · nothing can be written down")
        if not over:
            return refused(409, "已经没有这个回电，或者正在拨打 · it is over, or being called")
        return web.json_response({})


async def _told(request: web.Request, *names: str) -> Mapping[str, str]:
    """These of what was sent; HTTPBadRequest where one lacks."""
    try:
        told = await request.json()
        return {name: str(told[name]) for name in names}
    except (ValueError, KeyError, TypeError):
        raise web.HTTPBadRequest(text=f"{', '.join(names)} are needed") from None
