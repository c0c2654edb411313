"""The process that writes down what recordings say, beside the pages and behind everything else."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from console.routes import SETTINGS
from ivr.asterisk.locate import ENDS_WITH_PARENT
from ivr.config import Settings
from ivr.lifecycle.tending import tended

log = logging.getLogger(__name__)

COMMAND: tuple[str, ...] = (sys.executable, "-m", "ivr.cli", "recordings", "transcribe")
TASK: Final = "transcribing"
AGAIN_SECONDS: Final = 600.0
"""After one that ended by itself: the recogniser lacks, its model, or it has died."""


async def written_down(app: web.Application) -> AsyncIterator[None]:
    """As long as the pages are there, where the settings ask for it."""
    if app[SETTINGS].cases.transcript == "off":
        yield
        return
    run = partial(_run, app[SETTINGS])
    again = tended("writing down what recordings say", run, AGAIN_SECONDS)
    work = asyncio.create_task(again, name=TASK)
    yield
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def _run(settings: Settings) -> None:
    """Until it ends; it is meant to go on."""
    process = await asyncio.create_subprocess_exec(
        *ENDS_WITH_PARENT,
        *COMMAND,
        env={**os.environ, "IVR_HOME": str(settings.home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        ended = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    log.warning("transcribing ended (%s): see `ivr recordings transcribe --once`", ended)
