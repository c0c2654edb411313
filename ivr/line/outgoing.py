"""`POST /dial`: a page wants who left a case called back; `GET /dial/TRY`: how that goes.

Only programs of this machine that can read the line's secret are answered. A number is never told
to us: it is the one that the case was left from, out of the vault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from ivr.agents.switchboard import Switchboard
from ivr.asterisk.configure import DIAL
from ivr.dialling.dialler import Dialler
from ivr.dialling.wanted import NotDialled, Wanted
from ivr.line.streaming import admit, refused
from ivr.people.sensitive import Sensitive

MOST_REASON = 200


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The door for those who want a call made."""

    dialler: Dialler
    switchboard: Switchboard
    secret: Callable[[], str]
    registered: Callable[[str], Sensitive[str] | None]
    """The number that a case was left from; blocks. LookupError where there is no such case."""

    def routes(self) -> list[web.RouteDef]:
        """Of the service's own pages."""
        return [web.post("/dial", self._dial), web.get("/dial/{attempt}", self._how)]

    async def _dial(self, request: web.Request) -> web.Response:
        await admit(request, DIAL, self.secret)
        try:
            told = await request.json()
            case, extension = str(told["case"]), str(told["agent"])
            by, reason = str(told["by"]), str(told.get("reason", ""))[:MOST_REASON]
        except (ValueError, KeyError, TypeError, AttributeError):
            return refused(400, "要有 case、agent、by · case, agent and by are needed")
        agent = self.switchboard.settings.phone(extension)
        if agent is None:
            return refused(404, f"没有坐席 {extension} · no such agent")
        try:
            number = await asyncio.to_thread(self.registered, case)
        except LookupError:
            return refused(404, f"没有编号 {case} 的工单 · no such case")
        begun = await self.dialler.begin(
            Wanted("case", case, number or Sensitive(""), agent, by=by, reason=reason)
        )
        if isinstance(begun, NotDialled):
            return refused(409, begun.words, refused=begun.reason)
        return web.json_response({"attempt": begun.attempt.name}, status=202)

    async def _how(self, request: web.Request) -> web.Response:
        await admit(request, DIAL, self.secret)
        name = request.match_info["attempt"]
        attempt, going = self.dialler.ledger.attempt(name), self.dialler.going(name)
        if attempt is None:
            return refused(404, "没有这次拨打 · no such call")
        stage = "over" if going is None else going.stage
        return web.json_response({"stage": stage, "outcome": attempt.outcome})
