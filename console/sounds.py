"""Sentences and numbers as sound, for the browser: whole, or the part that it asks for."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from ivr.config import Settings
from ivr.speech import numbers
from prompt_build import sets
from prompt_build.build import BuildFailed
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.source import Source
from prompt_build.hearing import clips_of, joined
from prompt_build.lexicon import LexiconError
from prompt_build.rehearing import as_written
from prompt_build.voices import VoiceUnavailable


def of_set(audio: Path, number: int, prompt: str) -> bytes:
    """A prompt of a set, with an example in each slot."""
    manifest = sets.load(audio, number)
    return _as_wav(audio, manifest, clips_of(manifest, prompt))


def of_catalog(settings: Settings, prompt: str, source: Source) -> bytes:
    """A prompt as a catalog has it; new words are spoken now."""
    manifest = as_written(settings, prompt, source)
    return _as_wav(settings.audio, manifest, clips_of(manifest, prompt))


def of_number(audio: Path, kind: str, value: str) -> bytes:
    """A number as the newest set says it."""
    known = sets.numbers_of(audio)
    manifest = sets.load(audio, known[-1] if known else 0)
    return _as_wav(audio, manifest, numbers.read(kind, value).clips)


def _as_wav(audio: Path, manifest: sets.Manifest, clips: tuple[str, ...]) -> bytes:
    import soundfile  # noqa: PLC0415  only where somebody listens

    samples, rate = joined(audio, manifest, clips)
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


async def wav(request: web.Request, make: Callable[[], bytes]) -> web.Response:
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
