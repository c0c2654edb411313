"""话术 for departments that answer for them: taken home as Word or Excel, edited, brought back."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from typing import Final

from aiohttp import web

from console.pages.drafting import REFUSALS
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, STUDIO, Route, user_name
from console.trail import note
from prompt_build.marking import parts
from prompt_build.studio import exchange
from prompt_build.studio.exchange import Returned, Wanted
from prompt_build.studio.office import Row, Unreadable

_TYPES: Final = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def _open(request: web.Request) -> web.Response:
    return _shown(request)


def _shown(
    request: web.Request, found: Returned | None = None, fault: str = "", file: str = ""
) -> web.Response:
    wrong = bool(fault or (found and found.faults))
    return page(
        request,
        "words_exchange.html.j2",
        status=422 if wrong else 200,
        found=found,
        fault=fault,
        file=file,
        shown=[(each, parts(each.before, each.after)) for each in found.wanted] if found else [],
        carried=json.dumps([_carried(each) for each in found.wanted]) if found else "",
        parts_of_all=exchange.PARTS,
    )


async def _take(request: web.Request) -> web.Response:
    """The table as a file."""
    ending, part = request.match_info["ending"], request.query.get("part", "")
    if ending not in _TYPES or part not in exchange.PARTS:
        raise web.HTTPNotFound
    try:
        content = await asyncio.to_thread(_made, request, ending, part)
    except REFUSALS as refused:
        raise web.HTTPConflict(text=str(refused)) from None
    name = f"words-{datetime.now(UTC):%Y%m%d}.{ending}"
    return web.Response(
        body=content,
        content_type=_TYPES[ending],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _made(request: web.Request, ending: str, part: str) -> bytes:
    source = request.app[STUDIO].drafts.proposal().source
    return exchange.document(exchange.table(source, part), ending)


async def _bring(request: web.Request) -> web.Response:
    """What somebody sent back: all that is wrong with it, or what it would change."""
    sent = (await request.post()).get("file")
    if not isinstance(sent, web.FileField) or not sent.filename:
        return _shown(request, fault="先选一个文件。")
    try:
        content = await asyncio.to_thread(sent.file.read)
        found = await asyncio.to_thread(exchange.returned, request.app[SETTINGS], content)
    except (Unreadable, *REFUSALS) as refused:
        return _shown(request, fault=str(refused))
    return _shown(request, found, file=sent.filename[:80])


async def _keep(request: web.Request) -> web.Response:
    """What was shown becomes a draft; it is judged again, for the words may have changed."""
    form = await request.post()
    settings, drafts, who = request.app[SETTINGS], request.app[STUDIO].drafts, user_name(request)
    try:
        rows = _rows(str(form.get("carried", "")))
        found = await asyncio.to_thread(exchange.judged, settings, rows)
        if found.faults or not found.wanted:
            fault = "话术又有变动，没有存。" if found.faults else "没有要改的。"
            return _shown(request, found, fault)
        wanted = await asyncio.to_thread(exchange.changes, settings, found)
        names = "、".join(wanted)
        await note(request, "words changed", f"{len(wanted)} 句", f"导入：{names}"[:200])
        save = partial(drafts.save, wanted, who, datetime.now(UTC))
        await asyncio.to_thread(save)
    except (ValueError, *REFUSALS) as refused:
        return _shown(request, fault=str(refused))
    raise web.HTTPSeeOther("/words/draft")


def _carried(each: Wanted) -> list[object]:
    """A row as the page carries it to the moment when somebody agrees."""
    return [each.row, *each.cells]


def _rows(carried: str) -> list[Row]:
    try:
        return [Row(int(number), tuple(map(str, cells))) for number, *cells in json.loads(carried)]
    except (ValueError, TypeError):
        raise ValueError("这一页不完整：重新选文件") from None


EXCHANGING: Final = (
    Route("GET", "/words/exchange", _open, Action.EDIT_WORDS),
    Route("GET", "/words/exchange/words.{ending}", _take, Action.EDIT_WORDS),
    Route("POST", "/words/exchange", _bring, Action.EDIT_WORDS),
    Route("POST", "/words/exchange/keep", _keep, Action.EDIT_WORDS),
)
