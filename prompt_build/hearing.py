"""What a caller would hear, for the editor's own ears: a WAV file, and the loudspeaker."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivr.speech import numbers
from prompt_build import sets
from prompt_build.mastering import RATES, decode
from prompt_build.voices import Audio

_PLAYERS = (("paplay",), ("aplay", "-q"), ("afplay",))
_PLAYING_SECONDS = 120


@dataclass(frozen=True, slots=True)
class HeardClips:
    """What was written."""

    text: str
    seconds: float
    played: bool


EXAMPLES: Mapping[str, str] = {
    "amount": "12345.67",
    "year_month": "2026-10",
    "date": "2026-10-31",
    "term_years": "30",
    "term_months": "18",
    "periods": "36",
    "persons": "3",
    "minutes": "5",
    "id": "11010519491231002X",
    "id18": "11010519491231002X",
    "id15": "110105491231002",
    "id_tail": "002X",
    "phone": "000086512329",
    "hotline": "12329",
    "digits": "20261125",
}
"""A value for each kind that a call fills in, for those who listen without a call."""


def hear(audio: Path, manifest: sets.Manifest, kind: str, value: str, out: Path) -> HeardClips:
    """Join the clips of a number, or of a prompt (kind `prompt`), as a call does.

    Raises Unreadable or NoSuchSet.
    """
    import soundfile  # noqa: PLC0415  only where somebody listens

    clips = clips_of(manifest, value) if kind == "prompt" else numbers.read(kind, value).clips
    sound, rate = joined(audio, manifest, clips)
    soundfile.write(out, sound, rate, subtype="PCM_16")
    text = "".join(manifest["prompts"][clip]["text"] or "，" for clip in clips)
    return HeardClips(text, len(sound) / rate, play(out))


def clips_of(manifest: sets.Manifest, prompt: str) -> tuple[str, ...]:
    """What is played for a prompt (or a single clip), with an example in each slot."""
    if prompt in manifest["scripts"]:
        return tuple(clip for piece in manifest["scripts"][prompt] for clip in _clips(piece))
    if prompt in manifest["prompts"]:
        return (prompt,)
    raise sets.NoSuchSet(f"the set has no prompt {prompt}")


def _clips(piece: Mapping[str, Any]) -> tuple[str, ...]:
    if "clip" in piece:
        return (piece["clip"],)
    if "codes" in piece:
        return tuple(clip for clip in piece["codes"].values() if clip)[:1]
    example = numbers.read(piece["read"], EXAMPLES[piece["read"]])
    return example.clips if piece.get("ends") else example.clips_within


def joined(audio: Path, manifest: sets.Manifest, clips: Sequence[str]) -> tuple[Audio, int]:
    """The samples of clips, one after the other, as a telephone plays them, and their rate."""
    entries = [manifest["prompts"][clip] for clip in clips]
    coding = next(iter(entries[0]["files"]))
    sounds = [decode((audio / entry["files"][coding]).read_bytes(), coding) for entry in entries]
    return np.concatenate(sounds), RATES[coding]


def play(file: Path) -> bool:
    """True when a player of this machine took it; a machine without sound is no fault."""
    for player, *options in _PLAYERS:
        if (found := shutil.which(player)) is not None:
            done = subprocess.run(  # noqa: S603  our own file, no shell
                [found, *options, str(file)],
                capture_output=True,
                timeout=_PLAYING_SECONDS,
                check=False,
            )
            return done.returncode == 0
    return False
