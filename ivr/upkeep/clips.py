"""Clips whose files are not what was made: Asterisk would play silence or noise without a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ivr.speech.prompts import Clip, PromptSet

BYTES_A_SECOND = {"alaw": 8_000, "ulaw": 8_000, "g722": 8_000, "sln16": 32_000}
_TOLERANCE_SECONDS = 0.05


def damaged(prompts: PromptSet) -> tuple[Path, ...]:
    """Files that are empty, cut off, too long, or nothing but zeros; lacking ones are not ours."""
    return tuple(
        path for clip in prompts.clips.values() for path in _files(clip) if not _whole(path, clip)
    )


def _files(clip: Clip) -> Iterator[Path]:
    for coding in BYTES_A_SECOND:
        path = Path(f"{clip.path}.{coding}")
        if path.exists():
            yield path


def _whole(path: Path, clip: Clip) -> bool:
    content = path.read_bytes()
    seconds = len(content) / BYTES_A_SECOND[path.suffix[1:]]
    heard = any(content) or clip.name.startswith("pause.")
    return heard and abs(seconds - clip.seconds) <= _TOLERANCE_SECONDS
