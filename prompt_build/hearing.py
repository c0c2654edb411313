"""What a caller would hear, for the editor's own ears: a WAV file, and the loudspeaker."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivr import numbers
from prompt_build import sets
from prompt_build.mastering import RATES, decode

_PLAYERS = (("paplay",), ("aplay", "-q"), ("afplay",))
_PLAYING_SECONDS = 120


@dataclass(frozen=True, slots=True)
class HeardClips:
    """What was written."""

    text: str
    seconds: float
    played: bool


def hear(audio: Path, kind: str, value: str, out: Path) -> HeardClips:
    """Join the published clips of a number, or of a prompt (kind `prompt`), as a call does.

    A prompt's slots stay silent. Raises Unreadable or NoSuchSet.
    """
    import soundfile  # noqa: PLC0415  only where somebody listens

    manifest = sets.published(audio)
    if manifest is None:
        raise sets.NoSuchSet("nothing is published yet: run `ivr build-prompts`")
    clips = _of_prompt(manifest, value) if kind == "prompt" else numbers.read(kind, value).clips
    coding = next(c for c in manifest["prompts"][clips[0]]["files"] if c != "g722")
    sound = np.concatenate(
        [
            decode((audio / manifest["prompts"][clip]["files"][coding]).read_bytes(), coding)
            for clip in clips
        ]
    )
    soundfile.write(out, sound, RATES[coding], subtype="PCM_16")
    text = "".join(manifest["prompts"][clip]["text"] or "，" for clip in clips)
    return HeardClips(text, len(sound) / RATES[coding], _played(out))


def _of_prompt(manifest: dict[str, Any], name: str) -> tuple[str, ...]:
    if name in manifest["prompts"]:
        return (name,)
    if name not in manifest["scripts"]:
        raise sets.NoSuchSet(f"the published set has no prompt {name}")
    return tuple(piece["clip"] for piece in manifest["scripts"][name] if "clip" in piece)


def _played(file: Path) -> bool:
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
