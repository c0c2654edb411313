"""`kill -9` of a service with many callers: when each of them hears 抱歉让您久等了.

`python -m bench.takeover [--calls 100]`: callers as in the soak; in the midst of their calls the
service is killed and started again at once, as a supervisor does. Needs `make asterisk prompts`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench import callers
from bench.line import Running, line
from ivr.upkeep.supervisor import pause_after

BUSY_SECONDS = 30.0
"""After which all have called, and many for the second time."""
AFTERWARDS_SECONDS = 5.0
"""How much longer they go on calling."""


def _kill(running: Running) -> datetime:
    killed = datetime.now(UTC)
    running.live.kill_service()
    time.sleep(pause_after(1))
    running.live.launch_service()
    return killed


def _moments(running: Running) -> dict[str, list[datetime]]:
    """When each call was found again, and when its apology began: noted when it was over."""
    found, sorry = [], []
    for fact in running.live.facts():
        noted = datetime.fromisoformat(fact["at"])
        if fact["fact"] == "SessionResumed":
            found.append(noted)
        elif fact.get("prompt") == "line.sorry_wait":
            sorry.append(noted - timedelta(milliseconds=fact["ms"]))
    return {"found again": found, "抱歉让您久等了": sorry}


def _take_over(home: Path, calls: int) -> bool:
    """Whether every call was taken up again and served to its end; prints what was measured."""
    with line(home) as running:
        seconds = BUSY_SECONDS + AFTERWARDS_SECONDS
        people = callers.start(running.settings.sip_port, calls, seconds)
        time.sleep(BUSY_SECONDS)
        killed = _kill(running)
        outcomes = callers.outcomes(people, lambda: time.sleep(1))
    for what, moments in _moments(running).items():
        after = sorted((moment - killed).total_seconds() for moment in moments)
        print(f"{what}: {len(after)} calls, first {after[0]:.2f} s after the kill,", end=" ")
        print(f"median {median(after):.2f} s, last {after[-1]:.2f} s")
    print(f"calls: {outcomes.total()}, {dict(outcomes)}")
    return set(outcomes) <= set(callers.SERVED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        sys.exit(not _take_over(Path(home), chosen.calls))


if __name__ == "__main__":
    main()
