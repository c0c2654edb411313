"""坐席的数字, on the page 值班: each agent's day, states by half hours, agents for tomorrow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from duckdb import DuckDBPyConnection

from analytics.answering.asking import CannotAnswer
from analytics.answering.questioning import Days, question_called
from console.facts import asked, terms, vocabulary
from console.rendering import page
from console.rights import Action
from console.routes import Page, Route
from console.shared import Shared
from ivr.config import Settings
from ivr.hours import BEIJING

_FRESH_SECONDS: Final = 60.0
"""Half hours change slowly, and each asking takes a processor from the calls."""
_QUESTIONS: Final = {
    "agents": "今天每位坐席",
    "agent_states": "今天每半小时的状态（分钟）",
    "agents_tomorrow": "明天每半小时要几位坐席",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One question's answer, in words."""

    heading: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


STAFFING = web.AppKey("staffing", Shared[list[Table]])


def staffing(settings: Settings) -> Shared[list[Table]]:
    """For everybody who looks."""
    return Shared(lambda: _tables(settings), _FRESH_SECONDS)


async def _tables(settings: Settings) -> list[Table]:
    today = datetime.now(BEIJING).date()
    day, told, words = Days(today, today), terms(settings), vocabulary(settings)

    def answered(facts: DuckDBPyConnection) -> list[Table]:
        found = []
        for name, heading in _QUESTIONS.items():
            answer = words.translated(question_called(name).answer(facts, day, told))
            heads = tuple(words.column(each) for each in answer.columns)
            found.append(Table(heading, heads, tuple(answer.rows)))
        return found

    return await asked(settings, answered)


async def _staffing(request: web.Request) -> web.Response:
    try:
        tables, why = await request.app[STAFFING].now(), ""
    except CannotAnswer as cannot:
        tables, why = [], str(cannot)
    return page(request, "staffing.html.j2", tables=tables, why=why)


PAGE = Page(
    "坐席的数字",
    "/duty/agents",
    (Route("GET", "/duty/agents", _staffing, Action.SEE_LINE, background=True),),
    in_menu=False,
)
