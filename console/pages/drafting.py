"""话术, changed: one sentence with its check and its sound, the draft, four eyes, publication."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from aiohttp import web

from console import sounds
from console.publishing import Publishing
from console.rendering import page
from console.rights import Action
from console.routes import SETTINGS, STUDIO, Route, allowed, user_name
from console.trail import note
from ivr.hours import BEIJING
from ivr.people.audit import Action as Noted
from ivr.speech import publications
from ivr.speech.publications import HOW_IN_CHINESE, Heard, Timed, Turn, clock, in_words
from prompt_build import sets
from prompt_build.build import BuildFailed
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.layers import laid
from prompt_build.catalog.reading import examined
from prompt_build.catalog.rewriting import CannotRewrite
from prompt_build.lexicon import LexiconError
from prompt_build.locking import Busy
from prompt_build.marking import parts
from prompt_build.studio import entries, publishing, timing
from prompt_build.studio.checking import Checked, check, spoken_by
from prompt_build.studio.content import KINDS_OF_CHANGE
from prompt_build.studio.drafts import MOST_CHARACTERS, Drafts, Proposal, Refused
from prompt_build.studio.entries import Entry
from prompt_build.studio.looking import look
from prompt_build.voices import VoiceUnavailable

T = TypeVar("T")
PUBLISHING = web.AppKey("publishing", Publishing)
_MOST_READINGS: Final = 20
_MOST_PAST: Final = 50
REFUSALS: Final = (
    Refused,
    CannotRewrite,
    CatalogError,
    LexiconError,
    BuildFailed,
    VoiceUnavailable,
    Busy,
    sets.NoSuchSet,
    sets.NoSuchTime,
    sets.Unfit,
)
"""What is told to an editor in its own words."""


# --- one sentence -----------------------------------------------------------------------------


def _entry(drafts: Drafts, name: str) -> Entry:
    """As file and draft have it; no page where there is none of that name."""
    found = entries.every(laid(drafts.proposal().source)).get(name)
    if found is None:
        raise web.HTTPNotFound
    return found


def _checked(request: web.Request, entry: Entry, options: Mapping[str, Any]) -> Checked:
    settings, drafts = request.app[SETTINGS], request.app[STUDIO].drafts
    source = drafts.proposal({entry.name: entries.citys(entry, options)}).source
    prompts = examined(laid(source), source)[0].prompts
    heard = spoken_by(prompts, entry.name, entry.used_by)
    return check(settings, source, heard[:_MOST_READINGS])


async def _edit(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    entry = await _told(lambda: _entry(request.app[STUDIO].drafts, name))
    return await _edited(request, entry, entry.options)


async def _edited(
    request: web.Request, entry: Entry, options: Mapping[str, Any], fault: str = ""
) -> web.Response:
    """The form with these options in it."""
    drafts, now = request.app[STUDIO].drafts, datetime.now(UTC)
    draft = await _told(drafts.now)
    return page(
        request,
        "words_entry.html.j2",
        status=422 if fault else 200,
        entry=entry,
        options=options,
        hints="\n".join(f"{word}={said}" for word, said in options.get("hints", {}).items()),
        checked=await asyncio.to_thread(_checked, request, entry, options),
        held=draft.holder(entry.name, now, but=user_name(request)),
        fault=fault,
        most=MOST_CHARACTERS,
        beijing=BEIJING,
    )


async def _form(request: web.Request) -> tuple[Entry, dict[str, Any]]:
    """The entry of the address, and its options as they were typed; ValueError, in words."""
    form = {name: str(each) for name, each in (await request.post()).items()}
    if any(len(each) > MOST_CHARACTERS for each in form.values()):
        raise ValueError(f"太长了：最多 {MOST_CHARACTERS} 个字")
    name = request.match_info["name"]
    entry = await _told(lambda: _entry(request.app[STUDIO].drafts, name))
    return entry, entries.fields(entry, form)


async def _check(request: web.Request) -> web.Response:
    """What the page shows while somebody types; whoever types has the sentence."""
    try:
        entry, options = await _form(request)
        drafts, who = request.app[STUDIO].drafts, user_name(request)
        hold = partial(drafts.hold, entry.name, who, datetime.now(UTC))
        await asyncio.to_thread(hold)
        checked = await asyncio.to_thread(_checked, request, entry, options)
    except (ValueError, *REFUSALS) as wrong:
        checked = Checked((str(wrong),), ())
    return page(request, "words_checked.html.j2", checked=checked)


async def _hear(request: web.Request) -> web.Response:
    """The sentence as it is typed, spoken now; it goes nowhere else."""
    try:
        entry, options = await _form(request)
        drafts = request.app[STUDIO].drafts
        wanted = {entry.name: entries.citys(entry, options)}
        source = (await _told(lambda: drafts.proposal(wanted))).source
        catalog, _ = await _told(lambda: examined(laid(source), source))
    except ValueError as wrong:
        raise web.HTTPUnprocessableEntity(text=str(wrong)) from None
    heard = spoken_by(catalog.prompts, entry.name, entry.used_by)
    if not heard:
        raise web.HTTPNotFound(text="没有哪一句会说它")
    settings = request.app[SETTINGS]
    return await sounds.wav(request, lambda: sounds.of_catalog(settings, heard[0], source))


async def _save(request: web.Request) -> web.Response:
    drafts, who, name = request.app[STUDIO].drafts, user_name(request), request.match_info["name"]
    before = await _told(lambda: _entry(drafts, name))
    try:
        entry, options = await _form(request)
        checked = await asyncio.to_thread(_checked, request, entry, options)
        if checked.faults:
            return await _edited(request, entry, options, "还有要改的地方，没有存：")
        wanted = {name: entries.citys(entry, options)}
        await note(request, "words changed", name)
        await asyncio.to_thread(lambda: drafts.save(wanted, who, datetime.now(UTC)))
    except (ValueError, *REFUSALS) as wrong:
        typed = str((await request.post()).get(before.field, before.said))[:MOST_CHARACTERS]
        return await _edited(request, before, {**before.options, before.field: typed}, str(wrong))
    raise web.HTTPSeeOther("/words/draft")


async def _take_over(request: web.Request) -> web.Response:
    name, who = request.match_info["name"], user_name(request)
    drafts = request.app[STUDIO].drafts
    entry = await _told(lambda: _entry(drafts, name))
    held = (await _told(drafts.now)).holder(name, datetime.now(UTC), but=who)
    await note(request, "words taken over", entry.name, held.who if held else "")
    await asyncio.to_thread(lambda: drafts.take_over(name, who, datetime.now(UTC)))
    raise web.HTTPSeeOther(f"/words/edit/{name}")


async def _told(work: Callable[[], T]) -> T:
    """In a thread; what cannot be done is told on a page of its own."""
    try:
        return await asyncio.to_thread(work)
    except REFUSALS as refused:
        raise web.HTTPConflict(text=str(refused)) from None


# --- the draft --------------------------------------------------------------------------------


async def _draft(request: web.Request) -> web.Response:
    return await _shown(request)


async def _shown(request: web.Request, fault: str = "") -> web.Response:
    settings, drafts = request.app[SETTINGS], request.app[STUDIO].drafts
    await _told(lambda: timing.settle(settings, datetime.now(UTC)))
    proposal = await _told(drafts.proposal)
    checked, heard = await asyncio.to_thread(_consequences, request, proposal)
    who, draft = user_name(request), proposal.draft
    four_eyes = settings.console.second_person
    return page(
        request,
        "words_draft.html.j2",
        status=422 if fault else 200,
        proposal=proposal,
        draft=draft,
        heard=heard,
        faults=checked.faults,
        four_eyes=four_eyes,
        may_edit=allowed(request, Action.EDIT_WORDS),
        may_approve=draft.submitted is not None
        and draft.submitted.digest == proposal.digest
        and not proposal.approved
        and who not in (*draft.authors, draft.submitted.who),
        ready=bool(heard)
        and not checked.faults
        and not proposal.conflicts
        and (proposal.approved or not four_eyes),
        fault=fault,
        course=request.app[PUBLISHING].now(),
        air=await asyncio.to_thread(_on_air, settings.audio),
        told_how=HOW_IN_CHINESE,
        in_words=in_words,
        clock=clock,
        beijing=BEIJING,
    )


@dataclass(frozen=True, slots=True)
class _OnAir:
    """What callers hear, will hear and have heard."""

    current: int | None
    on_top: Timed | None
    turns: tuple[Turn, ...]
    ahead: tuple[Timed, ...]
    past: tuple[Heard, ...]
    """The newest first."""
    over: frozenset[int]
    """Sets that were for a time which is over: not to be gone back to."""


def _turned(past: Sequence[Heard]) -> list[Heard]:
    """Without what was only planned: callers went on hearing the same."""
    return [each for n, each in enumerate(past) if not n or past[n - 1].set != each.set]


def _on_air(audio: Path) -> _OnAir:
    log, now = publications.read(audio), datetime.now(UTC)
    if not log:
        return _OnAir((sets.published(audio) or {}).get("set"), None, (), (), (), frozenset())
    last, past = log[-1], publications.heard(log, now)
    newest = {each.set: each for each in past}
    return _OnAir(
        current=last.in_force(now),
        on_top=last.on_top(now),
        turns=tuple(last.turns(now)),
        ahead=timing.planned(last, now),
        past=tuple(_turned(past)[: -_MOST_PAST - 1 : -1]),
        over=frozenset(number for number, each in newest.items() if sets.is_over(each, now)),
    )


def _consequences(request: web.Request, proposal: Proposal) -> tuple[Checked, list[dict[str, Any]]]:
    """What is wrong with it, and sentence by sentence what callers will hear otherwise."""
    settings = request.app[SETTINGS]
    checked = check(settings, proposal.source, ())
    if checked.faults:
        return checked, []
    seen = look(settings, proposal.source)
    nothing: sets.Manifest = {"prompts": {}, "scripts": {}}
    lasting = sets.underneath(settings.audio)
    changes = sets.changes(lasting or nothing, seen.wanted)
    return checked, [
        {
            "name": each.prompt,
            "kind": KINDS_OF_CHANGE[each.kind],
            "parts": parts(each.before or "", each.after or ""),
        }
        for each in changes
        if each.prompt in seen.wanted["scripts"] or each.after is None
    ]


async def _done(
    request: web.Request, action: Noted, subject: str, why: str, work: Callable[[], object]
) -> web.Response:
    """Noted, done, and the draft shown again; or what stands in the way."""
    await note(request, action, subject, why)
    try:
        await asyncio.to_thread(work)
    except REFUSALS as refused:
        return await _shown(request, str(refused))
    raise web.HTTPSeeOther("/words/draft")


async def _why(request: web.Request) -> str:
    return str((await request.post()).get("why", "")).strip()[:200]


async def _digest(request: web.Request) -> str:
    return str((await request.post()).get("digest", ""))


async def _submit(request: web.Request) -> web.Response:
    why, digest = await _why(request), await _digest(request)
    if not why:
        return await _shown(request, "请写明为什么改：批准的人要知道。")
    drafts, who, now = request.app[STUDIO].drafts, user_name(request), datetime.now(UTC)
    work = partial(drafts.submit, who, why, digest, now)
    return await _done(request, "words submitted", digest, why, work)


async def _approve(request: web.Request) -> web.Response:
    digest = await _digest(request)
    drafts, who, now = request.app[STUDIO].drafts, user_name(request), datetime.now(UTC)
    return await _done(
        request, "words approved", digest, "", partial(drafts.approve, who, digest, now)
    )


async def _send_back(request: web.Request) -> web.Response:
    why = await _why(request)
    if not why:
        return await _shown(request, "请写明哪里不行：改的人要知道。")
    drafts, who, now = request.app[STUDIO].drafts, user_name(request), datetime.now(UTC)
    return await _done(
        request, "words sent back", "draft", why, partial(drafts.send_back, who, why, now)
    )


async def _settle(request: web.Request) -> web.Response:
    name, ours = request.match_info["name"], (await request.post()).get("keep") == "draft"
    drafts, who, now = request.app[STUDIO].drafts, user_name(request), datetime.now(UTC)
    work = partial(drafts.settle, name, who, now, ours=ours)
    return await _done(request, "words changed", name, "draft" if ours else "file", work)


async def _drop(request: web.Request) -> web.Response:
    """One change less."""
    name = request.match_info["name"]
    drafts, who, now = request.app[STUDIO].drafts, user_name(request), datetime.now(UTC)
    work = partial(drafts.drop, name, who, now)
    return await _done(request, "words changed", name, "取消这处改动", work)


async def _discard(request: web.Request) -> web.Response:
    return await _done(
        request, "words discarded", "draft", await _why(request), request.app[STUDIO].drafts.discard
    )


# --- on air, and back -------------------------------------------------------------------------


async def _publish(request: web.Request) -> web.Response:
    """Begin: the sentences are made while the page may be closed."""
    why, digest = await _why(request), await _digest(request)
    settings, drafts = request.app[SETTINGS], request.app[STUDIO].drafts
    why = why or getattr((await _told(drafts.now)).submitted, "why", "")
    if not why:
        return await _shown(request, "请写明为什么发布：以后查得到。")
    form, who, now = await request.post(), user_name(request), datetime.now(UTC)
    try:
        times = timing.times(str(form.get("since", "")), str(form.get("until", "")), now)
        await note(request, "words published", digest, f"{why}{_when(times)}")
        wish = publishing.Wish(who, why, times)
        await asyncio.to_thread(publishing.ready, settings, digest, wish, now)
        work = partial(publishing.publish, settings, digest, wish, partial(datetime.now, UTC))
        request.app[PUBLISHING].begin(work, (*REFUSALS, OSError), who, why)
    except REFUSALS as refused:
        return await _shown(request, str(refused))
    raise web.HTTPSeeOther("/words/draft")


def _when(times: timing.Times) -> str:
    """For the trail."""
    since = f"（{clock(times.since)} 起）" if times.since else ""
    return since + (f"（到 {clock(times.until)}）" if times.until else "")


async def _progress(request: web.Request) -> web.Response:
    """How far the publication has come, for the page to show."""
    course = request.app[PUBLISHING].now()
    if course is None:
        return web.json_response({"runs": False})
    return web.json_response(
        {"runs": course.runs, "made": course.made, "of": course.of, "says": course.says}
    )


async def _withdraw(request: web.Request) -> web.Response:
    why, number = await _why(request), request.match_info["number"]
    if not (number.isascii() and number.isdigit()):
        raise web.HTTPNotFound
    if not why:
        return await _shown(request, "请写明为什么撤下：以后查得到。")
    work = partial(
        publishing.withdraw,
        request.app[SETTINGS],
        int(number),
        who=user_name(request),
        why=why,
        now=datetime.now(UTC),
    )
    return await _done(request, "words withdrawn", number, why, work)


async def _go_back(request: web.Request) -> web.Response:
    why, number = await _why(request), request.match_info["number"]
    if not (number.isascii() and number.isdigit()):
        raise web.HTTPNotFound
    if not why:
        return await _shown(request, "请写明为什么退回：接班的人要知道。")
    work = partial(
        publishing.go_back,
        request.app[SETTINGS],
        int(number),
        who=user_name(request),
        why=why,
        now=datetime.now(UTC),
    )
    return await _done(request, "words rolled back", number, why, work)


CHANGING: Final = (
    Route("GET", "/words/edit/{name}", _edit, Action.EDIT_WORDS),
    Route("POST", "/words/edit/{name}", _save, Action.EDIT_WORDS),
    Route("POST", "/words/edit/{name}/check", _check, Action.EDIT_WORDS),
    Route("POST", "/words/edit/{name}/hear", _hear, Action.EDIT_WORDS),
    Route("POST", "/words/edit/{name}/take", _take_over, Action.EDIT_WORDS),
    Route("GET", "/words/draft", _draft, Action.APPROVE_WORDS),
    Route("POST", "/words/draft/settle/{name}", _settle, Action.EDIT_WORDS),
    Route("POST", "/words/draft/drop/{name}", _drop, Action.EDIT_WORDS),
    Route("POST", "/words/draft/discard", _discard, Action.EDIT_WORDS),
    Route("POST", "/words/draft/submit", _submit, Action.EDIT_WORDS),
    Route("POST", "/words/draft/approve", _approve, Action.APPROVE_WORDS),
    Route("POST", "/words/draft/back", _send_back, Action.APPROVE_WORDS),
    Route("POST", "/words/draft/publish", _publish, Action.PUBLISH_WORDS),
    Route("GET", "/words/draft/progress", _progress, Action.APPROVE_WORDS, background=True),
    Route("POST", "/words/draft/withdraw/{number}", _withdraw, Action.PUBLISH_WORDS),
    Route("POST", "/words/go-back/{number}", _go_back, Action.PUBLISH_WORDS),
)
