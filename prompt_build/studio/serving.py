"""`ivr preview`: the editor's page on loopback, with the sounds that it plays; read-only."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ivr.config import Settings
from ivr.speech import numbers
from prompt_build import sets
from prompt_build.build import BuildFailed
from prompt_build.catalog.faults import CatalogError
from prompt_build.hearing import EXAMPLES, clips_of, joined
from prompt_build.lexicon import LexiconError
from prompt_build.preview.content import minus, page
from prompt_build.preview.looking import look
from prompt_build.rehearing import as_written
from prompt_build.voices import VoiceUnavailable

LOOPBACK = "127.0.0.1"
_HERE = Path(__file__).parent
_FILES = {"page.css": "text/css", "page.js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; media-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_KINDS = {
    "amount": "金额",
    "year_month": "年月",
    "date": "日期",
    "term_years": "年限",
    "term_months": "年限（按月）",
    "periods": "期数",
    "persons": "位数",
    "id": "身份证号",
    "id_tail": "身份证尾号",
    "phone": "电话号码",
    "digits": "编号",
}
"""Kinds of numbers that an editor can listen to, as the page names them."""

_SETTINGS = web.AppKey("settings", Settings)
_TEMPLATE = Environment(
    loader=FileSystemLoader(_HERE),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("page.html.j2")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def serve(settings: Settings, port: int, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; OSError when the port is taken. `say` hears where the page is."""
    address = f"http://{LOOPBACK}:{port}/"
    web.run_app(
        application(settings),
        host=LOOPBACK,
        port=port,
        print=lambda _: say(address),
        access_log=None,
    )


def application(settings: Settings) -> web.Application:
    """The page, its two files, and its sounds."""
    app = web.Application(middlewares=[_guard])
    app[_SETTINGS] = settings
    app.router.add_get("/", _page)
    app.router.add_get("/{file:page\\.(?:css|js)}", _file)
    app.router.add_get("/sets/{number:\\d+}/{prompt}.wav", _prompt)
    app.router.add_get("/edited/{version}/{prompt}.wav", _edited)
    app.router.add_get("/numbers", _reading)
    app.router.add_get("/numbers/{kind}/{value}.wav", _number)
    return app


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nothing for a foreign page that lets its own name point to this machine."""
    if request.url.host not in (LOOPBACK, "localhost"):
        raise web.HTTPForbidden(text="this page is for the machine that it runs on")
    response = await handler(request)
    response.headers.update(_HEADERS)
    return response


async def _page(request: web.Request) -> web.Response:
    return web.Response(
        text=await asyncio.to_thread(_rendered, request.app[_SETTINGS]), content_type="text/html"
    )


def _rendered(settings: Settings) -> str:
    today = date.today()  # noqa: DTZ011  the editor's own calendar
    kinds = [(kind, name, EXAMPLES[kind]) for kind, name in _KINDS.items()]
    return _TEMPLATE.render(page=page(look(settings), today), kinds=kinds, minus=minus)


async def _file(request: web.Request) -> web.Response:
    name = request.match_info["file"]
    return web.Response(text=(_HERE / name).read_text("utf-8"), content_type=_FILES[name])


# --- sounds -----------------------------------------------------------------------------------


async def _prompt(request: web.Request) -> web.Response:
    """A prompt of a set, with an example in each slot."""
    audio, number = request.app[_SETTINGS].audio, int(request.match_info["number"])
    return await _wav(request, lambda: _spoken(audio, number, request.match_info["prompt"]))


def _spoken(audio: Path, number: int, prompt: str) -> bytes:
    manifest = sets.load(audio, number)
    return _as_wav(audio, manifest, clips_of(manifest, prompt))


async def _edited(request: web.Request) -> web.Response:
    """A prompt as the catalog has it now; new words are spoken before the answer."""
    settings, prompt = request.app[_SETTINGS], request.match_info["prompt"]
    return await _wav(request, lambda: _rehearsed(settings, prompt))


def _rehearsed(settings: Settings, prompt: str) -> bytes:
    manifest = as_written(settings, prompt)
    return _as_wav(settings.audio, manifest, clips_of(manifest, prompt))


async def _reading(request: web.Request) -> web.Response:
    """How a value is read, and where it is heard."""
    kind, value = request.query.get("kind", ""), request.query.get("value", "").strip()
    try:
        reading = numbers.read(kind, value)
        sound = reading.clips and f"numbers/{kind}/{quote(value, safe='')}.wav"
    except numbers.Unreadable as unreadable:
        raise web.HTTPNotFound(text=str(unreadable)) from None
    return web.json_response({"text": reading.text, "sound": sound})


async def _number(request: web.Request) -> web.Response:
    audio = request.app[_SETTINGS].audio
    kind, value = request.match_info["kind"], request.match_info["value"]
    return await _wav(request, lambda: _numeral(audio, kind, value))


def _numeral(audio: Path, kind: str, value: str) -> bytes:
    known = sets.numbers_of(audio)
    manifest = sets.load(audio, known[-1] if known else 0)
    return _as_wav(audio, manifest, numbers.read(kind, value).clips)


def _as_wav(audio: Path, manifest: sets.Manifest, clips: tuple[str, ...]) -> bytes:
    import soundfile  # noqa: PLC0415  only where somebody listens

    samples, rate = joined(audio, manifest, clips)
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


async def _wav(request: web.Request, make: Callable[[], bytes]) -> web.Response:
    """The sound, or the part of it that a browser asks for so as to move within it."""
    try:
        sound = await asyncio.to_thread(make)
    except (sets.NoSuchSet, numbers.Unreadable, FileNotFoundError, CatalogError) as absent:
        raise web.HTTPNotFound(text=str(absent)) from None
    except (BuildFailed, VoiceUnavailable, LexiconError) as unspoken:
        raise web.HTTPServiceUnavailable(text=str(unspoken)) from None
    if "Range" not in request.headers:
        return web.Response(
            body=sound, content_type="audio/wav", headers={"Accept-Ranges": "bytes"}
        )
    try:
        first, end, _ = request.http_range.indices(len(sound))
    except ValueError:
        first = end = 0
    if first >= end:
        raise web.HTTPRequestRangeNotSatisfiable
    return web.Response(
        status=206,
        body=sound[first:end],
        content_type="audio/wav",
        headers={"Content-Range": f"bytes {first}-{end - 1}/{len(sound)}"},
    )
