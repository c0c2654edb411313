"""A real caller hears what was just put on the air, before the greeting, and not after its end."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.config import PROJECT
from ivr.probe.ear import Ear
from ivr.speech.announcements import Announcements, Sound, new
from ivr.speech.prompts import PromptSet
from tests import commands
from tests.live.conftest import LiveLine

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

TEXT = "因系统升级，今天下午暂停业务，请您谅解。"
CLIP = "announcement"


def ivr(line: LiveLine, *words: str) -> str:
    """A command at this line, with the published speech of this checkout."""
    published = {"IVR_AUDIO": str(PROJECT / "generated_audio")}
    done = commands.ivr(line.env | published, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def taught(line: LiveLine, whole_set: PromptSet) -> None:
    """The ear knows the newest announcement's sound."""
    kept = Announcements(line.settings.home)
    known = {name: Path(f"{clip.path}.alaw") for name, clip in whole_set.clips.items()}
    known[CLIP] = kept.folder / kept.all()[0].files["alaw"]
    line.ear = Ear({name: file.read_bytes() for name, file in known.items()})


async def names(line: LiveLine) -> list[str]:
    """What a caller hears up to the end of the greeting."""
    async with line.call() as caller:
        heard = await caller.hears("main.greeting")
    await line.settled()
    return [each.name for each in heard if each.whole]


def test_heard_before_the_greeting_also_after_a_restart_and_not_after_its_end(
    line: LiveLine, whole_set: PromptSet
) -> None:
    ivr(line, "announce", "say", TEXT, "--until", "1h", "--yes")
    taught(line, whole_set)
    assert asyncio.run(names(line))[:2] == [CLIP, "main.greeting"]
    line.kill_service()
    line.start_service()
    assert asyncio.run(names(line))[:2] == [CLIP, "main.greeting"]

    async def cut() -> None:
        async with line.call() as caller:
            await caller.hears_begin(CLIP)
            caller.phone.press("7")
            heard = await caller.hears("line.goodbye")
            assert [each.name for each in heard] == [CLIP, "line.goodbye"]
        await line.settled()

    asyncio.run(cut())
    ivr(line, "announce", "stop")
    assert asyncio.run(names(line))[0] == "main.greeting"


def test_it_takes_itself_off_and_a_lost_sound_costs_nobody_the_call(line: LiveLine) -> None:
    kept, now = Announcements(line.settings.home), datetime.now(UTC)
    sound = line.ear.sound("survey.thanks")
    (kept.folder / "own.alaw").write_bytes(sound)
    over = new("到时。", Sound({"alaw": "own.alaw"}, len(sound) / 8000), now, "王敏", now)
    lasting = timedelta(seconds=20)
    for until in (now + lasting, now + timedelta(hours=1)):
        made = new(f"{until}", Sound(over.files, over.seconds), until, "王敏", now)
        kept.add(made)
        kept.air(made.name, "王敏", now)

    async def thanked() -> int:
        return (await names(line)).count("survey.thanks")

    assert asyncio.run(thanked()) >= 1
    while datetime.now(UTC) < now + lasting:
        asyncio.run(asyncio.sleep(0.5))
    assert asyncio.run(thanked()) == 1, "one of the two is over"
    os.unlink(Path(kept.folder) / "own.alaw")  # noqa: PTH108
    assert asyncio.run(names(line))[0] == "main.greeting"
