"""What works beside the pages lives as long as they do, where it is asked for."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from console import beside
from ivr.cli.commands import app
from ivr.config import Settings
from tests.console.visiting import Console

STAYS = "import os, time; open(os.environ['IVR_HOME'] + '/ran', 'w').write(str(os.getpid())); "


def asked_for(settings: Settings) -> Settings:
    cases = settings.cases.model_copy(
        update={"transcript": "whisper", "transcript_model": Path("/nowhere")}
    )
    return settings.model_copy(update={"cases": cases})


def until_written(console: Console, file: Path, least: int = 1) -> str:
    for _ in range(1200):
        console.loop.run_until_complete(asyncio.sleep(0.05))
        if file.exists() and len(text := file.read_text()) >= least:
            return text
    pytest.fail(f"{file.name} is not written")


def test_it_ends_with_the_console(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    command = (sys.executable, "-c", STAYS + "time.sleep(600)")
    monkeypatch.setattr(beside, "IVR", command)
    console = Console(asked_for(settings))
    number = int(until_written(console, settings.home / "ran"))
    assert tasks(console.loop) == ["transcribing"]
    os.kill(number, 0)
    console.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_one_that_has_died_is_followed_by_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies = "import os; open(os.environ['IVR_HOME'] + '/ran', 'a').write('x'); os._exit(1)"
    monkeypatch.setattr(beside, "IVR", (sys.executable, "-c", dies))
    at_once(monkeypatch)
    console = Console(asked_for(settings))
    until_written(console, settings.home / "ran", least=2)
    console.close()


def test_one_that_could_not_be_started_is_followed_by_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No memory for it, no file, whatever: the task that starts it lives as long as the console."""
    real, refused = asyncio.create_subprocess_exec, [MemoryError(), OSError(), RuntimeError()]

    async def start(*words: str, **how: Any) -> asyncio.subprocess.Process:
        if refused:
            raise refused.pop()
        return await real(*words, **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    monkeypatch.setattr(beside, "IVR", (sys.executable, "-c", STAYS + "time.sleep(600)"))
    at_once(monkeypatch)
    console = Console(asked_for(settings))
    until_written(console, settings.home / "ran")
    console.close()


def test_nobody_starts_it_where_it_is_off(settings: Settings) -> None:
    console = Console(settings)
    console.loop.run_until_complete(asyncio.sleep(0))
    assert tasks(console.loop) == []
    console.close()


def test_the_courier_runs_where_there_is_a_depot(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = (sys.executable, "-c", STAYS + "time.sleep(600)")
    monkeypatch.setattr(beside, "IVR", command)
    depot = settings.depot.model_copy(update={"folder": tmp_path / "mounted"})
    console = Console(settings.model_copy(update={"depot": depot}))
    until_written(console, settings.home / "ran")
    assert tasks(console.loop) == ["courier"]
    console.close()


def test_their_commands_are_there() -> None:
    for companion in beside.COMPANIONS:
        assert CliRunner().invoke(app, [*companion.words, "--help"]).exit_code == 0


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has ended is followed without a pause."""
    hurried = tuple(replace(each, again_seconds=0.0) for each in beside.COMPANIONS)
    monkeypatch.setattr(beside, "COMPANIONS", hurried)


def tasks(loop: asyncio.AbstractEventLoop) -> list[str]:
    known = {each.name for each in beside.COMPANIONS}
    return [name for task in asyncio.all_tasks(loop) if (name := task.get_name()) in known]
