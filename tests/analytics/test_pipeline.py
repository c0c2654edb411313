"""Service and loader killed at random: what was acknowledged is published, each fact once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from analytics.asking import ask
from analytics.loader import run
from analytics.store import FactsFolder

SERVICE = """
import asyncio, sys
from pathlib import Path
from ivr.facts import Refused
from ivr.journal import Journal

async def course():
    journal = Journal.open(Path(sys.argv[1]) / "spool", node="n1")
    n = 0
    while True:
        for _ in range(7):
            journal.note(Refused(session=sys.argv[2], reason=str(n)))
            n += 1
        await journal.settled()
        print(n, flush=True)

asyncio.run(course())
"""
LOADER = """
import sys
from pathlib import Path
from analytics import loader
from analytics.store import FactsFolder

loader.PERIOD_SECONDS, loader.REST, loader.MOST_BYTES = 0.001, 0.0, 30000
loader.run(FactsFolder(Path(sys.argv[1])))
"""
ROUNDS = 5


def started(program: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True
    )


def killed(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGKILL)
    return process.communicate()[0]


def acknowledged(output: str) -> int:
    """The last number of facts that the service was told are safe; a torn line does not count."""
    whole = [line for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return int(whole[-1]) if whole else 0


def test_acknowledged_facts_are_published_once_whatever_is_killed(tmp_path: Path) -> None:
    chance = random.Random(8329)
    safe: dict[str, int] = {}
    for round_ in range(ROUNDS):
        service = started(SERVICE, str(tmp_path), str(round_))
        loader = started(LOADER, str(tmp_path))
        time.sleep(chance.uniform(0.5, 1.0))
        first, second = chance.sample([service, loader], 2)
        told = {first: killed(first), second: killed(second)}
        safe[str(round_)] = acknowledged(told[service])
    run(FactsFolder(tmp_path), once=True)
    published = ask(
        FactsFolder(tmp_path).published,
        "SELECT session, count(*), count(DISTINCT reason), max(reason::INTEGER) + 1"
        " FROM refusal GROUP BY session",
    ).rows
    found = {str(row[0]): row[1:] for row in published}
    assert sum(safe.values()) > 0
    for session, facts in safe.items():
        count, distinct, highest = found.get(session, (0, 0, 0))
        assert count == distinct == highest  # each once, in one piece from the first
        assert isinstance(count, int)
        assert count >= facts
