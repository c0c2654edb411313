"""Service and loader killed at random: what was acknowledged is published, each fact once.

`KILL_ROUNDS=100 pytest tests/analytics/test_pipeline.py --timeout 900` is the full test.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from analytics.answering.asking import ask
from analytics.loading.loader import Loader, run
from analytics.loading.store import FactsFolder
from tests.analytics.spool import lines, spool_file
from tests.analytics.test_loader import NOON, call

pytestmark = pytest.mark.live

SERVICE = """
import asyncio, sys
from pathlib import Path
from datetime import UTC, datetime, timedelta
from ivr.records.facts import Refused
from ivr.records.journal import Journal

async def course():
    ago = timedelta(days=int(sys.argv[3]))
    clock = lambda: datetime.now(UTC) - ago
    journal = Journal.open(Path(sys.argv[1]) / "spool", node="n1", clock=clock)
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
from analytics.loading import loader
from analytics.loading import intake
from analytics.loading.store import FactsFolder

loader.PERIOD_SECONDS, loader.REST, intake.MOST_BYTES = 0.001, 0.0, 30000
loader.TIDY_SECONDS = 0.3  # days are filed and months merged all the time
loader.run(FactsFolder(Path(sys.argv[1])))
"""
ROUNDS = int(os.environ.get("KILL_ROUNDS", "4"))
"""The full test has a hundred."""


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
        days_ago = chance.choice([0, 1, 2, 5, 40, 41, -3])  # the clock jumps at every start
        service = started(SERVICE, str(tmp_path), str(round_), str(days_ago))
        loader = started(LOADER, str(tmp_path))
        assert service.stdout is not None
        begun = service.stdout.readline()  # it works: a kill before that shows nothing
        time.sleep(chance.uniform(0.5, 1.0))
        first, second = chance.sample([service, loader], 2)
        told = {first: killed(first), second: killed(second)}
        safe[str(round_)] = acknowledged(begun + told[service])
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


FULL_DISK = """
import resource, signal, sys, time
from pathlib import Path
from analytics.loading import loader
from analytics.loading.store import FactsFolder

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = FactsFolder(Path(sys.argv[1]))
loader.PERIOD_SECONDS, loader.REST = 0.05, 0.0
# No file grows beyond what there is: every write of the loader fails as on a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))

class Told:
    def __init__(self): self.passes = 0
    def is_set(self): return self.passes > 12
    def wait(self, seconds):
        self.passes += 1
        if self.passes == 6:
            resource.setrlimit(
                resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            print("room again", flush=True)
        return self.is_set()

loader.run(folder, stop=Told())
"""


@pytest.mark.parametrize("room", [0, 4096, 300_000, 2_200_000, 2_700_000])
def test_a_full_disk_loses_nothing_and_passes(tmp_path: Path, room: int) -> None:
    folder = FactsFolder(tmp_path)
    spool_file(tmp_path, "facts-1.jsonl").write_bytes(lines(call("a")))
    run(folder, once=True)
    spool_file(tmp_path, "facts-2.jsonl").write_bytes(
        lines([fact for n in range(3000) for fact in call(f"b{n}", n)])
    )
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(room)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "room again" in done.stdout
    counts = "SELECT count(*), count(DISTINCT session), sum(steps)::INT FROM call_session"
    assert ask(folder.published, counts).rows == ((3001, 3001, 3001),)


def test_a_block_of_zeros_after_a_power_cut_is_passed_over(tmp_path: Path) -> None:
    spool_file(tmp_path, "facts-1.jsonl").write_bytes(
        lines(call("a")) + bytes(5000) + b"\n" + lines(call("b")) + bytes(5000)
    )
    spool_file(tmp_path, "facts-2.jsonl").write_bytes(lines(call("c")))
    run(FactsFolder(tmp_path), once=True)
    calls = ask(FactsFolder(tmp_path).published, "SELECT count(*) FROM call_session").rows
    assert calls == ((3,),)


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=400), timedelta(days=-400)])
def test_a_clock_that_jumps_in_the_midst_of_a_call_loses_nothing(
    tmp_path: Path, back: timedelta
) -> None:
    facts = call("a")
    jumped = [*facts[:2], *((at - back, fact) for at, fact in facts[2:])]
    path = spool_file(tmp_path)
    for n in range(1, len(jumped) + 1):  # one fact at a time, filed as soon as its day is closed
        path.write_bytes(path.read_bytes() if path.exists() else b"")
        with path.open("ab") as file:
            file.write(lines(jumped[n - 1 : n]))
        loader = Loader(FactsFolder(tmp_path))
        loader.load()
        for _ in loader.tidy(NOON + timedelta(days=10)):
            pass
        loader.publish()
        loader.close()
    row = "SELECT steps, lookups, completed, ms, disposition FROM call_session"
    assert ask(FactsFolder(tmp_path).published, row).rows == ((1, 1, 1, 30000, "hung_up"),)
