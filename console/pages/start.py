"""The address that everybody is told: it leads to the first page that the visitor may open."""

from __future__ import annotations

from aiohttp import web

from console.rights import Action
from console.routes import PAGES, Page, Route, allowed, first_of_all, session_of


async def _start(request: web.Request) -> web.Response:
    session = session_of(request)
    if session is not None and (page_first := first_of_all(request, session)) is not None:
        raise web.HTTPSeeOther(page_first)
    for each in request.app[PAGES]:
        if each.in_menu and allowed(request, each.action):
            raise web.HTTPSeeOther(each.path)
    raise web.HTTPSeeOther("/sign-in" if session is None else "/password")


PAGE = Page("首页", "/", (Route("GET", "/", _start, Action.SIGN_IN),), in_menu=False)
