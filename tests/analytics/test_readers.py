"""Ten analysts open, ask and hold the published facts while days are filed and months merged."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from analytics.loading.loader import Loader
from analytics.loading.store import FactsFolder
from tests.analytics.spool import lines, spool_file
from tests.analytics.test_closing import NOON, days_of_calls
from tests.analytics.test_nothing_is_lost import until

READERS = 10
DAYS = 12
"""From the 24th on: November is merged on the way."""
READER = """
import sys, time
from pathlib import Path
import duckdb

published, stop, reading = map(Path, sys.argv[1:])
faults, reads, last = [], 0, 0
AGREE = '''SELECT (SELECT count(*) FROM call_session), (SELECT sum(steps) FROM call_session),
(SELECT count(*) FROM call_step), (SELECT sum(times)::BIGINT FROM step_day),
(SELECT count(DISTINCT session) FROM call_step), (SELECT count(*) FROM lookup)'''
while reads < 2 or not stop.exists():
    with duckdb.connect(str(published), read_only=True) as facts:
        first = facts.execute(AGREE).fetchone()
        if len(set(first)) != 1 or first[0] < last:
            faults.append(first)
        time.sleep(0.2 if reads % 3 else 1.0)  # held open meanwhile
        if facts.execute(AGREE).fetchone() != first:
            faults.append("changed while open")
        reads, last = reads + 1, first[0]
    reading.touch()
print(faults)
"""


@pytest.mark.live
def test_ten_readers_meet_no_error_and_no_half_of_anything(tmp_path: Path) -> None:
    folder, stop = FactsFolder(tmp_path), tmp_path / "stop"
    spool_file(tmp_path, "facts-00.jsonl").write_bytes(lines(days_of_calls(0)))
    loader = Loader(folder)
    loader.load()
    loader.publish()
    reading = [tmp_path / f"reader-{each}" for each in range(READERS)]
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(folder.published), str(stop), str(own)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for own in reading
    ]
    try:
        until(lambda: all(own.exists() for own in reading))
        for day in range(1, DAYS):
            spool_file(tmp_path, f"facts-{day:02}.jsonl").write_bytes(lines(days_of_calls(day)))
            loader.load()
            loader.publish()
            loader.tidy(NOON + timedelta(days=day))
            loader.publish()
    finally:
        stop.touch()
        told = [reader.communicate(timeout=60)[0] for reader in readers]
        loader.close()
    assert [faults.strip() for faults in told] == ["[]"] * READERS
