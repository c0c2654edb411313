"""Callers without a pause on a whole line: none fails, memory stays flat, nothing is left open.

`python -m bench.soak [--seconds 1800] [--calls N]`: a real Asterisk and service in a folder of
their own, and callers who ask for balances, listen to texts, press wrong keys and hang up. How
many at once: as many as take 60 % of this machine, callers included, found by measuring the
processor time of a few. Needs `make asterisk prompts`. Ends with 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression

from bench import callers
from bench.line import Running, line
from ivr.ari.client import Ari
from ivr.config import Settings

SHARE = 0.6
TRIAL_CALLS = 8
TRIAL_SECONDS = 25.0
LOOK_SECONDS = 5.0
WARM_MINUTES, WARM_SHARE = 11.0, 0.5
"""In which memory may grow: the limits remember ten minutes of look-ups. Of a short run, half."""
LINGER_SECONDS = 40.0
"""In which connections that are kept open and SIP transactions (32 s) end by themselves."""


def _load(running: Running, calls: int, seconds: float) -> Counter[str]:
    """What the calls came to; memory is looked at meanwhile."""
    began = time.monotonic()

    def look() -> None:
        running.look((time.monotonic() - began) / 60)
        time.sleep(LOOK_SECONDS)

    return callers.outcomes(callers.start(running.settings.sip_port, calls, seconds), look)


def _calls_for_share(running: Running) -> int:
    """How many calls at once take `SHARE` of this machine, their callers included."""
    before, began = running.processor_seconds(), time.monotonic()
    _load(running, TRIAL_CALLS, TRIAL_SECONDS)
    used = (running.processor_seconds() - before) / (time.monotonic() - began)
    running.memory.clear()
    return max(1, int(SHARE * (os.cpu_count() or 1) / (used / TRIAL_CALLS)))


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Kilobytes a minute, once warm."""
    begins = min(WARM_MINUTES, WARM_SHARE * points[-1][0])
    warm = [point for point in points if point[0] >= begins]
    slope, _ = linear_regression([at for at, _ in warm], [size for _, size in warm])
    return slope * 1000


async def _left_open(settings: Settings) -> list[str]:
    async with Ari(settings.ari_base, settings.ari_user, settings.ari_secret()) as ari:
        channels = [f"channel {each.id}" for each in await ari.channels.list()]
        return channels + [f"bridge {each.id}" for each in await ari.bridges.list()]


def _sessions(running: Running) -> Counter[str]:
    """Beginnings and endings in the records."""
    kinds = {"SessionStarted", "SessionEnded"}
    return Counter(
        fact.get("disposition", "started") for fact in running.live.facts() if fact["fact"] in kinds
    )


def _soak(home: Path, seconds: float, calls: int | None) -> list[str]:
    """What was broken; prints what was measured."""
    with line(home) as running:
        idle_files, idle_use = running.files(), running.in_use_by_asterisk()
        calls = calls or _calls_for_share(running)
        print(f"calls at once: {calls}, for {seconds / 60:.0f} minutes", flush=True)
        before, began = running.processor_seconds(), time.monotonic()
        outcomes = _load(running, calls, seconds)
        used = (running.processor_seconds() - before) / (time.monotonic() - began)
        time.sleep(LINGER_SECONDS)
        left = asyncio.run(_left_open(running.settings))
        tasks, files = running.metric("ivr_tasks"), running.files()
        broken = running.metric("ivr_prompts_broken_total")
        use = running.in_use_by_asterisk()
    for name, points in running.memory.items():
        print(f"memory of {name}: {points[-1][1]:.0f} MB, {_slope(points):+.1f} kB/min")
    print(f"in use by asterisk: {idle_use:.1f} MB before the first call, {use:.1f} MB afterwards")
    sessions = _sessions(running)
    print(f"processor: {used:.2f} of {os.cpu_count()} cores, callers included")
    print(f"calls: {outcomes.total()}, {dict(outcomes)}; in the records: {dict(sessions)}")
    print(f"left open: {left or 'nothing'}; tasks: {tasks:.0f}; files: {idle_files} -> {files}")
    return [*_faults(outcomes, sessions, broken), *left]


def _faults(outcomes: Counter[str], sessions: Counter[str], broken: float) -> list[str]:
    started = sessions.pop("started")
    faults = [f"{n} calls: {what}" for what, n in outcomes.items() if what not in callers.SERVED]
    faults += [f"{sessions['failed']} sessions failed"] if sessions["failed"] else []
    faults += [f"{started} begun, {sessions.total()} ended"] if started != sessions.total() else []
    faults += [f"{broken:.0f} prompts that Asterisk could not play"] if broken else []
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--calls", type=int)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        faults = _soak(Path(home), chosen.seconds, chosen.calls)
    print("\n".join(faults) or "every call was served, and nothing is left")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
