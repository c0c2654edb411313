"""值班: the line as it is, today against such days, every part with its remedy; the switch."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web
from duckdb import DuckDBPyConnection

from analytics.answering.asking import CannotAnswer, ResultSet
from analytics.answering.questioning import Days, question_called
from console.examining import findings_of
from console.facts import asked, terms, vocabulary
from console.guarding import entitled_still
from console.living import Living, State
from console.pages import announcements
from console.pages.desk import STATES, described
from console.rendering import fragment, page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, allowed
from console.shared import Shared
from console.trail import note
from ivr.config import Settings
from ivr.hours import BEIJING
from ivr.lifecycle import switch
from ivr.state import switching
from ivr.upkeep.doctor import Finding

_FRESH_SECONDS: Final = 20.0
"""What the doctor found, and what today is like, is told to all who ask within so long."""
_PARTS: Final = {
    "ARI": "Asterisk 接口",
    "prompts": "语音",
    "accounts": "账户数据库",
    "ports": "端口",
    "service": "接电话的服务",
    "trunks": "中继",
    "permissions": "权限",
    "keys": "密钥",
    "disk": "磁盘",
    "recordings": "录音",
    "depot": "共用的存放处",
    "clock": "时钟",
    "records": "话务记录",
    "lost records": "丢失的记录",
    "line": "热线开关",
    "agents' hours": "坐席日历",
    "console": "控制台",
    "browser phone": "网页电话",
    "probe": "拨测",
    "catalog": "话术",
    "due": "待核对",
    "announcement": "紧急公告",
    "reports": "定时报表",
    "settings": "设置",
}


# --- this second ------------------------------------------------------------------------------


LIVING = web.AppKey("living", Living)


def living(settings: Settings) -> Living:
    """The stream of this line, as this page shows it."""
    return Living(settings, lambda state: _shown(settings, state))


def _shown(settings: Settings, state: State | None) -> str:
    if state is None:
        return fragment("live.html.j2", state=None)
    words = vocabulary(settings)
    waits = sorted(part["since"] for part in state.get("queue", {}).values())
    calls = sorted(state.get("calls", {}).items(), key=lambda each: each[1]["since"])
    agents = [
        {**described(part), "extension": extension}
        for extension, part in sorted(state.get("agents", {}).items())
    ]
    return fragment(
        "live.html.j2",
        state=state,
        now=round(time.time()),
        waits=waits,
        calls=[{**part, "words": words.place(part["place"])} for _, part in calls],
        agents=agents,
        free=sum(part["state"] == "free" for part in agents),
        how_many=how_many(agents),
        occupancy=occupancy(agents),
    )


def how_many(agents: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Agents in each state, those that nobody is in left out; in the order of STATES."""
    counted = Counter(part["state"] for part in agents)
    return [(word, counted[state]) for state, (word, _) in STATES.items() if counted[state]]


def occupancy(agents: Iterable[Mapping[str, Any]]) -> int | None:
    """Of those on duty, how many per cent are on a call or at work on the last one, now.

    As the question agent_states has it: 示忙, 离开 and 离线 are not on duty. None: nobody is.
    """
    counted = Counter(part["state"] for part in agents)
    at_work = counted["talking"] + counted["wrap_up"]
    on_duty = at_work + counted["free"] + counted["ringing"]
    return round(100 * at_work / on_duty) if on_duty else None


async def _live(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    try:
        async with aclosing(request.app[LIVING].watch()) as news:
            await answer.prepare(request)
            async for html in news:
                if html:
                    await answer.write(f"data: {html.replace(chr(10), '')}\n\n".encode())
                elif await entitled_still(request, Action.SEE_LINE):
                    await answer.write(b": beat\n\n")
                else:
                    break
    except ConnectionError:  # the page is closed
        pass
    return answer


# --- today, and every part --------------------------------------------------------------------


Today = tuple[list[dict[str, Any]], dict[str, Any], datetime]
"""The figures of today, those of the agents' queue, and when they were asked for."""
TODAY = web.AppKey("today", Shared[Today])
EXAMINED = web.AppKey("examined", Shared[list[Finding]])


def today(settings: Settings) -> Shared[Today]:
    """The day so far, for everybody who looks; each asking takes a processor from the calls."""
    return Shared(lambda: _figures(settings), _FRESH_SECONDS)


async def _figures(settings: Settings) -> Today:
    now = datetime.now(BEIJING)
    day = Days(now.date(), now.date())

    def answered(facts: DuckDBPyConnection) -> tuple[ResultSet, ResultSet]:
        usual, queue = question_called("anomalies"), question_called("queue")
        told = terms(settings)
        return usual.answer(facts, day, told), queue.answer(facts, day, told)

    usual, queue = await asked(settings, answered)
    return vocabulary(settings).translated(usual).records(), queue.records()[0], now


async def _today(request: web.Request) -> web.Response:
    try:
        rows, queue, at = await request.app[TODAY].now()
    except CannotAnswer as cannot:
        return page(request, "today.html.j2", rows=[], why=str(cannot), at=datetime.now(BEIJING))
    return page(request, "today.html.j2", rows=rows, queue=queue, why="", at=at)


def examined(settings: Settings) -> Shared[list[Finding]]:
    """What the doctor finds."""
    return Shared(lambda: asyncio.to_thread(findings_of, settings), _FRESH_SECONDS)


async def _parts(request: web.Request) -> web.Response:
    findings = await request.app[EXAMINED].now()
    urgent = sorted(findings, key=lambda each: (each.ok, not each.warns))
    return page(request, "parts.html.j2", parts=[_part(each) for each in urgent])


def _part(finding: Finding) -> dict[str, Any]:
    word, shape = ("要处理", "bad") if not finding.ok else ("正常", "")
    if finding.ok and finding.warns:
        word, shape = "请留意", "warn"
    name = _PARTS.get(finding.name, finding.name)
    return {"name": name, "word": word, "shape": shape, "detail": finding.detail}


# --- the page, and the switch -----------------------------------------------------------------


async def _duty(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(request: web.Request, fault: str = "") -> web.Response:
    settings = request.app[SETTINGS]
    return page(
        request,
        "duty.html.j2",
        status=422 if fault else 200,
        shut=await asyncio.to_thread(switch.closed, settings.home),
        may_switch=allowed(request, Action.SWITCH_LINE),
        announcing=await announcements.shown(request),
        text="",
        until="",
        fault=fault,
        beijing=BEIJING,
    )


async def _close(request: web.Request) -> web.Response:
    reason = str((await request.post()).get("reason", "")).strip()
    if not reason:
        return await _page(request, "请写明为什么停开：接班的人要知道。")
    await note(request, "line closed", "line", reason)
    settings = request.app[SETTINGS]
    await asyncio.to_thread(switching.close, settings, reason[:200], datetime.now(UTC))
    raise web.HTTPSeeOther("/duty")


async def _open(request: web.Request) -> web.Response:
    await note(request, "line opened", "line")
    await asyncio.to_thread(switching.reopen, request.app[SETTINGS], datetime.now(UTC))
    raise web.HTTPSeeOther("/duty")


PAGE = Page(
    "值班",
    "/duty",
    (
        Route("GET", "/duty", _duty, Action.SEE_LINE),
        Route("GET", "/duty/live", _live, Action.SEE_LINE, background=True),
        Route("GET", "/duty/today", _today, Action.SEE_LINE, background=True),
        Route("GET", "/duty/parts", _parts, Action.SEE_LINE, background=True),
        Route("POST", "/duty/close", _close, Action.SWITCH_LINE),
        Route("POST", "/duty/open", _open, Action.SWITCH_LINE),
    ),
)
