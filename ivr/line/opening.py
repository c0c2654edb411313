"""`POST /cases`: a case is opened by hand from a call that goes on, with its caller.

Only the console is answered: it shows the secret that both read from the line's home folder. The
page of an agent's talk asks for it by the caller's session; who that is, by which ID number and by
which telephone, only the service knows: neither is told to anybody here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from ivr.cases.moves import Office, Refused
from ivr.cases.opening import NewCase
from ivr.line.desking import admit_console
from ivr.line.reception import Live, Reception
from ivr.recordings.archive import CannotKeep


def opened_by_hand(reception: Reception, calls: Callable[[], Iterable[Live]]) -> web.RouteDef:
    """The route: JSON of `session`, `text`, `by`, `office` and `origin` -> 201 `{"number": …}`.

    404: no such call goes on. 422: the text cannot be a case's. 503: there is no room for it now.
    """

    async def answered(request: web.Request) -> web.Response:
        await admit_console(request, reception.means.settings)
        told = await request.json()
        live = next((each for each in calls() if each.call.session == told.get("session")), None)
        if live is None:
            raise web.HTTPNotFound(text="这次通话已经结束 · the call is over")
        try:
            number = await live.call.means.desk.open_case(_wanted(told, live), live.call.number)
        except Refused as refused:
            raise web.HTTPUnprocessableEntity(text=str(refused)) from None
        except CannotKeep as full:
            raise web.HTTPServiceUnavailable(text=f"现在开不了工单 · {full}") from None
        return web.json_response({"number": number}, status=web.HTTPCreated.status_code)

    return web.post("/cases", answered)


def _wanted(told: dict[str, str], live: Live) -> NewCase:
    """Raises HTTPBadRequest for what names nobody and nothing."""
    try:
        return NewCase(
            "contact",
            str(told["text"]),
            by=str(told["by"]),
            office=Office(told["office"]),
            origin=str(told["origin"]),
            session=live.call.session,
            person=live.call.trail.person,
        )
    except (KeyError, ValueError):
        raise web.HTTPBadRequest(text="要有 text、by、office、origin") from None
