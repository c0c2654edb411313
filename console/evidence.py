"""A filed recording as a page hears it: compared with what was filed, and drawn."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from ivr.config import Settings
from ivr.recordings.finding import find
from ivr.recordings.shape import Evidence, shape


async def sound_of(settings: Settings, path: str, sha256: str) -> web.FileResponse:
    """Whole or a range of it, while it is what was filed; HTTPNotFound, HTTPConflict,
    HTTPServiceUnavailable."""
    found = await _whole(settings, path, sha256)
    return web.FileResponse(found, headers={"Content-Type": "audio/wav"})


async def shape_of(settings: Settings, path: str, sha256: str) -> web.Response:
    """What its waveform is drawn of; as `sound_of`."""
    found = await _whole(settings, path, sha256)
    made = await asyncio.to_thread(lambda: shape(found.read_bytes()))
    return web.json_response({"ms": made.ms, "peaks": made.peaks, "silences": made.silences})


async def _whole(settings: Settings, path: str, sha256: str) -> Path:
    found, state = await asyncio.to_thread(find, settings, path, sha256)
    match state:
        case Evidence.GONE:
            raise web.HTTPNotFound(text=state)
        case Evidence.CHANGED:
            raise web.HTTPConflict(text=state)
        case Evidence.AWAY:
            raise web.HTTPServiceUnavailable(text=state)
    return found
