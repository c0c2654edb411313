"""SQL: questions of one's own on the published facts, kept under names, taken home as files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from aiohttp import web

from analytics.answering.asking import CannotAnswer, ResultSet
from analytics.answering.statements import described, parameters, refuse_private
from console import apart
from console.facts import asked
from console.questions import Questions, Saved, values
from console.rendering import attached, page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.trail import note
from ivr.hours import BEIJING

_EXAMPLE: Final = """SELECT day, count(*) AS calls
FROM call_local
WHERE day BETWEEN $from::DATE AND $to::DATE
GROUP BY day ORDER BY day"""
ENDINGS: Final[Mapping[str, apart.Ending]] = {"csv": "csv", "xlsx": "xlsx"}
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_NOTED: Final = 500
"""Characters of a statement that stand in the trail."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What stands in the form."""

    text: str = _EXAMPLE
    given: Mapping[str, str] = field(default_factory=lambda: {"from": "7天前", "to": "昨天"})
    name: str = ""
    shared: bool = False


async def _read(request: web.Request) -> _Form:
    sent = {name: str(value).strip() for name, value in (await request.post()).items()}
    given = {
        name.removeprefix("value-"): value
        for name, value in sent.items()
        if name.startswith("value-")
    }
    return _Form(sent.get("sql", ""), given, sent.get("name", ""), "shared" in sent)


def _of(saved: Saved) -> _Form:
    return _Form(saved.text, saved.given, saved.name, saved.shared)


# --- asking -----------------------------------------------------------------------------------


async def _ask(request: web.Request) -> web.StreamResponse:
    form = await _read(request)
    ending = str((await request.post()).get("as", ""))
    settings, gone = request.app[SETTINGS], partial(_has_left, request)
    try:
        given = await _noted(request, form)
        if ending in ENDINGS:
            found = await apart.file(settings, form.text, given, ENDINGS[ending], gone=gone)
            return attached(found.body, f"sql-{datetime.now(BEIJING):%Y%m%d-%H%M%S}.{ending}")
        table = await apart.table(settings, form.text, given, gone=gone)
    except CannotAnswer as cannot:
        return await _shown(request, form, fault=str(cannot))
    except apart.Left as left:
        raise web.HTTPRequestTimeout from left
    return await _shown(request, form, table)


async def _noted(request: web.Request, form: _Form) -> dict[str, str]:
    """The values of its parameters, once it stands in the trail; raises CannotAnswer."""
    refuse_private(form.text)
    given = values(form.text, form.given, datetime.now(BEIJING).date())
    told = "，".join(f"{name}={value}" for name, value in given.items())
    await note(request, "sql", form.text[:_NOTED], told[:_NOTED])
    return given


def _has_left(request: web.Request) -> bool:
    """Whether the browser has closed the page, or its user has pressed stop."""
    return request.transport is None or request.transport.is_closing()


# --- kept questions ---------------------------------------------------------------------------


async def _keep(request: web.Request) -> web.Response:
    form, owner = await _read(request), user_name(request)
    keep = partial(
        Questions(request.app[SETTINGS].home).keep,
        form.name,
        owner,
        form.text,
        {name: form.given.get(name, "") for name in parameters(form.text)},
        shared=form.shared,
    )
    try:
        refuse_private(form.name, form.text, *form.given.values())
        await note(request, "question kept", form.name, "共享" if form.shared else "自己用")
        number = await asyncio.to_thread(keep)
    except CannotAnswer as cannot:
        return await _shown(request, form, fault=str(cannot))
    raise web.HTTPSeeOther(f"/sql/{number}")


async def _open(request: web.Request) -> web.Response:
    """One that was kept, in the form; nothing is asked yet."""
    saved = await _found(request)
    return await _shown(request, _of(saved), saved=saved)


async def _found(request: web.Request) -> Saved:
    find = Questions(request.app[SETTINGS].home).find
    named = request.match_info["number"]
    number = int(named) if _NUMBER.fullmatch(named) else 0
    saved = await asyncio.to_thread(find, number, user_name(request))
    if saved is None:
        raise web.HTTPNotFound(text="没有这个查询，或者不是您的，也没有共享")
    return saved


async def _drop(request: web.Request) -> web.Response:
    saved, owner = await _found(request), user_name(request)
    if saved.owner != owner:
        raise web.HTTPForbidden(text=f"这个查询是 {saved.owner} 的，只有本人能删")
    await note(request, "question dropped", saved.name)
    await asyncio.to_thread(Questions(request.app[SETTINGS].home).drop, saved.number, owner)
    raise web.HTTPSeeOther("/sql")


# --- the page ---------------------------------------------------------------------------------


async def _form(request: web.Request) -> web.Response:
    return await _shown(request, _Form())


async def _shown(
    request: web.Request,
    form: _Form,
    table: apart.Table | None = None,
    *,
    fault: str = "",
    saved: Saved | None = None,
) -> web.Response:
    settings = request.app[SETTINGS]
    try:
        tables: ResultSet | None = await asked(settings, described)
    except CannotAnswer as cannot:
        tables, fault = None, fault or str(cannot)
    return page(
        request,
        "sql.html.j2",
        status=422 if fault else 200,
        form=form,
        fields=[
            (name, kind, form.given.get(name, "")) for name, kind in parameters(form.text).items()
        ],
        table=table,
        saved=saved,
        kept=await asyncio.to_thread(Questions(settings.home).seen_by, user_name(request)),
        me=user_name(request),
        most=apart.MOST_ROWS,
        seconds=apart.MOST_SECONDS,
        tables=[] if tables is None else tables.records(),
        fault=fault,
    )


PAGE = Page(
    "SQL",
    "/sql",
    (
        Route("GET", "/sql", _form, Action.ASK_SQL),
        Route("POST", "/sql", _ask, Action.ASK_SQL),
        Route("POST", "/sql/keep", _keep, Action.ASK_SQL),
        Route("GET", "/sql/{number}", _open, Action.ASK_SQL),
        Route("POST", "/sql/{number}/drop", _drop, Action.ASK_SQL),
    ),
)
