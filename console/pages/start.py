"""The first page: it leads to the first one that the visitor may open."""

from __future__ import annotations

from aiohttp import web

from console.rendering import page
from console.rights import Action
from console.routes import Page, Route


async def _start(request: web.Request) -> web.Response:
    return page(request, "start.html.j2")


PAGE = Page("首页", "/", (Route("GET", "/", _start, Action.PHONE),), in_menu=False)
