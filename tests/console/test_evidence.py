"""A depot that does not answer, as a folder of NFS whose server hangs: who listens is told."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from aiohttp import web

from console import evidence
from ivr.config import Settings
from ivr.config.settings import DepotSettings, RecordingsSettings
from ivr.people.keys import Keys

PATH = "2026-11/28/01000010.wav"


def test_who_listens_is_told_and_the_console_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody writes to is opened for ever, as a file of a hanging mount."""
    monkeypatch.setattr(evidence, "DEPOT_SECONDS", 0.05)
    mounted = tmp_path / "mounted"
    pipe = mounted / "recordings" / PATH
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    settings = Settings(
        home=tmp_path,
        depot=DepotSettings(folder=mounted),
        recordings=RecordingsSettings(folder=tmp_path / "here"),
    )
    Keys.load(settings.home / "keys")

    async def story() -> None:
        try:
            with pytest.raises(web.HTTPServiceUnavailable):
                await evidence.sound_of(settings, PATH, "0" * 64)
            assert await asyncio.to_thread(lambda: "goes on") == "goes on"
        finally:
            os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))

    asyncio.run(story())
