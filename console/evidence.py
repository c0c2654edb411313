"""A filed recording as a page hears it: compared with what was filed, and drawn."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from aiohttp import web

from ivr.config import Settings
from ivr.recordings.finding import find, is_here
from ivr.recordings.shape import Evidence, shape

DEPOT_SECONDS: Final = 10.0
_FROM_DEPOT: Final = ThreadPoolExecutor(2, "from the depot")
"""Of their own: a folder of NFS whose server does not answer holds a thread for ever, and the
console needs its threads for everything else."""


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
    found, state = await _found(settings, path, sha256)
    match state:
        case Evidence.GONE:
            raise web.HTTPNotFound(text=state)
        case Evidence.CHANGED:
            raise web.HTTPConflict(text=state)
        case Evidence.AWAY:
            raise web.HTTPServiceUnavailable(text=state)
    return found


async def _found(settings: Settings, path: str, sha256: str) -> tuple[Path, Evidence]:
    if await asyncio.to_thread(is_here, settings, path):
        return await asyncio.to_thread(find, settings, path, sha256)
    fetching = asyncio.get_running_loop().run_in_executor(_FROM_DEPOT, find, settings, path, sha256)
    try:
        return await asyncio.wait_for(asyncio.shield(fetching), DEPOT_SECONDS)
    except TimeoutError:
        return Path(), Evidence.AWAY
