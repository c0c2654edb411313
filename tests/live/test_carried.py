"""Asterisk's own record of each call, also of those that no service ever saw."""

from __future__ import annotations

import asyncio

import pytest

from ivr.records.journal import left
from tests.live.conftest import LiveLine

pytestmark = pytest.mark.live


def test_a_call_is_on_record_whether_or_not_a_service_saw_it(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
        await line.settled()
        line.kill_service()
        async with line.call() as caller:
            await caller.hears(line.ear.alias["line.apology"])
        await _until_carried(line, 2)

    asyncio.run(story())
    carried = [fact for fact in line.facts() if fact["fact"] == "Carried"]
    seen, unseen = (dict(fact) for fact in carried)
    started = [fact for fact in line.facts() if fact["fact"] == "SessionStarted"]
    assert [fact["channel"] for fact in started] == [seen["channel"]]
    assert (seen["away"], unseen["away"]) == (False, True)
    assert unseen["ms"] >= 1000
    assert unseen["node"] == line.settings.node
    assert "guest" not in repr(carried)
    assert left(line.settings.home / "spool").unfinished == ()


async def _until_carried(line: LiveLine, calls: int) -> None:
    async with asyncio.timeout(10):
        while sum(fact["fact"] == "Carried" for fact in line.facts()) < calls:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
