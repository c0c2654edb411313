"""话术: every sentence to read and to hear, where it stands, what it says, how callers take it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from analytics.answering.asking import CannotAnswer, ResultSet
from analytics.answering.course import following
from analytics.answering.questioning import Days, question_called
from console import sounds
from console.facts import asked, terms
from console.pages.drafting import CHANGING
from console.pages.exchange import EXCHANGING
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, STUDIO, Page, Route, allowed
from console.studio import draft_of
from ivr.hours import BEIJING
from ivr.speech import numbers
from ivr.speech.publications import Turn, in_words, last
from prompt_build.hearing import EXAMPLES
from prompt_build.studio.content import minus

KINDS: Final = {
    "amount": "金额",
    "year_month": "年月",
    "date": "日期",
    "term_years": "年限",
    "term_months": "年限（按月）",
    "periods": "期数",
    "persons": "位数",
    "minutes": "分钟数",
    "id": "身份证号",
    "id_tail": "身份证尾号",
    "phone": "电话号码",
    "digits": "编号",
}
"""Kinds of numbers that an editor can listen to, as the page names them."""
_USAGE: Final = ("prompts", "keys_pressed")
"""The questions that tell how sentences are taken."""
_MOST_FOLLOWING: Final = 3


async def _list(request: web.Request) -> web.Response:
    view = await asyncio.to_thread(request.app[STUDIO].view, datetime.now(BEIJING).date())
    return page(
        request,
        "words.html.j2",
        page=view.page,
        written=view.written,
        drafted=view.drafted,
        draft=draft_of(view),
        conflicts=view.proposal.conflicts if view.proposal else (),
        fault=view.fault,
        now=datetime.now(UTC),
        ways=request.app[STUDIO].known_ways(),
        may_edit=allowed(request, Action.EDIT_WORDS),
        whole=allowed(request, Action.APPROVE_WORDS),
        turns=await asyncio.to_thread(_turns, request.app[SETTINGS].audio),
        in_words=in_words,
        kinds=[(kind, name, EXAMPLES[kind]) for kind, name in KINDS.items()],
        minus=minus,
        beijing=BEIJING,
    )


def _turns(audio: Path) -> list[Turn]:
    """When callers will hear another set."""
    published = last(audio)
    return [] if published is None else list(published.turns(datetime.now(UTC)))


async def _ways(request: web.Request) -> web.Response:
    """Where keys lead, for the page to make links of."""
    return web.json_response(await request.app[STUDIO].ways())


# --- how callers take it ----------------------------------------------------------------------


async def _usage(request: web.Request) -> web.Response:
    """Of the last thirty days, by sentence: how often it was said, how it ended, what came then."""
    try:
        said, pressed, then = await usage(request)
    except CannotAnswer as cannot:
        return web.json_response({"told": str(cannot), "said": {}, "keys": {}, "then": {}})
    return web.json_response(
        {
            "told": "",
            "said": {str(each["prompt"]): _plain(each) for each in said.records()},
            "keys": _by_prompt(pressed, "key"),
            "then": _by_prompt(then, "following"),
        }
    )


def _by_prompt(found: ResultSet, column: str) -> dict[str, list[list[object]]]:
    """Sentence → each value with its percentage."""
    by_prompt: dict[str, list[list[object]]] = {}
    for each in found.records():
        told = [each[column], float(str(each["percent"]))]
        by_prompt.setdefault(str(each["prompt"]), []).append(told)
    return by_prompt


def _plain(row: dict[str, Any]) -> dict[str, int]:
    names = ("played", "to_the_end", "interrupted", "hung_up", "typed_over")
    return {name: int(row[name] or 0) for name in names}


async def usage(request: web.Request) -> list[ResultSet]:
    """What the published facts know of sentences; CannotAnswer where there are none."""
    settings = request.app[SETTINGS]
    days = Days.asked_for(None, None, datetime.now(BEIJING).date())
    return await asked(
        settings,
        lambda facts: [
            *(question_called(name).answer(facts, days, terms(settings)) for name in _USAGE),
            following(facts, days, most=_MOST_FOLLOWING),
        ],
    )


# --- sounds -----------------------------------------------------------------------------------


async def _prompt(request: web.Request) -> web.Response:
    """A prompt of a set."""
    audio, number = request.app[SETTINGS].audio, request.match_info["number"]
    prompt = request.match_info["prompt"]
    if not (number.isascii() and number.isdigit()):
        raise web.HTTPNotFound
    return await sounds.wav(request, lambda: sounds.of_set(audio, int(number), prompt))


async def _edited(request: web.Request) -> web.Response:
    """A prompt as file and draft have it now; new words are spoken before the answer."""
    settings, prompt = request.app[SETTINGS], request.match_info["prompt"]
    drafts = request.app[STUDIO].drafts
    return await sounds.wav(
        request, lambda: sounds.of_catalog(settings, prompt, drafts.proposal().source)
    )


async def _reading(request: web.Request) -> web.Response:
    """How a value is read, and where it is heard."""
    kind, value = request.query.get("kind", ""), request.query.get("value", "").strip()
    try:
        reading = numbers.read(kind, value)
        sound = reading.clips and f"/words/numbers/{kind}/{quote(value, safe='')}.wav"
    except numbers.Unreadable as unreadable:
        raise web.HTTPNotFound(text=str(unreadable)) from None
    return web.json_response({"text": reading.text, "sound": sound})


async def _number(request: web.Request) -> web.Response:
    audio = request.app[SETTINGS].audio
    kind, value = request.match_info["kind"], request.match_info["value"]
    return await sounds.wav(request, lambda: sounds.of_number(audio, kind, value))


LOOKING: Final = (
    Route("GET", "/words", _list, Action.SEE_WORDS),
    Route("GET", "/words/ways", _ways, Action.SEE_WORDS, background=True),
    Route("GET", "/words/usage", _usage, Action.SEE_WORDS, background=True),
    Route("GET", "/words/numbers", _reading, Action.SEE_WORDS, background=True),
    Route("GET", "/words/sets/{number}/{prompt}.wav", _prompt, Action.SEE_WORDS, background=True),
    Route(
        "GET", "/words/edited/{version}/{prompt}.wav", _edited, Action.SEE_WORDS, background=True
    ),
    Route("GET", "/words/numbers/{kind}/{value}.wav", _number, Action.SEE_WORDS, background=True),
)
"""What changes nothing."""

PAGE = Page("话术", "/words", (*LOOKING, *CHANGING, *EXCHANGING))
