"""A successor conducts no call before the service that it relieves has let go."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.lifecycle import succession
from ivr.lifecycle.succession import baton

HOLD = """
import asyncio, sys, time
from pathlib import Path
from ivr.lifecycle.succession import baton
with baton(Path(sys.argv[1])) as mine:
    assert asyncio.run(mine.taken())
    print("taken", flush=True)
    time.sleep(60)
"""


async def _taken(path: Path) -> bool:
    with baton(path) as ours:
        return await ours.taken()


def test_it_is_taken_at_once_where_nobody_serves(tmp_path: Path) -> None:
    assert asyncio.run(_taken(tmp_path / "home" / "lock"))


def test_it_is_waited_for_and_comes_when_the_service_before_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as before:
        assert before.stdout is not None
        before.stdout.readline()

        async def story() -> bool:
            with baton(path) as ours:
                waiting = asyncio.create_task(ours.taken())
                await asyncio.sleep(0.1)
                assert not waiting.done()
                os.kill(before.pid, signal.SIGKILL)
                return await waiting

        assert asyncio.run(story())


def test_a_service_that_hangs_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "LET_GO_SECONDS", 0.1)

    async def story() -> None:
        with baton(tmp_path / "lock") as before, baton(tmp_path / "lock") as ours:
            assert await before.taken()
            assert not await ours.taken()

    asyncio.run(story())
