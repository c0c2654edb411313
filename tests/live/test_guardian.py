"""No caller is left in silence when no service comes back."""

from __future__ import annotations

import asyncio

import pytest

from ivr.upkeep import guardian
from tests.live.conftest import LiveLine

pytestmark = pytest.mark.live


def test_a_stranded_caller_hears_the_apology_and_the_line_ends_politely(
    line: LiveLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardian, "STRANDED_SECONDS", 1.0)
    monkeypatch.setattr(guardian, "LOOK_SECONDS", 0.1)

    async def story() -> None:
        watching = asyncio.create_task(guardian.guard(line.settings))
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
            line.kill_service()
            await caller.hears(line.ear.alias["line.apology"])
            await caller.hears(line.ear.alias["line.goodbye"])
            await caller.phone.wait_for_end(within=5)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())
    assert line.ari("channels") == []
