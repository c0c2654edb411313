"""When trial calls are made: one at a time, kept in the records, again and again where wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from ivr.config import LINE_NUMBER, Settings
from ivr.lifecycle.watchdog import watched
from ivr.probe.outcomes import Outcome
from ivr.probe.probing import probe
from ivr.records.facts import Probed
from ivr.records.holding import hold
from ivr.records.journal import append

log = logging.getLogger(__name__)


async def call_once(settings: Settings) -> Outcome:
    """One trial call, noted; none while another goes on, and then there is nothing to keep."""
    with _alone(settings) as alone:
        if not alone:
            return Outcome(datetime.now(UTC), _another(settings))
        outcome = Outcome(datetime.now(UTC), await probe(settings))
        try:
            append(settings.home / "spool", outcome.probed, node=settings.node)
        except OSError as full:
            log.warning("a trial call is in no record: %s", full)
        return outcome


async def call_again(settings: Settings) -> None:
    """One every `probe.every_seconds`, until cancelled; what is not well is logged."""
    every = settings.probe.every_seconds
    if not every:
        log.info("probe.every_seconds = 0: no trial calls")
        return
    with watched():
        while True:
            began = asyncio.get_running_loop().time()
            outcome = await call_once(settings)
            log.log(logging.INFO if outcome.well else logging.WARNING, "probe: %s", outcome)
            left = began + every - asyncio.get_running_loop().time()
            await asyncio.sleep(max(1.0, left))


def way(settings: Settings) -> str:
    """Where the call goes, for people."""
    if settings.probe.server is not None:
        return f"{settings.probe.number}@{settings.probe.server}"
    return f"{LINE_NUMBER}@{settings.sip_host}:{settings.sip_port}"


@contextmanager
def _alone(settings: Settings) -> Iterator[bool]:
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "probe.lock").open("a") as lock:
        yield hold(lock)


def _another(settings: Settings) -> Probed:
    return Probed(
        verdict="impossible",
        step="",
        outside=settings.probe.server is not None,
        line_closed=False,
        detail="另一次拨测正在进行 · another trial call goes on",
    )
