"""SQL: a question of one's own on the published facts; read-only, bounded in time and memory."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from analytics.answering.asking import SCHEMA, CannotAnswer, ResultSet, answer, answer_some
from console.facts import asked
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, Page, Route
from console.trail import note

MOST_ROWS: Final = 1000
_EXAMPLE: Final = """SELECT day, count(*) AS calls
FROM call_local
GROUP BY day ORDER BY day DESC"""


async def _form(request: web.Request) -> web.Response:
    return await _shown(request, _EXAMPLE)


async def _ask(request: web.Request) -> web.Response:
    statement = str((await request.post()).get("sql", "")).strip()
    await note(request, "sql", statement[:500])
    settings = request.app[SETTINGS]
    try:
        found = await asked(settings, lambda facts: answer_some(facts, statement, MOST_ROWS + 1))
    except CannotAnswer as cannot:
        return await _shown(request, statement, fault=str(cannot))
    return await _shown(request, statement, found)


async def _shown(
    request: web.Request, statement: str, found: ResultSet | None = None, fault: str = ""
) -> web.Response:
    try:
        tables = (await asked(request.app[SETTINGS], lambda facts: answer(facts, SCHEMA))).records()
    except CannotAnswer as cannot:
        tables, fault = [], fault or str(cannot)
    return page(
        request,
        "sql.html.j2",
        status=422 if fault else 200,
        statement=statement,
        found=found,
        most=MOST_ROWS,
        tables=tables,
        fault=fault,
    )


PAGE = Page(
    "SQL",
    "/sql",
    (
        Route("GET", "/sql", _form, Action.ASK_SQL),
        Route("POST", "/sql", _ask, Action.ASK_SQL),
    ),
)
