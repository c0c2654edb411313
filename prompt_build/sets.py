"""Numbered, immutable sets of prompts: kept, compared, published, taken back, cleared away.

`sets/0007.json` is a manifest that is never changed; `manifest.json` is a copy of the published
one, replaced by rename, so that whoever reads it sees one whole set or another. `published.json`
is the log of publications: which set, when, by whom, why, and how. The clips are shared by all
sets, each named by its recipe. Only `collect` removes anything.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

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


How = Literal["publish", "rollback", "forward"]
Breaches = Callable[[Manifest], Sequence[str]]
"""What the code could not do with a set, in words; empty where it fits."""


class NoSuchSet(Exception):
    """There is no set of this number (or nothing to go back to)."""


class Unfit(Exception):
    """The set breaks what is agreed with the code; publishing it would fail calls."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One line of the log: from when on callers heard a set."""

    set: int
    at: datetime
    how: How = "publish"
    who: str = ""
    why: str = ""


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


def publish(  # noqa: PLR0913  a publication has as many parts as it has
    audio: Path,
    number: int,
    now: datetime | None = None,
    *,
    how: How = "publish",
    who: str = "",
    why: str = "",
    breaches: Breaches = lambda _: (),
) -> bool:
    """Let new calls hear this set; False when they do already.

    Raises NoSuchSet, or Unfit where the code could not speak it.
    """
    with locked(audio / _PUBLISHING):
        chosen = load(audio, number)
        if published(audio) == chosen:
            return False
        if absent := lost(audio, chosen):
            raise NoSuchSet(
                f"set {number} lacks {len(absent)} files ({absent[0]} …); build it again"
            )
        if broken := breaches(chosen):
            raise Unfit(_unfit(number, broken))
        entry = Publication(number, now or datetime.now(UTC), how, who, why)
        _note(audio, [*publications(audio), entry])
        write(audio / PUBLISHED, json.dumps(chosen, ensure_ascii=False, indent=1).encode())
    return True


def _unfit(number: int, broken: Sequence[str]) -> str:
    return (
        f"第 {number} 版和程序对不上，没有发布：{'；'.join(broken[:5])}"
        f" · set {number} does not fit this version of the program: build it again"
    )


def lost(audio: Path, manifest: Manifest) -> list[str]:
    """The set's files that are not there."""
    there = present(audio)
    return [file for file in _files(manifest) if file not in there]


def _files(manifest: Manifest) -> Iterator[str]:
    for entry in manifest["prompts"].values():
        yield from entry["files"].values()
        yield f"clips/{entry['recipe'][:2]}/{entry['recipe']}.json"


def publications(audio: Path) -> list[Publication]:
    """The log, the first one first."""
    try:
        noted = json.loads((audio / _HISTORY).read_bytes())
    except FileNotFoundError:
        return []
    return [_publication(each) for each in noted]


def _publication(noted: Any) -> Publication:
    """A line of the log; earlier versions wrote number and time only."""
    if isinstance(noted, list):
        return Publication(int(noted[0]), datetime.fromisoformat(noted[1]))
    return Publication(**{**noted, "at": datetime.fromisoformat(noted["at"])})


def _note(audio: Path, log: Sequence[Publication]) -> None:
    noted = [{**asdict(each), "at": each.at.isoformat(timespec="seconds")} for each in log]
    write(audio / _HISTORY, json.dumps(noted, ensure_ascii=False, indent=1).encode())


def rollback(
    audio: Path, *, who: str = "", why: str = "", breaches: Breaches = lambda _: ()
) -> int:
    """Publish the set that callers heard before; returns its number.

    A second time goes back further. Drafts, which nobody heard, are passed over, and so are sets
    that were taken back before, that are cleared away, or that the code cannot speak any more.
    """
    past, _ = _way(publications(audio))
    number = _nearest(audio, past, breaches)
    if number is None:
        raise NoSuchSet("没有更早播出过的版本可以退回 · there is no earlier set to go back to")
    publish(audio, number, how="rollback", who=who, why=why)
    return number


def forward(audio: Path, *, who: str = "", why: str = "", breaches: Breaches = lambda _: ()) -> int:
    """Take a rollback back: publish the set that it went away from; returns its number."""
    _, ahead = _way(publications(audio))
    number = _nearest(audio, ahead, breaches)
    if number is None:
        raise NoSuchSet("没有退回过，不能再往前 · nothing was taken back")
    publish(audio, number, how="forward", who=who, why=why)
    return number


def _nearest(audio: Path, numbers: Sequence[int], breaches: Breaches) -> int | None:
    """The first of them that is there whole and fits."""
    known = set(numbers_of(audio))
    for number in (each for each in numbers if each in known):
        manifest = load(audio, number)
        if not lost(audio, manifest) and not breaches(manifest):
            return number
    return None


def _way(log: Sequence[Publication]) -> tuple[list[int], list[int]]:
    """What was heard before the present set, and what was taken back after it; nearest first."""
    heard: list[int] = []
    at = -1
    for entry in log:
        if entry.how == "rollback" and entry.set in heard[:at]:
            at = max(n for n in range(at) if heard[n] == entry.set)
        elif entry.how == "forward" and entry.set in heard[at + 1 :]:
            at = heard.index(entry.set, at + 1)
        elif at < 0 or heard[at] != entry.set:
            heard = [*heard[: at + 1], entry.set]
            at += 1
    return heard[:at][::-1], heard[at + 1 :]


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
    past = publications(audio)
    replaced = [each.at for each in past[1:]]
    recent = {each.set for each, end in zip(past, replaced, strict=False) if end >= since}
    return recent | {(published(audio) or {}).get("set", 0)}


def _used(audio: Path) -> set[str]:
    manifests = [load(audio, number) for number in numbers_of(audio)]
    manifests += [heard] if (heard := published(audio)) else []
    return {file for manifest in manifests for file in _files(manifest)}
