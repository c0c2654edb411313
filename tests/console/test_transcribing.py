"""The process that transcribes lives as long as the console, where it is asked for."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from console import transcribing
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
    monkeypatch.setattr(transcribing, "COMMAND", command)
    console = Console(asked_for(settings))
    number = int(until_written(console, settings.home / "ran"))
    assert len(transcribing_tasks(console.loop)) == 1
    os.kill(number, 0)
    console.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_one_that_has_died_is_followed_by_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies = "import os; open(os.environ['IVR_HOME'] + '/ran', 'a').write('x'); os._exit(1)"
    monkeypatch.setattr(transcribing, "COMMAND", (sys.executable, "-c", dies))
    monkeypatch.setattr(transcribing, "AGAIN_SECONDS", 0.0)
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
    monkeypatch.setattr(transcribing, "COMMAND", (sys.executable, "-c", STAYS + "time.sleep(600)"))
    monkeypatch.setattr(transcribing, "AGAIN_SECONDS", 0.0)
    console = Console(asked_for(settings))
    until_written(console, settings.home / "ran")
    console.close()


def test_nobody_starts_it_where_it_is_off(settings: Settings) -> None:
    console = Console(settings)
    console.loop.run_until_complete(asyncio.sleep(0))
    assert transcribing_tasks(console.loop) == []
    console.close()


def test_its_command_is_there() -> None:
    assert transcribing.COMMAND[1:] == ("-m", "ivr.cli", "recordings", "transcribe")


def transcribing_tasks(loop: asyncio.AbstractEventLoop) -> list[str]:
    names = [task.get_name() for task in asyncio.all_tasks(loop)]
    return [name for name in names if name == transcribing.TASK]
