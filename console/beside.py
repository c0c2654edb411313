"""Programs that live as long as the pages, beside them and behind everything else."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import web

from console.routes import SETTINGS
from ivr.asterisk.locate import ENDS_WITH_PARENT
from ivr.config import Settings
from ivr.lifecycle.tending import tended

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Companion:
    """A program that runs where the settings ask for it."""

    name: str
    """Of its task."""
    words: tuple[str, ...]
    """Of its command, after `ivr`."""
    wanted: Callable[[Settings], bool]
    again_seconds: float
    """After one that ended by itself; it is meant to go on."""


COMPANIONS: Final = (
    Companion(
        "transcribing",
        ("recordings", "transcribe"),
        lambda settings: settings.cases.transcript != "off",
        600.0,  # the recogniser lacks, its model, or it has died
    ),
    Companion("courier", ("courier",), lambda settings: settings.depot.is_named, 5.0),
)
IVR: tuple[str, ...] = (sys.executable, "-m", "ivr.cli")


async def accompanied(app: web.Application) -> AsyncIterator[None]:
    """As long as the pages are there."""
    settings = app[SETTINGS]
    wanted = [each for each in COMPANIONS if each.wanted(settings)]
    works = [asyncio.create_task(_kept(settings, each), name=each.name) for each in wanted]
    yield
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


async def _kept(settings: Settings, companion: Companion) -> None:
    run = partial(_run, settings, companion)
    await tended(f"`ivr {' '.join(companion.words)}`", run, companion.again_seconds)


async def _run(settings: Settings, companion: Companion) -> None:
    """Until it ends."""
    process = await asyncio.create_subprocess_exec(
        *ENDS_WITH_PARENT,
        *IVR,
        *companion.words,
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
    log.warning("%s ended (%s): see `ivr … --once`", companion.name, ended)
