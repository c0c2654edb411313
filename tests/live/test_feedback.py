"""Key 6 on a real Asterisk: what callers say comes back as spoken, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ivr.cases.store import Cases, Sought
from ivr.people.keys import Keys
from ivr.people.vault import Vault
from ivr.probe.sound import FRAME
from ivr.speech.prompts import PromptSet
from tests.live.conftest import HANGING_SECONDS, Caller, LiveLine
from tests.live.test_agents import until

pytestmark = pytest.mark.live

PERSON = "990102200012120127"
SPOKEN = "line.apology"
"""Some ten seconds of a voice, spoken by the caller here."""
KEY_SECONDS = 0.16


@pytest.fixture(scope="module")
def speech(whole_set: PromptSet) -> bytes:
    return Path(f"{whole_set.clips[SPOKEN].path}.alaw").read_bytes()


def pcm(alaw: bytes) -> bytes:
    """A-law as the samples that a telephone hears."""
    samples, _ = soundfile.read(
        io.BytesIO(alaw),
        format="RAW",
        subtype="ALAW",
        samplerate=8000,
        channels=1,
        endian="LITTLE",
        dtype="int16",
    )
    return bytes(samples.tobytes())


def seconds_of(speech: bytes, recording: Path) -> float:
    """How much of the speech, from its beginning, stands in the recording sample by sample."""
    samples, rate = soundfile.read(recording, dtype="int16")
    assert rate == 8000
    content, spoken = samples.tobytes(), pcm(speech)
    begin = content.find(spoken[3200:4800]) - 3200
    if begin < 0:
        return 0.0
    same = 0
    for said, kept in zip(spoken[::2], content[begin::2], strict=False):
        if said != kept:
            break
        same += 1
    return same / rate


async def keyed(caller: Caller, keys: str) -> None:
    """Press keys and let them go out: who listens hard meanwhile sends them late, and twice."""
    caller.phone.press(keys)
    await asyncio.sleep(KEY_SECONDS * (len(keys) + 1))


@asynccontextmanager
async def recorded(line: LiveLine, keys: str = "611") -> AsyncIterator[Caller]:
    """A caller who has just heard the beep."""
    async with line.call() as caller:
        await caller.hears_begin("main.greeting")
        await keyed(caller, keys + PERSON)
        await caller.hears_begin("feedback.complaint_warning")
        caller.phone.press("5")
        beep = line.ear.sound("tone.beep")[FRAME:-FRAME]
        await until(lambda: beep in caller.phone.heard.audio)
        await asyncio.sleep(0.3)
        yield caller


async def filed(line: LiveLine, count: int, within: float = HANGING_SECONDS) -> dict[str, Any]:
    """The newest recording that the records know, once there are so many."""
    await until(lambda: how_many(line) == count, within=within)
    return [fact for fact in line.facts() if fact["fact"] == "Recorded"][-1]


def how_many(line: LiveLine) -> int:
    return sum(fact["fact"] == "Recorded" for fact in line.facts())


def kept(line: LiveLine, fact: dict[str, Any]) -> Path:
    """The file of a recording, which is as the fact says."""
    path = line.settings.recordings_folder / fact["path"]
    content = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (len(content), hashlib.sha256(content).hexdigest()) == (fact["bytes"], fact["sha256"])
    assert fact["ms"] == (len(content) - 44) // 16
    assert re.fullmatch(r"\d{4}-\d\d-\d\d/complaint/\d{8}\.wav", fact["path"])
    assert path.stem == fact["reference"]
    return path


def test_a_complaint_comes_back_as_spoken(line: LiveLine, speech: bytes) -> None:
    async def story() -> None:
        count = how_many(line)
        async with recorded(line) as caller:
            caller.phone.speak(speech)
            await caller.phone.spoken()
            await asyncio.sleep(0.3)
            caller.phone.press("#")
            await caller.hears("feedback.saved_menu")
            fact = await filed(line, count + 1)
            number = line.reading("digits", fact["reference"])
            heard = [clip.name for clip in caller.heard()]
            told = ["feedback.saved.1", *number, "feedback.saved.2", *number, "feedback.saved_menu"]
            assert heard[-len(told) :] == told
            assert seconds_of(speech, kept(line, fact)) >= len(speech) / 8000 - 0.02
            caller.phone.press("1")
            await caller.hears(line.ear.alias[SPOKEN])
            await caller.hears("feedback.saved_menu", times=2)
            caller.phone.press("*")
            await caller.hears_begin("feedback.kind_menu", times=2)
        await line.settled()
        assert (fact["kind"], fact["state"]) == ("complaint", "new")
        vault = Vault(line.settings.home / "vault.sqlite", Keys.load(line.settings.home / "keys"))
        number = vault.reveal(fact["person"])
        assert number is not None
        assert number.reveal() == PERSON
        assert list((line.settings.home / "slips").glob("*.*")) == []
        assert list((line.settings.home / "asterisk/spool/recording").iterdir()) == []

    asyncio.run(story())


@pytest.mark.parametrize("seconds", [0.2, 2.5], ids=["in the first second", "in mid-word"])
def test_hanging_up_keeps_the_file(line: LiveLine, speech: bytes, seconds: float) -> None:
    async def story() -> None:
        count = how_many(line)
        async with recorded(line) as caller:
            caller.phone.speak(speech)
            await asyncio.sleep(seconds)
            await caller.phone.hang_up()
            fact = await filed(line, count + 1)
        path = kept(line, fact)
        if seconds > 1:
            assert seconds - 0.6 < seconds_of(speech, path) < seconds + 0.6
        assert fact["ms"] > 0
        await line.settled()

    asyncio.run(story())


def test_a_killed_service_does_not_interrupt_a_recording(line: LiveLine, speech: bytes) -> None:
    async def story() -> None:
        count = how_many(line)
        async with recorded(line) as caller:
            caller.phone.speak(speech)
            await asyncio.sleep(1)
            await line.service_anew()
            await asyncio.sleep(max(0.0, len(speech) / 8000 - 3))
            assert [clip.name for clip in caller.heard()].count("line.sorry_wait") == 0
            caller.phone.press("#")
            await caller.hears("feedback.saved_menu")
            fact = await filed(line, count + 1)
        assert seconds_of(speech, kept(line, fact)) > 4
        await line.settled()

    asyncio.run(story())


def test_who_hangs_up_while_the_service_is_dead_has_left_the_recording(
    line: LiveLine, speech: bytes
) -> None:
    async def story() -> None:
        count = how_many(line)
        async with recorded(line) as caller:
            caller.phone.speak(speech)
            await asyncio.sleep(2)
            line.kill_service()
            await asyncio.sleep(1)
            await caller.phone.hang_up()
        line.start_service()
        fact = await filed(line, count + 1)
        assert seconds_of(speech, kept(line, fact)) > 2
        await line.settled()

    asyncio.run(story())


def test_a_number_is_noted_once_whenever_the_service_dies(line: LiveLine, speech: bytes) -> None:
    async def story() -> None:
        count = how_many(line)
        async with recorded(line) as caller:
            caller.phone.speak(speech[:16000])
            await asyncio.sleep(2.2)
            caller.phone.press("#")
            await caller.hears_begin("feedback.saved.1")
            await line.service_anew()
            await caller.hears("feedback.saved_menu")
            fact = await filed(line, count + 1)
            number = line.reading("digits", fact["reference"])
            heard = [clip.name for clip in caller.heard()]
            at = heard.index("feedback.saved_menu")
            assert heard[at - len(number) : at] == number, heard
        await line.settled()
        assert how_many(line) == count + 1
        cases = Cases(line.settings.cases_url)
        sought = Sought(begins=fact["reference"])
        await until(lambda: len(cases.search(sought)) == 1)
        assert cases.case(fact["reference"]).filed.sha256 == fact["sha256"]
        events = [each for each in line.facts() if each["fact"] == "CaseMoved"]
        assert [each["move"] for each in events if each["reference"] == fact["reference"]] == [
            "open"
        ]

    asyncio.run(story())


def test_a_vote_is_kept_and_leads_to_the_voter(line: LiveLine) -> None:
    async def story() -> None:
        async with line.call() as caller:
            await caller.hears_begin("main.greeting")
            await keyed(caller, "62" + PERSON)
            await caller.hears_begin("survey.menu")
            caller.phone.press("2")
            await caller.hears("survey.thanks")
        await line.settled()

    asyncio.run(story())
    vote = next(fact for fact in line.facts() if fact["fact"] == "Voted")
    assert vote["choice"] == 2
    vault = Vault(line.settings.home / "vault.sqlite", Keys.load(line.settings.home / "keys"))
    voter = vault.reveal(vote["person"])
    assert voter is not None
    assert voter.reveal() == PERSON


def test_nobody_stands_in_a_name_or_a_file(line: LiveLine) -> None:
    """Runs last: the callers above keyed their number."""
    for path in line.settings.home.rglob("*"):
        assert PERSON not in path.name
        if path.is_file() and not path.name.startswith("accounts.sqlite"):
            assert PERSON.encode() not in path.read_bytes(), path.name
