"""What callers of a line hear, as files that other machines can take: by their hashes, proven.

A release is one document: the log of publications, the sets that are or will be heard, every file
of theirs and the city's words, each by the SHA-256 of its content. It lies in the depot under its
own hash, as all that it names; so what is under a name is what it says, or it is damaged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ivr.config import Settings
from ivr.depot.depot import Depot
from ivr.depot.errors import DepotAway, NotThere
from ivr.records.durable import write, write_all
from ivr.records.holding import alone, hold
from ivr.speech import publications
from ivr.speech.publications import LOCK, LOG, MANIFEST, PUBLISHING, SETS, Publication

FOLDER: Final = "sets"
"""Of the depot."""
KEPT_SETS: Final = 3
"""So many of those heard last come along, so that what was heard before can be heard again."""
_AT_ONCE: Final = 200
"""Files written before they take their names."""
_SET: Final = re.compile(r"(\d{4,})\.json\Z")
_NUMBER: Final = re.compile(r"\d{4,}")
_CLIP: Final = re.compile(r"clips/[0-9a-z]+/[0-9A-Za-z_-]+\.[0-9a-z]+")

Manifest = Mapping[str, Any]
Breaches = Callable[[Manifest], Sequence[str]]
"""What the program of this machine could not do with a set, in words; empty where it fits."""


class CannotOffer(Exception):
    """What is published here is not whole; says what lacks."""


class CannotTake(Exception):
    """What the line speaks cannot be had, or not be spoken here; nothing was changed. In words."""


@dataclass(frozen=True, slots=True)
class Release:
    """Hashes of everything; see the module."""

    log: str
    sets: Mapping[str, str]
    """By the set's number."""
    files: Mapping[str, str]
    """Clips, by their paths below the folder of prompts."""
    words: Mapping[str, str]
    """The city's own files, by their names; one that is not there is absent."""

    def document(self) -> bytes:
        """The same bytes for the same release."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def of(cls, document: bytes) -> Release:
        """Raises ValueError or TypeError for what is none."""
        return cls(**json.loads(document))


def digest(content: bytes) -> str:
    """By which everything is known."""
    return hashlib.sha256(content).hexdigest()


def is_published(audio: Path) -> str:
    """The digest of the log of publications; empty where nothing was published."""
    try:
        return digest((audio / LOG).read_bytes())
    except FileNotFoundError:
        return ""


# --- offering ----------------------------------------------------------------------------------


def offer(settings: Settings, depot: Depot, now: datetime) -> str:
    """Bring what is published here into the depot, each file read back; the release's hash.

    Raises CannotOffer and DepotAway.
    """
    with alone(settings.audio / PUBLISHING):
        release, contents = _gathered(settings, now)
    there = frozenset(depot.names(FOLDER))
    for name in sorted({release.log, *release.sets.values(), *release.words.values()}):
        _bring(depot, there, name, contents[name])
    for file, name in release.files.items():
        if _place(name) not in there:
            _bring(depot, there, name, _whole(settings.audio / file, name))
    document = release.document()
    _bring(depot, there, digest(document), document)
    return digest(document)


def _gathered(settings: Settings, now: datetime) -> tuple[Release, Mapping[str, bytes]]:
    """And the contents of all but the clips, by their hashes."""
    audio = settings.audio
    log = (audio / LOG).read_bytes()
    sets = {f"{number:04d}": _manifest(audio, number) for number in _numbers(audio, now)}
    words = {name: path.read_bytes() for name, path in _words(settings) if path.is_file()}
    files = {file for content in sets.values() for file in _files(content)}
    release = Release(
        log=digest(log),
        sets={number: digest(content) for number, content in sets.items()},
        files={file: digest(_read(audio / file)) for file in sorted(files)},
        words={name: digest(content) for name, content in words.items()},
    )
    return release, {digest(each): each for each in (log, *sets.values(), *words.values())}


def _numbers(audio: Path, now: datetime) -> list[int]:
    """What is and will be heard, and what was heard last, as far as it is whole."""
    log = publications.read(audio)
    needed = log[-1].needed(now)
    heard = [each.set for each in reversed(publications.heard(log, now))]
    lately = [number for number in dict.fromkeys(heard) if _is_whole(audio, number)]
    return sorted({*needed, *lately[:KEPT_SETS]})


def _is_whole(audio: Path, number: int) -> bool:
    try:
        return all((audio / file).is_file() for file in _files(_manifest(audio, number)))
    except CannotOffer:
        return False


def _manifest(audio: Path, number: int) -> bytes:
    return _read(publications.kept(audio, number))


def _files(manifest: bytes) -> Iterator[str]:
    return publications.files_of(json.loads(manifest))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CannotOffer(f"缺 {path}：`ivr build-prompts` 重做 · it lacks: build again") from None


def _whole(path: Path, name: str) -> bytes:
    content = _read(path)
    if digest(content) != name:
        raise CannotOffer(f"{path} 正在变动，稍后再送 · it changes just now")
    return content


def _bring(depot: Depot, there: frozenset[str], name: str, content: bytes) -> None:
    """And read it back: what was not stored as it was given is no offer."""
    if _place(name) in there:
        return
    depot.put(_place(name), content)
    if digest(depot.get(_place(name))) != name:
        depot.remove(_place(name))
        raise DepotAway(f"{depot.place} 存下的和送去的不一样，已删去，再送 · it stored other bytes")


def _place(name: str) -> str:
    return f"{FOLDER}/{name[:2]}/{name}"


def _words(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield "words.zh.toml", settings.words_file
    yield "lexicon.zh.toml", settings.home / settings.lexicon.name


# --- taking ------------------------------------------------------------------------------------


def take(
    settings: Settings, depot: Depot, name: str, breaches: Breaches, *, is_first: bool
) -> Release:
    """Let callers here hear this release: all of it is proven before any of it is heard.

    `is_first`: nothing was given or taken here before, so that no set here is one of the line's.
    Raises CannotTake and DepotAway; callers hear what they heard before then.
    """
    audio = settings.audio
    audio.mkdir(parents=True, exist_ok=True)
    release = _release(_proven(depot, name))
    _check_names(release)
    log = _proven(depot, release.log)
    sets = {number: _proven(depot, each) for number, each in release.sets.items()}
    words = {each: _proven(depot, hashed) for each, hashed in release.words.items()}
    _check(sets, breaches)
    with ExitStack() as stack:
        if not hold(stack.enter_context((audio / LOCK).open("wb"))):
            raise CannotTake("正在合成语音，合成完再换 · prompts are being made here just now")
        _take_files(audio, depot, release.files)
        stack.enter_context(alone(audio / PUBLISHING))
        _put_words(settings, words)
        _put_sets(audio, sets, log, [] if is_first else _log(audio))
    return release


def came_before(settings: Settings, depot: Depot, name: str) -> bool:
    """Whether what is published here goes on from that release: nobody has published it since.

    Raises CannotTake and DepotAway.
    """
    theirs = publications.parsed(_proven(depot, _release(_proven(depot, name)).log))
    ours = _log(settings.audio)
    return len(theirs) < len(ours) and _goes_on(theirs, ours)


def _release(document: bytes) -> Release:
    try:
        return Release.of(document)
    except (ValueError, TypeError):
        raise CannotTake("是更新的程序发布的：先升级本机 · made by a newer program") from None


def _check_names(release: Release) -> None:
    """A document says where files go: only ever where sets and clips are."""
    strange = [file for file in release.files if not _CLIP.fullmatch(file)]
    strange += [number for number in release.sets if not _NUMBER.fullmatch(number)]
    if strange:
        raise CannotTake(f"发布的内容里有不该有的文件名 · a strange name: {strange[0][:80]!r}")


def _check(sets: Mapping[str, bytes], breaches: Breaches) -> None:
    for number, content in sets.items():
        if broken := breaches(json.loads(content)):
            raise CannotTake(
                f"本机的程序说不了第 {int(number)} 版：升级本机；{broken[0]}"
                " · this machine's program cannot speak it: upgrade"
            )


def _proven(depot: Depot, name: str) -> bytes:
    """What is under a wrong name is taken away, so that whoever has it whole brings it again."""
    try:
        content = depot.get(_place(name))
    except NotThere:
        raise CannotTake(f"{depot.place} 里还缺 {name[:12]}… · it lacks in the depot") from None
    if digest(content) != name:
        depot.remove(_place(name))
        raise CannotTake(
            f"{depot.place} 里的 {name[:12]}… 是坏的，没有用它，等有它的节点重新送来"
            " · damaged in the depot; not taken"
        )
    return content


def _take_files(audio: Path, depot: Depot, files: Mapping[str, str]) -> None:
    """Those that are not here as they should be; each is whole before it has its name."""
    lacking = {file: name for file, name in files.items() if _here(audio / file) != name}
    waiting: dict[Path, bytes] = {}
    for file, name in lacking.items():
        waiting[audio / file] = _proven(depot, name)
        if len(waiting) >= _AT_ONCE:
            write_all(waiting)
            waiting.clear()
    write_all(waiting)


def _here(path: Path) -> str:
    try:
        return digest(path.read_bytes())
    except FileNotFoundError:
        return ""


def _put_sets(
    audio: Path, sets: Mapping[str, bytes], log: bytes, ours: Sequence[Publication]
) -> None:
    """The log last but one, the manifest last: whoever looks sees what was, or all of it."""
    for number in _strange(ours, publications.parsed(log)) - set(map(int, sets)):
        _put_aside(audio, publications.kept(audio, number), None)
    for name, content in sets.items():
        path = audio / SETS / f"{name}.json"
        _put_aside(audio, path, content)
        write(path, content)
    write(audio / LOG, log)
    last = publications.read(audio)[-1].set
    write(audio / MANIFEST, (audio / SETS / f"{last:04d}.json").read_bytes())


def _strange(ours: Sequence[Publication], theirs: Sequence[Publication]) -> set[int]:
    """Numbers that their log names and that mean other sets here, if any."""
    named = {number for each in theirs for number in each.needed(each.at)}
    if not _goes_on(ours, theirs):
        return named
    return named - {number for each in ours for number in each.needed(each.at)}


def _goes_on(ours: Sequence[Publication], theirs: Sequence[Publication]) -> bool:
    """Whether theirs is the same history; what is to come may be planned anew in its last line."""
    known = theirs[: len(ours)]
    return list(ours[:-1]) == list(known[:-1]) and [o.at for o in ours] == [t.at for t in known]


def _log(audio: Path) -> list[Publication]:
    try:
        return publications.read(audio)
    except (ValueError, KeyError, TypeError):
        return []


def _put_aside(audio: Path, path: Path, instead: bytes | None) -> None:
    """A set of this machine's own that has the number: it stays, under the next free one."""
    content = path.read_bytes() if path.exists() else instead
    if content is None or content == instead:
        return
    found = (_SET.match(each.name) for each in (audio / SETS).iterdir())
    free = max(int(each[1]) for each in found if each) + 1
    told = json.dumps({**json.loads(content), "set": free}, ensure_ascii=False, indent=1)
    write(audio / SETS / f"{free:04d}.json", told.encode())
    path.unlink()


def _put_words(settings: Settings, words: Mapping[str, bytes]) -> None:
    """What was here otherwise stays beside it, as `….own`: perhaps nobody has published it."""
    for name, path in _words(settings):
        here = path.read_bytes() if path.is_file() else None
        if here == words.get(name):
            continue
        if here is not None:
            write(path.with_name(f"{path.name}.own"), here)
        if name in words:
            write(path, words[name])
        else:
            path.unlink(missing_ok=True)
