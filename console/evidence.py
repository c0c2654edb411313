"""A filed recording as a page hears it: compared with what was filed, and drawn."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from ivr.recordings.shape import Evidence, evidence, shape


async def sound_of(path: Path, sha256: str) -> web.FileResponse:
    """Whole or a range of it, while it is what was filed; HTTPNotFound, HTTPConflict."""
    match await asyncio.to_thread(evidence, path, sha256):
        case Evidence.GONE:
            raise web.HTTPNotFound(text=Evidence.GONE)
        case Evidence.CHANGED:
            raise web.HTTPConflict(text=Evidence.CHANGED)
    return web.FileResponse(path, headers={"Content-Type": "audio/wav"})


async def shape_of(path: Path) -> web.Response:
    """What its waveform is drawn of; HTTPNotFound."""
    try:
        made = await asyncio.to_thread(lambda: shape(path.read_bytes()))
    except FileNotFoundError:
        raise web.HTTPNotFound(text=Evidence.GONE) from None
    return web.json_response({"ms": made.ms, "peaks": made.peaks, "silences": made.silences})
