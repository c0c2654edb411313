"""How late facts are seen, and how long the service's event loop is held while it notes them.

`python -m bench.facts_freshness [SECONDS]`: notes 600 facts/s into a folder of its own with the
loader beside it, and prints the largest delay of the event loop and the age of the newest
published fact, in milliseconds.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from analytics.answering.asking import ask
from analytics.loading.store import FactsFolder
from ivr.records.facts import Refused
from ivr.records.journal import Journal

TICK_SECONDS = 0.02
FACTS_PER_TICK = 12
LOOK_SECONDS = 0.5


async def _note(journal: Journal, until: float) -> list[float]:
    """Note facts at a steady pace; by how much each tick came late, in seconds."""
    late = []
    while (began := time.monotonic()) < until:
        for n in range(FACTS_PER_TICK):
            journal.note(Refused(session="bench", reason=str(n)))
        await asyncio.sleep(TICK_SECONDS)
        late.append(time.monotonic() - began - TICK_SECONDS)
    return late


def _age(published: Path) -> float | None:
    """Of the newest published fact, in seconds; None while there is none."""
    if not published.exists():
        return None
    (row,) = ask(published, "SELECT max(happened) FROM refusal").rows
    newest = row[0]
    if not isinstance(newest, datetime):
        return None
    return (datetime.now(UTC) - newest.replace(tzinfo=UTC)).total_seconds()


async def _look(published: Path, until: float) -> list[float]:
    """How old the newest published fact is, again and again, in seconds."""
    ages = []
    while time.monotonic() < until:
        ages.append(await asyncio.to_thread(_age, published))
        await asyncio.sleep(LOOK_SECONDS)
    return [age for age in ages if age is not None]


async def _measure(home: Path, seconds: float) -> None:
    journal = Journal.open(home / "spool", node="bench")
    until = time.monotonic() + seconds
    late, ages = await asyncio.gather(
        _note(journal, until), _look(FactsFolder(home).published, until)
    )
    await journal.close()
    print(f"facts noted: {len(late) * FACTS_PER_TICK}")
    print(f"event loop late: median {median(late) * 1000:.1f} ms, most {max(late) * 1000:.1f} ms")
    print(f"newest published fact: median {median(ages):.1f} s old, most {max(ages):.1f} s")


def main() -> None:
    """Start the loader, measure, end the loader."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "IVR_HOME": home}
        loader = subprocess.Popen([sys.executable, "-m", "ivr.cli", "loader"], env=environment)
        try:
            asyncio.run(_measure(Path(home), seconds))
        finally:
            loader.terminate()
            loader.wait()


if __name__ == "__main__":
    main()
