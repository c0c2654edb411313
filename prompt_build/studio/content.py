"""The catalog as the editor's page shows it: a tree of sentences, each with its marks; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from ivr.speech import numbers
from prompt_build import sets
from prompt_build.catalog.content import NOTICE, Prompt
from prompt_build.hearing import EXAMPLES, clips_of
from prompt_build.mastering import CEILING_DBFS, TARGET_DBOV, Measured
from prompt_build.recipe import TONES
from prompt_build.report import TOLERANCE_DB
from prompt_build.studio.looking import Seen

KINDS_OF_CHANGE: Mapping[str, str] = {
    "added": "新增",
    "removed": "去掉",
    "reworded": "改了话",
    "resounded": "念法变了",
}
"""What `sets.Change.kind` means to people."""


class Mark(StrEnum):
    """Why a sentence waits for somebody."""

    STALE = "stale"
    """The catalog says something else than the newest set."""
    CHANGED = "changed"
    """The newest set says something else than the published one."""
    DUE = "due"
    """Its date of review is near or past."""
    LOUD = "loud"
    """Its level or peak is not what it must be."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a sentence; or the example that stands where a call fills something in."""

    words: str
    example_of: str = ""


@dataclass(frozen=True, slots=True)
class Take:
    """A sentence as a set has it: what to play, and what was measured over its clips."""

    sound: str
    """Where the page finds it."""
    seconds: float
    quietest_dbov: float
    loudest_dbov: float
    peak_dbfs: float
    silence_seconds: float

    @property
    def levels(self) -> str:
        """`−20.3` or, where its clips differ, `−20.3 … −19.8`; in dBov."""
        ends = dict.fromkeys(map(minus, (self.quietest_dbov, self.loudest_dbov)))
        return " … ".join(ends)

    @property
    def good(self) -> bool:
        """Whether all of it is at the level of speech and no peak is too high."""
        off = max(self.loudest_dbov - TARGET_DBOV, TARGET_DBOV - self.quietest_dbov)
        return off <= TOLERANCE_DB and self.peak_dbfs <= CEILING_DBFS + 0.01


@dataclass(frozen=True, slots=True)
class Version:
    """What a set says in this place: shown beside the catalog's words where they differ."""

    label: str
    pieces: tuple[Piece, ...]
    take: Take | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One sentence of the catalog."""

    name: str
    title: str
    path: str
    """The keys that lead to it in the information menus; empty elsewhere."""
    keys: str
    """The keys that it offers."""
    pieces: tuple[Piece, ...]
    take: Take | None
    """Its sound, unless it is stale."""
    edited: str
    """Where the page finds the sound of a stale one, which is spoken when somebody listens."""
    others: tuple[Version, ...]
    marks: tuple[Mark, ...]
    reviewed: date | None
    expires: date | None
    expired: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the call's tree; `branches` are the menus below it."""

    anchor: str
    key: str
    title: str
    entries: tuple[Entry, ...]
    branches: tuple[Section, ...] = ()

    @property
    def waiting(self) -> int:
        """How many sentences of it bear a mark."""
        return sum(bool(entry.marks) for entry in self.all())

    def all(self) -> Iterator[Entry]:
        """Its sentences, and those of all below it."""
        yield from self.entries
        for branch in self.branches:
            yield from branch.all()


@dataclass(frozen=True)
class Page:
    """All of it."""

    built: sets.Manifest | None
    published: sets.Manifest | None
    faults: tuple[str, ...]
    sections: tuple[Section, ...]
    removed: tuple[Version, ...]
    """What callers still hear although the catalog no longer has it."""
    numbers: Mapping[Mark, int]
    """How many clips of numbers and tones wait, and why."""

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many sentences bear each mark; `all` is all of them."""
        entries = [entry for section in self.sections for entry in section.all()]
        marked = Counter(mark.value for entry in entries for mark in entry.marks)
        return {"all": len(entries), **{mark.value: marked[mark.value] for mark in Mark}}


@dataclass(frozen=True, slots=True)
class _Room:
    """Where in the call sentences are heard, by the beginnings of their names."""

    key: str
    title: str
    beginnings: tuple[str, ...]


_ROOMS = (
    _Room("", "接通和主菜单", ("main.",)),
    _Room("1", "公积金余额查询", ("account.",)),
    _Room("2", "公积金贷款余额查询", ("loan.",)),
    _Room("3", "业务网点", ("information.3",)),
    _Room("4", "政策", ("information.4",)),
    _Room("5", "办理流程", ("information.5",)),
    _Room("6", "互动交流", ("feedback.", "survey.")),
    _Room("0", "人工服务", ("agent.",)),
    _Room("7", "退出查询", ("line.goodbye",)),
    _Room("", "各处共用", ("",)),
)


def minus(decibels: float) -> str:
    """One decimal, with a real minus sign."""
    return f"{decibels:.1f}".replace("-", "−")


def page(seen: Seen, today: date) -> Page:
    """Arrange and mark what was seen."""
    return _Arranging(seen, today).page()


class _Arranging:
    """One look at the catalog turned into a page."""

    def __init__(self, seen: Seen, today: date) -> None:
        self._seen = seen
        self._today = today
        self._stale = _changes(seen.built, seen.wanted)
        self._changed = _changes(seen.published, seen.built)
        self._nodes = dict(_nodes(seen.wanted["information"]))

    def page(self) -> Page:
        return Page(
            built=self._seen.built,
            published=self._seen.published,
            faults=self._seen.faults,
            sections=tuple(self._sections()),
            removed=tuple(self._removed()),
            numbers={
                Mark.STALE: len(self._stale.keys() - self._spoken()),
                Mark.CHANGED: len(self._changed.keys() - self._spoken()),
            },
        )

    def _spoken(self) -> set[str]:
        seen = (self._seen.wanted, self._seen.built, self._seen.published)
        return {name for manifest in seen if manifest for name in manifest["scripts"]}

    # --- the tree -----------------------------------------------------------------------------

    def _sections(self) -> Iterator[Section]:
        placed: dict[_Room, list[str]] = {room: [] for room in _ROOMS}
        for name in self._seen.wanted["scripts"]:
            placed[_room_of(name)].append(name)
        for number, (room, names) in enumerate(placed.items()):
            node = self._seen.wanted["information"].get(room.key)
            if node is not None:
                yield self._branch(room.key, node)
            elif names:
                entries = tuple(map(self._entry, names))
                yield Section(f"room-{number}", room.key, room.title, entries)

    def _branch(self, path: str, node: Mapping[str, Any]) -> Section:
        """A menu of the information tree: its own sentence, its leaves, the menus below it."""
        children = node.get("children", {})
        below = {f"{path}.{key}": child for key, child in children.items()}
        leaves = [child["prompt"] for child in below.values() if "children" not in child]
        return Section(
            anchor=f"menu-{path}",
            key=path.rpartition(".")[2],
            title=node["title"],
            entries=tuple(map(self._entry, [node["prompt"], *leaves])),
            branches=tuple(
                self._branch(at, child) for at, child in below.items() if "children" in child
            ),
        )

    # --- one sentence -------------------------------------------------------------------------

    def _entry(self, name: str) -> Entry:
        prompt = self._seen.prompts.get(name)
        expires = prompt.expires if prompt else None
        take = None if name in self._stale else self._take(self._seen.built, name)
        path, title = self._nodes.get(name, ("", ""))
        return Entry(
            name=name,
            title=title,
            path=path,
            keys=self._seen.wanted["keys"].get(name, ""),
            pieces=_pieces(self._seen.wanted, name),
            take=take,
            edited=f"edited/{self._seen.version}/{name}.wav" if name in self._stale else "",
            others=tuple(self._others(name)),
            marks=tuple(self._marks(name, prompt, take)),
            reviewed=prompt.reviewed if prompt else None,
            expires=expires,
            expired=expires is not None and expires <= self._today,
        )

    def _marks(self, name: str, prompt: Prompt | None, take: Take | None) -> Iterator[Mark]:
        if name in self._stale:
            yield Mark.STALE
        if name in self._changed:
            yield Mark.CHANGED
        if prompt and prompt.expires and prompt.expires <= self._today + NOTICE:
            yield Mark.DUE
        if take and not take.good:
            yield Mark.LOUD

    def _others(self, name: str) -> Iterator[Version]:
        """What the sets say here, where it is not what the catalog says."""
        if name in self._stale and name in self._changed:
            yield from self._version("上次生成的", self._seen.built, name)
        if name in self._stale or name in self._changed:
            yield from self._version("来电人现在听到的", self._seen.published, name)

    def _removed(self) -> Iterator[Version]:
        heard = self._seen.published or {"scripts": {}}
        for name in heard["scripts"]:
            if name not in self._seen.wanted["scripts"]:
                yield from self._version(name, self._seen.published, name)

    def _version(self, label: str, manifest: sets.Manifest | None, name: str) -> Iterator[Version]:
        if manifest is not None and name in manifest["scripts"]:
            yield Version(label, _pieces(manifest, name), self._take(manifest, name))

    def _take(self, manifest: sets.Manifest | None, name: str) -> Take | None:
        """None where there is no such sound, or nobody knows its measures any more."""
        if manifest is None or name not in manifest["scripts"]:
            return None
        clips = [(c, manifest["prompts"][c]["recipe"]) for c in clips_of(manifest, name)]
        if any(recipe not in self._seen.measures for _, recipe in clips):
            return None
        measures = [(clip, self._seen.measures[recipe]) for clip, recipe in clips]
        return _measured(f"sets/{manifest['set']}/{name}.wav", measures)


def _room_of(name: str) -> _Room:
    """The room whose beginning fits best."""
    fitting = [(len(b), room) for room in _ROOMS for b in room.beginnings if name.startswith(b)]
    return max(fitting, key=lambda fit: fit[0])[1]


def _nodes(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, tuple[str, str]]]:
    """Prompt → the keys that lead to it (`4 2 3`) and its title."""
    for key, node in tree.items():
        path = f"{above} {key}".strip()
        yield node["prompt"], (path, node["title"])
        yield from _nodes(node.get("children", {}), path)


def _pieces(manifest: sets.Manifest, name: str) -> tuple[Piece, ...]:
    return tuple(
        Piece(_example(manifest, piece), piece["slot"])
        if "slot" in piece
        else Piece(manifest["prompts"][piece["clip"]]["text"])
        for piece in manifest["scripts"][name]
        if piece.get("clip") not in TONES
    )


def _example(manifest: sets.Manifest, piece: Mapping[str, Any]) -> str:
    kind = piece["read"]
    if "codes" in piece:
        clip = next((clip for clip in piece["codes"].values() if clip), None)
        return str(manifest["prompts"][clip]["text"]) if clip else ""
    return numbers.read(kind, EXAMPLES[kind]).text


def _changes(before: sets.Manifest | None, after: sets.Manifest | None) -> dict[str, sets.Change]:
    """By prompt; all of `after` is new where there was nothing before."""
    if after is None:
        return {}
    nothing: sets.Manifest = {"prompts": {}, "scripts": {}}
    return {change.prompt: change for change in sets.changes(before or nothing, after)}


def _measured(sound: str, clips: Sequence[tuple[str, Measured]]) -> Take:
    speech = [measured for clip, measured in clips if clip not in TONES]
    return Take(
        sound=sound,
        seconds=sum(measured.seconds for _, measured in clips),
        quietest_dbov=min(measured.level_dbov for measured in speech),
        loudest_dbov=max(measured.level_dbov for measured in speech),
        peak_dbfs=max(measured.peak_dbfs for measured in speech),
        silence_seconds=max(measured.silence_seconds for measured in speech),
    )
