"""Numbered, immutable sets of prompts: kept, compared, published, taken back, cleared away.

`sets/0007.json` is a manifest that is never changed; `manifest.json` is a copy of the published
one, replaced by rename, so that whoever reads it sees one whole set or another. `published.json`
notes which set was published when. The clips are shared by all sets, each named by its recipe.
Only `collect` removes anything.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ivr.records.durable import write
from prompt_build.locking import locked

PUBLISHED = "manifest.json"
LOCK = "lock"
"""Held by whoever makes or removes clips."""
GRACE = timedelta(hours=24)
"""A set that was heard within this time may still be played by a call in progress."""
_HISTORY = "published.json"
_PUBLISHING = "publishing.lock"
NUMBERS = "numbers"
"""Stands for all clips of numbers where two sets are compared."""
_NAME = re.compile(r"(\d{4,})\.json\Z")

Manifest = Mapping[str, Any]


class NoSuchSet(Exception):
    """There is no set of this number (or nothing to go back to)."""


@dataclass(frozen=True, slots=True)
class KeptSet:
    """One set as `ivr prompts list` shows it."""

    number: int
    built: str
    voice: str
    prompts: int
    published: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What callers hear otherwise: the words before and after; None where there were none."""

    prompt: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """`added`, `removed`, `reworded`, or `resounded` where only the sound is another."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "reworded" if self.before != self.after else "resounded"


# --- reading ----------------------------------------------------------------------------------


def numbers_of(audio: Path) -> list[int]:
    """The numbers of all sets, rising."""
    found = (_NAME.match(entry.name) for entry in _scan(audio / "sets"))
    return sorted(int(name[1]) for name in found if name)


def load(audio: Path, number: int) -> dict[str, Any]:
    """One set's manifest."""
    try:
        manifest: dict[str, Any] = json.loads(_file(audio, number).read_bytes())
    except FileNotFoundError:
        known = ", ".join(map(str, numbers_of(audio))) or "none"
        raise NoSuchSet(f"there is no set {number} (there are: {known})") from None
    return manifest


def published(audio: Path) -> dict[str, Any] | None:
    """The manifest that callers hear; None before the first."""
    try:
        manifest: dict[str, Any] = json.loads((audio / PUBLISHED).read_bytes())
    except (OSError, ValueError):
        return None
    return manifest


def listing(audio: Path) -> list[KeptSet]:
    """All sets, rising."""
    heard = (published(audio) or {}).get("set")
    return [_described(load(audio, number), number == heard) for number in numbers_of(audio)]


def _described(manifest: Manifest, heard: bool) -> KeptSet:
    return KeptSet(
        number=manifest["set"],
        built=manifest["built"],
        voice=manifest["voice"]["name"],
        prompts=len(manifest["scripts"]),
        published=heard,
    )


def _file(audio: Path, number: int) -> Path:
    return audio / "sets" / f"{number:04d}.json"


def present(audio: Path) -> frozenset[str]:
    """All clips' files, as paths below the audio folder."""
    return frozenset(
        f"clips/{folder.name}/{file.name}"
        for folder in _scan(audio / "clips")
        for file in _scan(Path(folder.path))
    )


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from entries


# --- comparing --------------------------------------------------------------------------------


def changes(before: Manifest, after: Manifest) -> list[Change]:
    """What callers hear otherwise once `after` is published; pure."""
    old, new = _heard(before), _heard(after)
    return [
        Change(name, old[name][0] if name in old else None, new[name][0] if name in new else None)
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]


def _heard(manifest: Manifest) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Per prompt: its words, values in braces, and the recipes of its clips."""
    clips = manifest["prompts"]
    heard = {}
    for name, pieces in manifest["scripts"].items():
        words = "".join(
            clips[piece["clip"]]["text"] if "clip" in piece else f"{{{piece['slot']}}}"
            for piece in pieces
        )
        recipes = tuple(clips[piece["clip"]]["recipe"] for piece in pieces if "clip" in piece)
        heard[name] = (words, recipes)
    alone = (name for name in clips if name.startswith(("music.", "tone.")))
    heard |= {name: (clips[name]["text"], (clips[name]["recipe"],)) for name in alone}
    counted = {clip["recipe"] for name, clip in clips.items() if name.startswith("number.")}
    return heard | {NUMBERS: ("", tuple(sorted(counted)))}


# --- keeping and publishing -------------------------------------------------------------------


def keep(audio: Path, manifest: Manifest) -> int:
    """Number the set, unless the newest or the published one is the same; returns its number."""
    known = numbers_of(audio)
    heard: int = (published(audio) or {}).get("set", 0)
    for number in {*known[-1:], heard} & {*known}:
        if _content(load(audio, number)) == _content(manifest):
            return number
    number = max(known, default=0) + 1
    stamped = {"set": number, "built": datetime.now(UTC).isoformat(timespec="seconds"), **manifest}
    write(_file(audio, number), json.dumps(stamped, ensure_ascii=False, indent=1).encode())
    return number


def _content(manifest: Manifest) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in ("set", "built")}


def publish(audio: Path, number: int, now: datetime | None = None) -> bool:
    """Let new calls hear this set; False when they do already."""
    with locked(audio / _PUBLISHING):
        chosen = load(audio, number)
        if published(audio) == chosen:
            return False
        if absent := lost(audio, chosen):
            raise NoSuchSet(
                f"set {number} lacks {len(absent)} files ({absent[0]} …); build it again"
            )
        past = [*_history(audio), (number, now or datetime.now(UTC))]
        noted = [[each, at.isoformat(timespec="seconds")] for each, at in past]
        write(audio / _HISTORY, json.dumps(noted).encode())
        write(audio / PUBLISHED, json.dumps(chosen, ensure_ascii=False, indent=1).encode())
    return True


def lost(audio: Path, manifest: Manifest) -> list[str]:
    """The set's files that are not there."""
    there = present(audio)
    return [file for file in _files(manifest) if file not in there]


def _files(manifest: Manifest) -> Iterator[str]:
    for entry in manifest["prompts"].values():
        yield from entry["files"].values()
        yield f"clips/{entry['recipe'][:2]}/{entry['recipe']}.json"


def _history(audio: Path) -> list[tuple[int, datetime]]:
    """Which set was published when, the first one first."""
    try:
        noted = json.loads((audio / _HISTORY).read_bytes())
    except FileNotFoundError:
        return []
    return [(number, datetime.fromisoformat(at)) for number, at in noted]


def rollback(audio: Path) -> int:
    """Publish the set that callers heard before; returns its number.

    A second time goes back further. Drafts, which nobody heard, are passed over.
    """
    heard = (published(audio) or {}).get("set", 0)
    there = numbers_of(audio)
    earlier = {number for number, _ in _history(audio) if number < heard and number in there}
    if not earlier:
        raise NoSuchSet("there is no earlier set to go back to")
    publish(audio, max(earlier))
    return max(earlier)


def collect(
    audio: Path, keep_sets: int, now: datetime | None = None
) -> tuple[list[int], list[str]]:
    """Remove old sets, and the clips of none; returns the sets' numbers and the files.

    The published set stays, the newest `keep_sets`, and whatever was heard within GRACE, since a
    call keeps the set that it began with. Raises Busy while a build makes clips.
    """
    with locked(audio / LOCK, wait=False), locked(audio / _PUBLISHING):
        known = numbers_of(audio)
        needed = {*known[-keep_sets:], *_heard_since(audio, (now or datetime.now(UTC)) - GRACE)}
        dropped = [number for number in known if number not in needed]
        for number in dropped:
            _file(audio, number).unlink()
        orphans = sorted(present(audio) - _used(audio))
        for file in orphans:
            (audio / file).unlink()
    return dropped, orphans


def _heard_since(audio: Path, since: datetime) -> set[int]:
    """The published set, and those that were replaced after `since`."""
    past = _history(audio)
    replaced = [at for _, at in past[1:]]
    recent = {number for (number, _), end in zip(past, replaced, strict=False) if end >= since}
    return recent | {(published(audio) or {}).get("set", 0)}


def _used(audio: Path) -> set[str]:
    manifests = [load(audio, number) for number in numbers_of(audio)]
    manifests += [heard] if (heard := published(audio)) else []
    return {file for manifest in manifests for file in _files(manifest)}
