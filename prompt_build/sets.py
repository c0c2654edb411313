"""Numbered, immutable sets of prompts: kept, compared, published, taken back, cleared away.

`sets/0007.json` is a manifest that is never changed; `manifest.json` is a copy of the published
one, replaced by rename, so that whoever reads it sees one whole set or another. `published.json`
is the log of publications: which set, when, by whom, why, and how, and which sets are to be heard
from a moment on or until one (ivr/speech/publications.py tells who is heard when). The clips are
shared by all sets, each named by its recipe. Only `collect` removes anything.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ivr.records.durable import write
from ivr.speech import publications
from ivr.speech.publications import (
    LOCK,
    LOG,
    MANIFEST,
    PUBLISHING,
    Heard,
    How,
    Publication,
    Timed,
    clock,
)
from prompt_build.locking import locked

GRACE = timedelta(hours=24)
"""A set that was heard within this time may still be played by a call in progress."""
NUMBERS = "numbers"
"""Stands for all clips of numbers where two sets are compared."""
_NAME = re.compile(r"(\d{4,})\.json\Z")

Manifest = Mapping[str, Any]
Breaches = Callable[[Manifest], Sequence[str]]
"""What the code could not do with a set, in words; empty where it fits."""


class NoSuchSet(Exception):
    """There is no set of this number (or nothing to go back to)."""


class Unfit(Exception):
    """The set breaks what is agreed with the code; publishing it would fail calls."""


class NoSuchTime(Exception):
    """The moments from which and until which a set is to be heard make no sense."""


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


def published(audio: Path, now: datetime | None = None) -> dict[str, Any] | None:
    """The manifest that callers hear; None before the first."""
    file = publications.file_of(audio, publications.last(audio), now or datetime.now(UTC))
    return _read(file)


def underneath(audio: Path, now: datetime | None = None) -> dict[str, Any] | None:
    """The manifest that callers hear once all that is for a time is over; None before the first."""
    publication = publications.last(audio)
    if publication is None:
        return _read(audio / MANIFEST)
    number = publication.underneath(now or datetime.now(UTC))
    at_once = number == publication.set
    return _read(audio / MANIFEST if at_once else publications.kept(audio, number))


def _read(file: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads(file.read_bytes())
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
    return publications.kept(audio, number)


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
    """Number the set, unless one that is the newest, or is or will be heard, is the same."""
    known = numbers_of(audio)
    for number in sorted({*known[-1:], *_needed(audio, datetime.now(UTC))} & {*known}):
        if _content(load(audio, number)) == _content(manifest):
            return number
    number = max(known, default=0) + 1
    stamped = {"set": number, "built": datetime.now(UTC).isoformat(timespec="seconds"), **manifest}
    write(_file(audio, number), json.dumps(stamped, ensure_ascii=False, indent=1).encode())
    return number


def _needed(audio: Path, now: datetime) -> set[int]:
    """The sets that callers hear or will hear."""
    publication = publications.last(audio)
    heard: int = (published(audio, now) or {}).get("set", 0)
    return {heard, *(publication.needed(now) if publication else ())}


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
    timed: tuple[Timed, ...] | None = None,
) -> bool:
    """Let new calls hear this set; False when they do already.

    What was to begin later still does; what is for a time and has begun is over. `timed`: these
    lie over it instead.
    Raises NoSuchSet, or Unfit where the code could not speak it.
    """
    now = now or datetime.now(UTC)
    with locked(audio / PUBLISHING):
        before = publications.last(audio)
        ahead = tuple(each for each in before.timed if each.since > now) if before else ()
        publication = Publication(number, now, how, who, why, ahead if timed is None else timed)
        if _says_the_same(audio, before, publication):
            return False
        _arrange(audio, publication, breaches)
    return True


def _says_the_same(audio: Path, before: Publication | None, after: Publication) -> bool:
    now, number = after.at, after.set
    if published(audio, now) != load(audio, after.in_force(now)):
        return False
    if before is None:
        return True
    same_later = list(before.turns(now)) == list(after.turns(now))
    return same_later and before.underneath(now) == number


def arrange(audio: Path, publication: Publication, breaches: Breaches = lambda _: ()) -> None:
    """The next line of the log, with all that is to come by itself.

    Raises NoSuchSet, or Unfit where the code could not speak one of its sets.
    """
    with locked(audio / PUBLISHING):
        _arrange(audio, publication, breaches)


def _arrange(audio: Path, publication: Publication, breaches: Breaches) -> None:
    """Nothing is written unless every set of it can be spoken."""
    for number in sorted(publication.needed(publication.at)):
        _check(audio, number, breaches)
    chosen = load(audio, publication.set)
    write(audio / LOG, publications.written([*publications.read(audio), publication]))
    write(audio / MANIFEST, json.dumps(chosen, ensure_ascii=False, indent=1).encode())


def _check(audio: Path, number: int, breaches: Breaches) -> None:
    chosen = load(audio, number)
    if absent := lost(audio, chosen):
        raise NoSuchSet(f"set {number} lacks {len(absent)} files ({absent[0]} …); build it again")
    if broken := breaches(chosen):
        raise Unfit(_unfit(number, broken))


def schedule(
    audio: Path, timed: Timed, now: datetime, *, breaches: Breaches = lambda _: ()
) -> None:
    """Let a set be heard from a moment on, or until one, in place of what is heard without it.

    Raises NoSuchTime, NoSuchSet or Unfit.
    """
    check_times(timed.since, timed.until, now)
    with locked(audio / PUBLISHING):
        before = publications.last(audio)
        if before is None:
            raise NoSuchSet("还没有发布过，先发布一版 · publish a set first")
        standing = tuple(each for each in before.timed if not each.is_over(now))
        _arrange(
            audio,
            Publication(before.set, now, "schedule", timed.who, timed.why, (*standing, timed)),
            breaches,
        )


def check_times(since: datetime, until: datetime | None, now: datetime) -> None:
    """Raises NoSuchTime, in words."""
    if since < now:
        raise NoSuchTime(f"开始时间 {clock(since)} 已经过了（北京时间）· that moment is over")
    if until is not None and until <= since:
        raise NoSuchTime(
            f"结束时间 {clock(until)} 不在开始时间 {clock(since)} 之后（北京时间）"
            " · it would end before it begins"
        )


def withdraw(  # noqa: PLR0913  as of a publication
    audio: Path,
    number: int,
    now: datetime,
    *,
    who: str = "",
    why: str = "",
    breaches: Breaches = lambda _: (),
) -> tuple[Timed, ...]:
    """Take back what was to be heard later or for a time; returns it. Raises NoSuchSet.

    One that has begun is over now, and callers hear what is underneath.
    """
    with locked(audio / PUBLISHING):
        before = publications.last(audio)
        standing = [each for each in before.timed if not each.is_over(now)] if before else []
        gone = tuple(each for each in standing if each.set == number and _may_end(each, now))
        if before is None or not gone:
            raise NoSuchSet(
                f"第 {number} 版没有排在以后播出，也不是限时播出的 · set {number} is not scheduled"
            )
        rest = tuple(each for each in standing if each not in gone)
        _arrange(audio, Publication(before.set, now, "withdraw", who, why, rest), breaches)
    return gone


def renew(audio: Path, timed: tuple[Timed, ...], breaches: Breaches = lambda _: ()) -> None:
    """The same publication with sets that were made again for what lies over it."""
    with locked(audio / PUBLISHING):
        log = publications.read(audio)
        others = [each for each in log[-1].timed if each.until is None and each.words is None]
        fresh = {(each.since, each.until) for each in timed}
        keep = tuple(each for each in others if (each.since, each.until) not in fresh)
        for number in {each.set for each in timed}:
            _check(audio, number, breaches)
        log[-1] = replace(log[-1], timed=(*keep, *timed))
        write(audio / LOG, publications.written(log))


def settled(audio: Path, now: datetime) -> None:
    """What has begun to stay has no words of its own any more: they are in the city's file."""
    with locked(audio / PUBLISHING):
        log = publications.read(audio)
        timed = tuple(
            replace(each, words=None) if each.until is None and each.since <= now else each
            for each in log[-1].timed
        )
        log[-1] = replace(log[-1], timed=timed)
        write(audio / LOG, publications.written(log))


def _may_end(each: Timed, now: datetime) -> bool:
    """What has begun and stays is taken back as anything that was published."""
    return each.until is not None or each.since > now


def _unfit(number: int, broken: Sequence[str]) -> str:
    return (
        f"第 {number} 版和程序对不上，没有发布：{'；'.join(broken[:5])}"
        f" · set {number} does not fit this version of the program: build it again"
    )


def lost(audio: Path, manifest: Manifest) -> list[str]:
    """The set's files that are not there."""
    there = present(audio)
    return [file for file in publications.files_of(manifest) if file not in there]


def rollback(
    audio: Path,
    *,
    who: str = "",
    why: str = "",
    breaches: Breaches = lambda _: (),
    now: datetime | None = None,
) -> int:
    """Publish the set that callers heard before; returns its number.

    A second time goes back further. Drafts, which nobody heard, are passed over, and so are sets
    that were taken back before, whose time is over, that are cleared away, or that the code cannot
    speak any more.
    """
    now = now or datetime.now(UTC)
    past, _ = _way(publications.heard(publications.read(audio), now))
    found = _nearest(audio, past, breaches, now)
    if found is None:
        raise NoSuchSet("没有更早播出过的版本可以退回 · there is no earlier set to go back to")
    arrange(audio, again(found, now, "rollback", who, why), breaches)
    return found.set


def forward(
    audio: Path,
    *,
    who: str = "",
    why: str = "",
    breaches: Breaches = lambda _: (),
    now: datetime | None = None,
) -> int:
    """Take a rollback back: publish the set that it went away from; returns its number."""
    now = now or datetime.now(UTC)
    _, ahead = _way(publications.heard(publications.read(audio), now))
    found = _nearest(audio, ahead, breaches, now)
    if found is None:
        raise NoSuchSet("没有退回过，不能再往前 · nothing was taken back")
    arrange(audio, again(found, now, "forward", who, why), breaches)
    return found.set


def go_back(  # noqa: PLR0913  as of a publication
    audio: Path,
    number: int,
    now: datetime,
    *,
    who: str = "",
    why: str = "",
    breaches: Breaches = lambda _: (),
) -> None:
    """Publish a set that was heard before, as it was heard; NoSuchSet for one that never was.

    NoSuchTime for one that was for a time which is over.
    """
    past = publications.heard(publications.read(audio), now)
    found = next((each for each in reversed(past) if each.set == number), None)
    if found is None:
        raise NoSuchSet(f"第 {number} 版没有播出过，不能退回到它 · it was never heard")
    if is_over(found, now):
        raise NoSuchTime(f"第 {number} 版是限时的，时间已经过了：退回别的版 · its time is over")
    arrange(audio, again(found, now, "rollback", who, why), breaches)


def is_over(heard: Heard, now: datetime) -> bool:
    """Whether it was for a time which is over."""
    return heard.top is not None and heard.top.is_over(now)


def again(heard: Heard, now: datetime, how: How, who: str, why: str) -> Publication:
    """What was heard before, now: with what lay over it, and what was to come then.

    What had come by itself since then does not come again: one goes back because of it.
    """
    by, top = heard.by, heard.top
    lasting = top.set if top is not None and top.until is None else by.underneath(heard.at)
    standing = () if top is None or top.until is None else (top,)
    lay = by.timed
    passed = any(each.until is None and heard.at < each.since <= now for each in lay)
    ahead = () if passed else tuple(each for each in lay if each.since > now)
    return Publication(lasting, now, how, who, why, (*standing, *ahead))


def _nearest(
    audio: Path, stretches: Sequence[Heard], breaches: Breaches, now: datetime
) -> Heard | None:
    """The first of them that is there whole and fits."""
    known = set(numbers_of(audio))
    for each in stretches:
        if each.set in known and not is_over(each, now):
            manifest = load(audio, each.set)
            if not lost(audio, manifest) and not breaches(manifest):
                return each
    return None


def _way(log: Sequence[Heard]) -> tuple[list[Heard], list[Heard]]:
    """What was heard before the present set, and what was taken back after it; nearest first."""
    way: list[Heard] = []
    at = -1
    for entry in log:
        sets = [each.set for each in way]
        if entry.how == "rollback" and entry.set in sets[:at]:
            at = max(n for n in range(at) if sets[n] == entry.set)
        elif entry.how == "forward" and entry.set in sets[at + 1 :]:
            at = sets.index(entry.set, at + 1)
        elif at < 0 or sets[at] != entry.set:
            way = [*way[: at + 1], entry]
            at += 1
        way[at] = entry  # with all that is to come, as it was planned last
    present = way[at].set if way else 0
    return [each for each in way[:at][::-1] if each.set != present], way[at + 1 :]


def collect(
    audio: Path, keep_sets: int, now: datetime | None = None
) -> tuple[list[int], list[str]]:
    """Remove old sets, and the clips of none; returns the sets' numbers and the files.

    The published set stays, what is to be heard later, the newest `keep_sets`, and whatever was
    heard within GRACE, since a call keeps the set that it began with. Raises Busy while a build
    makes clips.
    """
    now = now or datetime.now(UTC)
    with locked(audio / LOCK, wait=False), locked(audio / PUBLISHING):
        known = numbers_of(audio)
        needed = {*known[-keep_sets:], *_needed(audio, now), *_heard_since(audio, now)}
        dropped = [number for number in known if number not in needed]
        for number in dropped:
            _file(audio, number).unlink()
        orphans = sorted(present(audio) - _used(audio))
        for file in orphans:
            (audio / file).unlink()
    return dropped, orphans


def _heard_since(audio: Path, now: datetime) -> set[int]:
    """What was heard within GRACE."""
    past = publications.heard(publications.read(audio), now)
    return {each.set for each in past if each.until is None or each.until >= now - GRACE}


def _used(audio: Path) -> set[str]:
    manifests = [load(audio, number) for number in numbers_of(audio)]
    manifests += [heard] if (heard := published(audio)) else []
    return {file for manifest in manifests for file in publications.files_of(manifest)}
