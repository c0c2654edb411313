"""An editor's recording is read whatever its format, and refused with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from prompt_build.build import build
from prompt_build.recorded import read_recording
from prompt_build.sets import load
from prompt_build.voices import Audio, SpeechFailed
from tests.contracts import source_of
from tests.prompt_build import humming
from tests.prompt_build.humming import hum

TEXT = "您的余额查询请按一。"
SECONDS = 9 * humming.SYLLABLE_SECONDS


def recording(path: Path, sound: Audio, rate: int = 44100, **how: str) -> Path:
    soundfile.write(path, sound, rate, **how)
    return path


@pytest.mark.parametrize(
    ("name", "rate", "how"),
    [
        ("a.wav", 44100, {"subtype": "PCM_16"}),
        ("a.wav", 48000, {"subtype": "PCM_24"}),
        ("a.wav", 8000, {"subtype": "ALAW"}),
        ("a.flac", 44100, {}),
        ("a.mp3", 44100, {}),
        ("a.ogg", 48000, {}),
        ("a.aiff", 22050, {}),
    ],
)
def test_usual_formats(name: str, rate: int, how: dict[str, str], tmp_path: Path) -> None:
    file = recording(tmp_path / name, hum(SECONDS, rate), rate, **how)
    samples, found = read_recording(file, TEXT)
    assert found == rate
    assert len(samples) / rate == pytest.approx(SECONDS + 0.2, abs=0.1)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_a_format_that_only_ffmpeg_knows(tmp_path: Path) -> None:
    from pydub import AudioSegment  # noqa: PLC0415

    wav = recording(tmp_path / "a.wav", hum(SECONDS, 44100))
    AudioSegment.from_wav(wav).export(tmp_path / "a.m4a", format="ipod")
    samples, rate = read_recording(tmp_path / "a.m4a", TEXT)
    assert len(samples) / rate == pytest.approx(SECONDS + 0.2, abs=0.2)


def test_two_channels_are_mixed(tmp_path: Path) -> None:
    sound = hum(SECONDS, 44100)
    file = recording(tmp_path / "a.wav", np.stack([sound, np.zeros_like(sound)], axis=1))
    samples, _ = read_recording(file, TEXT)
    assert samples.ndim == 1
    assert np.abs(samples).max() == pytest.approx(np.abs(sound).max() / 2, rel=0.01)


def noisy(sound: Audio) -> Audio:
    noise = np.random.default_rng(0).normal(0, 0.01, len(sound))
    return (sound + noise).astype(np.float32)


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.clip(hum(SECONDS, 44100) * 9, -1, 1), "it is clipped"),
        (noisy(hum(SECONDS, 44100)), "there is too much noise behind the voice"),
        (hum(0.4, 44100), "it takes 0.5 s; 9 syllables take"),
        (hum(SECONDS * 4, 44100), "9 syllables take"),
        (np.zeros(44100, np.float32), "there is no sound in it"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(sound: Audio, reason: str, tmp_path: Path) -> None:
    file = recording(tmp_path / "studio.wav", sound)
    with pytest.raises(SpeechFailed) as refused:
        read_recording(file, TEXT)
    assert str(refused.value).startswith("studio.wav: ")
    assert reason in str(refused.value)
    assert str(refused.value).endswith(": record it again")


def test_too_few_samples_a_second(tmp_path: Path) -> None:
    file = recording(tmp_path / "a.wav", hum(SECONDS, 6000), 6000)
    with pytest.raises(SpeechFailed, match="6000 samples a second are fewer"):
        read_recording(file, TEXT)


def test_what_is_no_sound_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"minutes of the meeting")
    with pytest.raises(SpeechFailed, match="supply WAV, FLAC or MP3"):
        read_recording(tmp_path / "a.wav", TEXT)


# --- in a build -------------------------------------------------------------------------------


def test_it_takes_the_place_of_the_voice_and_is_mastered_like_the_rest(
    tmp_path: Path, few_numbers: None
) -> None:
    recording(tmp_path / "studio.wav", hum(SECONDS, 44100) * 0.2)
    catalog = tmp_path / "scripts.zh.toml"
    text = '[prompts.main]\nmenu = { text = "%s", recorded = "studio.wav" }\n'
    catalog.write_text(text % TEXT, encoding="utf-8")
    audio = tmp_path / "audio"
    first = build(source_of(catalog), audio, humming.engine(), humming.speaking())
    assert TEXT not in humming.utterances()
    recipe = load(audio, first.number)["prompts"]["main.menu"]["recipe"]
    measured = (audio / "clips" / recipe[:2] / f"{recipe}.json").read_text()
    assert '"level_dbov": -20.' in measured or '"level_dbov": -19.' in measured

    recording(tmp_path / "studio.wav", hum(SECONDS, 44100, 300.0))
    again = build(source_of(catalog), audio, humming.engine(), humming.speaking())
    assert again.made == 1, "another recording is another clip"
