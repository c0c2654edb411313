"""No caller is left in silence when no service comes back."""

from __future__ import annotations

import asyncio

import pytest

from ivr.ari.client import Ari
from ivr.lifecycle import logs
from ivr.upkeep import guardian
from tests.live.conftest import HANGING_SECONDS, LiveLine
from tests.live.test_agents import until

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
            await caller.phone.wait_for_end(within=HANGING_SECONDS)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(story())
    assert line.ari("channels") == []


def test_asterisks_log_is_begun_anew_when_it_is_full(
    line: LiveLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hangs up in mid-sentence leaves a warning there."""
    settings, log = line.settings, logs.folder(line.settings) / "asterisk.log"
    aside = log.with_name("asterisk.log.1")

    async def hangs_up_in_mid_sentence(warnings: int) -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.menu")
        await line.settled()
        await until(lambda: log.read_text().count("Playback failed") >= warnings)

    async def story() -> None:
        line.start_service()
        await hangs_up_in_mid_sentence(1)
        monkeypatch.setattr(guardian, "LARGEST_LOG_BYTES", 0)
        async with Ari(settings.ari_base, settings.ari_user, settings.ari_secret()) as ari:
            await guardian.keep_short(ari, log)
        assert "Playback failed" in aside.read_text()
        assert "Playback failed" not in log.read_text()
        await hangs_up_in_mid_sentence(1)

    asyncio.run(story())
