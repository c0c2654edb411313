"""Cases on paper and in files: the 处理单, the list as a spreadsheet, and all of one as a zip."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from analytics.answering.asking import ResultSet
from analytics.answering.exporting import save_sheet
from analytics.answering.words import Vocabulary
from console.pages.cases import REGISTER, Row, case_of, found_rows, shown
from console.rendering import attached, fragment, page
from console.rights import Action
from console.routes import SETTINGS, Page, Route, user_name
from console.trail import note
from ivr.cases.case import KINDS, Case
from ivr.cases.clocks import Light
from ivr.cases.moves import MOST_CHARACTERS, State
from ivr.cases.sealing import Unreadable
from ivr.hours import BEIJING
from ivr.recordings.finding import find
from ivr.recordings.shape import Evidence

_SIZES: Final = ((400, "normal", 7), (1500, "small", 4), (MOST_CHARACTERS * 100, "smallest", 2))
"""Of the paper: up to so many characters of an answer, its letters, and how many events fit."""
_A_LINE: Final = 42
"""Characters that a short line of an answer takes the room of."""
_MOST_NAMES: Final = 5
_COLUMNS: Final = (
    "reference", "kind", "recorded", "state", "handler", "stage", "due", "light", "reopened",
)  # fmt: skip


# --- on paper -----------------------------------------------------------------------------------


async def _paper(request: web.Request) -> web.Response:
    case = await case_of(request)
    await note(request, "case printed", case.number)
    files = await asyncio.to_thread(request.app[REGISTER].enclosures.of, case.number)
    values = _paper_of(request, case, [file.name for file in files])
    return page(request, "case_paper.html.j2", alone=False, css="", **values)


def _paper_of(request: web.Request, case: Case, files: list[str]) -> dict[str, Any]:
    """As much of a case as one page holds, the answer whole."""
    now = datetime.now(UTC)
    lines = case.answer.splitlines()
    length = sum(max(_A_LINE, len(line)) for line in lines)
    size, most = next((size, most) for limit, size, most in _SIZES if length <= limit)
    events = [(event, event.at.astimezone(BEIJING)) for event in case.events]
    return {
        "case": case,
        "kind": KINDS[case.filed.kind],
        "filed": case.filed.at.astimezone(BEIJING),
        "clocks": request.app[REGISTER].clocks.of(case, now),
        "events": events[-most:],
        "left_out": max(0, len(events) - most),
        "files": [name if len(name) <= 20 else f"{name[:19]}…" for name in files[:_MOST_NAMES]],
        "more_files": max(0, len(files) - _MOST_NAMES),
        "size": size,
        "by": user_name(request),
        "at": now.astimezone(BEIJING),
    }


# --- the list -----------------------------------------------------------------------------------


async def _sheet(request: web.Request) -> web.Response:
    """The list as it is filtered, for a spreadsheet; every cell is text, and never a formula."""
    rows = await found_rows(request)
    await note(request, "cases exported", "list", request.query_string[:200])
    with tempfile.TemporaryDirectory(prefix="ivr-cases-") as folder:
        target = Path(folder) / "cases.xlsx"
        found = ResultSet(_COLUMNS, tuple(_cells(row) for row in rows))
        await asyncio.to_thread(save_sheet, found, target, Vocabulary())
        body = await asyncio.to_thread(target.read_bytes)
    return attached(body, f"cases-{datetime.now(BEIJING):%Y-%m-%d}.xlsx")


def _cells(row: Row) -> tuple[object, ...]:
    case, clock = row
    return (
        case.number,
        KINDS[case.filed.kind],
        case.filed.at.astimezone(BEIJING).replace(tzinfo=None),
        case.state.words,
        case.handler,
        clock.stage.value if clock else None,
        clock.due if clock else None,
        clock.light.value if clock else None,
        case.reopened,
    )


# --- all of one ---------------------------------------------------------------------------------


async def _zip(request: web.Request) -> web.Response:
    """With its sound and what is enclosed, for those entitled; the reason is in the trail first."""
    case, form = await case_of(request), await request.post()
    reason = str(form.get("reason", "")).strip()
    if not reason:
        return await shown(request, fault="写明为什么导出 · say why", status=422)
    sound, state = Path(), Evidence.GONE
    if case.filed.has_sound:
        filed = (case.filed.path, case.filed.sha256)
        sound, state = await asyncio.to_thread(find, request.app[SETTINGS], *filed)
    if state in (Evidence.CHANGED, Evidence.AWAY):
        return await shown(request, fault=state, status=422)
    await note(request, "case exported", case.number, reason)
    try:
        parts = await asyncio.to_thread(_parts, request, case, sound, state)
    except Unreadable as unreadable:
        return await shown(request, fault=str(unreadable), status=422)
    return attached(await asyncio.to_thread(_zipped, parts), f"{case.number}.zip")


def _parts(request: web.Request, case: Case, sound: Path, state: Evidence) -> dict[str, bytes]:
    register = request.app[REGISTER]
    files = register.enclosures.of(case.number)
    values = _paper_of(request, case, [file.name for file in files])
    css = (Path(__file__).parent.parent / "static" / "paper.css").read_text(encoding="utf-8")
    paper = fragment("case_paper.html.j2", alone=True, css=css, **values)
    parts = {"处理单.html": paper.encode()}
    if state is Evidence.WHOLE:
        parts["录音.wav"] = sound.read_bytes()
    for n, file in enumerate(files, start=1):
        parts[f"附件/{n:02} {file.name}"] = register.enclosures.content(case.number, file.id)[1]
    return parts


def _zipped(parts: dict[str, bytes]) -> bytes:
    sums = "".join(f"{hashlib.sha256(part).hexdigest()}  {name}\n" for name, part in parts.items())
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**parts, "SHA256SUMS": sums.encode()}.items():
            archive.writestr(name, part)
    return content.getvalue()


# --- counted ------------------------------------------------------------------------------------


async def _counts(request: web.Request) -> web.Response:
    """For the live page: what waits, and what of it is nearly or wholly late."""
    rows = await found_rows(request)
    lights = [clock.light for _, clock in rows if clock is not None]
    counts = {
        "在办": (len(rows), "", ""),
        "待受理": (sum(case.state is State.PENDING for case, _ in rows), "state=pending", ""),
        "将到期": (lights.count(Light.AMBER), f"light={Light.AMBER}", "warn"),
        "已超期": (lights.count(Light.RED), f"light={Light.RED}", "late"),
    }
    return page(request, "case_counts.html.j2", counts=counts)


PAGE = Page(
    "工单文件",
    "/cases/counts",
    (
        Route("GET", "/cases/counts", _counts, Action.SEE_CASES, background=True),
        Route("GET", "/cases/cases.xlsx", _sheet, Action.EXPORT_CASES),
        Route("GET", "/cases/{number:\\d+}/paper", _paper, Action.SEE_CASES),
        Route("POST", "/cases/{number:\\d+}/zip", _zip, Action.EXPORT_CASES),
    ),
    in_menu=False,
)
