"""Asterisk's own record of each call, also of those that no service ever saw."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ivr.records.journal import ASTERISKS, left, read_lines
from ivr.upkeep import guardian
from tests.live.conftest import LiveLine
from tests.live.test_agents import until

pytestmark = pytest.mark.live


def test_a_call_is_on_record_whether_or_not_a_service_saw_it(line: LiveLine) -> None:
    """With a guardian: a call may come before Asterisk notices that the service is dead."""

    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
        await line.settled()
        line.kill_service()
        watching = asyncio.create_task(guardian.guard(line.settings))
        async with line.call() as caller:
            await caller.hears(line.ear.alias["line.apology"])
        await until(lambda: len(carried(line)) == 2)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())
    seen, unseen = carried(line)
    started = [fact for fact in line.facts() if fact["fact"] == "SessionStarted"]
    assert [fact["channel"] for fact in started] == [seen["channel"]]
    assert (seen["away"], unseen["away"]) == (False, True)
    assert unseen["ms"] >= 1000
    assert unseen["node"] == line.settings.node
    assert "guest" not in repr((seen, unseen))
    assert left(line.settings.home / "spool").unfinished == ()


def carried(line: LiveLine) -> list[dict[str, Any]]:
    """What Asterisk has written itself: `line.facts()` has the service's pages alone."""
    pages = sorted((line.settings.home / "spool").glob(f"*{ASTERISKS}.jsonl"))
    facts = [fact for page in pages for fact in read_lines(page)]
    assert {fact["fact"] for fact in facts} <= {"Carried"}
    return facts
