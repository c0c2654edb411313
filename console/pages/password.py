"""One's own password: a one-time password opens nothing else."""

from __future__ import annotations

import asyncio

from aiohttp import web

from console.pages.signing import begin_anew
from console.rendering import page
from console.rights import Action
from console.routes import USERS, Page, Route, user_name
from console.trail import note
from console.users import LEAST_CHARACTERS, Refused
from ivr.people.sensitive import Sensitive


async def _form(request: web.Request) -> web.Response:
    return _shown(request)


def _shown(request: web.Request, fault: str = "") -> web.Response:
    status = 422 if fault else 200
    return page(request, "password.html.j2", status=status, fault=fault, least=LEAST_CHARACTERS)


async def _change(request: web.Request) -> web.Response:
    form = await request.post()
    before, chosen, again = (
        Sensitive(str(form.get(field, ""))) for field in ("before", "chosen", "again")
    )
    users, name = request.app[USERS], user_name(request)
    if chosen.reveal() != again.reveal():
        return _shown(request, "两次输入的新口令不一样。")
    if not await asyncio.to_thread(users.knows, name, before):
        return _shown(request, "现在的口令不对。连错五次锁定十五分钟。")
    if chosen.reveal() == before.reveal():
        return _shown(request, "新口令要和现在的不一样。")
    try:
        await note(request, "password", name)
        await asyncio.to_thread(users.choose_password, name, chosen)
    except Refused as refused:
        return _shown(request, f"{refused}。")
    raise await begin_anew(request, name)


PAGE = Page(
    "口令",
    "/password",
    (
        Route("GET", "/password", _form, Action.OWN_PASSWORD),
        Route("POST", "/password", _change, Action.OWN_PASSWORD),
    ),
    in_menu=False,
)
