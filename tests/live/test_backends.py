"""An account database that does not answer, as a caller hears it and the operator sees it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.speech.prompts import PromptSet
from tests.live.conftest import Caller, LiveLine, a_line
from tests.live.test_balance import to_the_question

pytestmark = pytest.mark.live

NUMBER = "990102200012120127"
REST_SECONDS = 3.0
LONGEST_SECONDS = 4.0
"""Nobody waits longer before hearing what is the matter (issue 6)."""


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Somebody holds the whole database, as a backup or an import of another program would."""
    lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # It waits for the service's own questions; the caller's telephone must go on meanwhile.
        await asyncio.to_thread(lock.execute, "BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()


async def hears_busy_in_time(line: LiveLine, caller: Caller, *, times: int = 1) -> float:
    """Seconds from now until 系统繁忙 begins."""
    began = time.monotonic()
    await caller.hears_begin(line.ear.alias["line.busy"], times=times)
    return time.monotonic() - began


def test_a_database_that_does_not_answer_costs_nobody_four_seconds_and_comes_back(
    tmp_path: Path, whole_set: PromptSet
) -> None:
    async def story(line: LiveLine) -> None:
        waits = []
        async with line.call() as caller:
            await to_the_question(caller, "1")
            async with locked(line.settings.home / "accounts.sqlite"):
                caller.phone.press(NUMBER)
                waits.append(await hears_busy_in_time(line, caller))
                for times in (2, 3, 4):
                    await caller.hears_begin("line.retry_menu", times=times - 1)
                    caller.phone.press("1")
                    waits.append(await hears_busy_in_time(line, caller, times=times))
                health = line.health()
                assert health["status"] == "unavailable"
                assert not health["accounts"]["ok"]
                assert health["accounts"]["detail"]
            await asyncio.sleep(REST_SECONDS)
            caller.phone.press("1")
            await caller.hears_begin(line.ear.alias["account.readout.1"])
            heard = [clip.name for clip in caller.heard()]
        assert "account.not_found" not in heard
        keying = 0.16 * len(NUMBER)
        assert max(waits) - keying < LONGEST_SECONDS
        line.wait_until_healthy()
        await line.settled()

    accounts = {"query_seconds": 2.0, "rest_seconds": REST_SECONDS}
    with a_line(tmp_path, whole_set, accounts=accounts) as line:
        database = sqlite3.connect(line.settings.home / "accounts.sqlite")
        database.execute("PRAGMA journal_mode = DELETE")  # a reader waits for the lock
        database.close()
        line.start_service()
        asyncio.run(story(line))
        outcomes = [fact["outcome"] for fact in line.facts() if fact["fact"] == "LookedUp"]
        assert outcomes == ["unavailable"] * 4 + ["found"]
