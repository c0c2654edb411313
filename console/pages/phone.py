"""The browser phone: one click calls the line; it is heard, keyed and read while it speaks."""

from __future__ import annotations

import asyncio

from aiohttp import web

from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from console.telephone import relay, said
from ivr.accounts.demo import PEOPLE, holds_demo
from ivr.config import Settings


async def _phone(request: web.Request) -> web.Response:
    settings = request.app[SETTINGS]
    demo = await asyncio.to_thread(_demo_is_in_use, settings)
    return page(
        request,
        "phone.html.j2",
        people=PEOPLE if demo else (),
        most=settings.console.phone.calls,
        first_port=settings.rtp_first_port,
        last_port=settings.rtp_last_port,
        port=settings.console.port,
    )


def _demo_is_in_use(settings: Settings) -> bool:
    """Invented numbers are shown only where they are the accounts that callers hear."""
    return settings.accounts.url is None and holds_demo(settings.home / "accounts.sqlite")


PAGE = Page(
    "拨打",
    "/phone",
    (
        Route("GET", "/phone", _phone, Action.PHONE),
        Route("GET", "/phone/ws", relay, Action.PHONE, background=True),
        Route("GET", "/phone/said", said, Action.PHONE, background=True),
    ),
)
