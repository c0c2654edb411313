"""What a sentence of the catalog is made of: its name and values in, the clips to play out."""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ivr.people.sensitive import Sensitive
from ivr.speech import numbers
from ivr.speech.codes import code
from ivr.speech.contract import Contract
from ivr.speech.publications import (
    LOG,
    MANIFEST,
    SETS,
    Publication,
    Turn,
    file_of,
    kept,
    last,
    read,
)

log = logging.getLogger(__name__)

FORMAT = 1
BEEP = "tone.beep"
"""The clip after which a caller speaks."""

Value = str | int | Decimal | Sensitive[Any]


class Unsaid(numbers.Unreadable):
    """A value that its sentence needs is missing, or has no words; names the slot, no more."""

    def __init__(self, slot: str) -> None:
        self.slot = slot
        super().__init__(f"{{{slot}}} cannot be said")


class PromptSetError(Exception):
    """The published prompts cannot be used; says everything that is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One piece of sound: its name in the manifest, what it says, where it lies, its length."""

    name: str
    text: str
    path: str
    """Absolute, without extension: Asterisk picks the format that needs no transcoding."""
    seconds: float


_LENGTH = attrgetter("seconds")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A prompt of the catalog with the values of its slots; the values are never shown."""

    prompt: str
    values: Mapping[str, Value | None] = field(default_factory=dict, repr=False)


def sentence(prompt: str, **values: Value | None) -> Sentence:
    """A sentence as a dialogue writes it: `sentence("account.readout", balance=…)`."""
    return Sentence(prompt, MappingProxyType(values))


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is played in one go: the prompts' names for the records, the clips for the ear."""

    prompts: tuple[str, ...]
    clips: tuple[Clip, ...] = field(repr=False)
    last_begins: float = 0.0
    """When its last sentence begins: after so many seconds of the others."""
    figures_end: float | None = None
    """After how many seconds the last value has been said; None: it tells no values."""
    seconds: float = field(init=False)
    """How long it takes to say."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", _seconds(self.clips))

    def then(self, other: Utterance) -> Utterance:
        """This one, and another after it."""
        ends = other.figures_end
        return Utterance(
            self.prompts + other.prompts,
            self.clips + other.clips,
            self.seconds + other.last_begins,
            self.figures_end if ends is None else self.seconds + ends,
        )

    @property
    def text(self) -> str:
        """The words, as the caller hears them."""
        return "".join(clip.text for clip in self.clips)


@dataclass(frozen=True, slots=True)
class _Words:
    """A clip of a sentence."""

    clip: str
    part: int = 0
    """Which optional part it belongs to, from 1; 0 where it is always said."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in a sentence that the call fills in, and how its value is read."""

    name: str
    read: str
    ends: bool
    """Whether the sentence ends with it."""
    part: int = 0
    """As of _Words: a part falls away when a value in it is NULL."""
    codes: Mapping[str, str] | None = None
    """Of a column of codes: code → the clip of its words, "" where nothing is said of it."""

    def word(self, value: Any) -> str | None:
        """The clip of a code, "" for none; None where nobody has said what the code means."""
        return None if self.codes is None else self.codes.get(code(value))

    def falls_away(self, value: Any) -> bool:
        """Whether there is nothing to say of a value."""
        return value is None or (self.codes is not None and not self.word(value))


@dataclass(frozen=True, slots=True)
class Node:
    """One place of the information tree: a menu, or a text where it has no children."""

    prompt: str
    """Its sentence, `information.4.1.2`: the keys that lead to it, and its name in the records."""
    title: str
    """For readers; never spoken."""
    children: Mapping[str, Node]
    """By the key that chooses each."""

    def walk(self) -> Iterator[Node]:
        """This place and all below it, in the order of their keys."""
        yield self
        for child in self.children.values():
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class PromptSet:
    """One published set of prompts. A call keeps the set it began with."""

    number: int
    """By which editors know it."""
    version: str
    keys: Mapping[str, str]
    """Menu prompt → the keys that its sentence names."""
    information: Mapping[str, Node]
    """The tree behind keys 3, 4 and 5, by key."""
    clips: Mapping[str, Clip] = field(repr=False)
    _scripts: Mapping[str, tuple[_Words | _Slot, ...]] = field(repr=False)
    _kept: dict[str, Utterance] = field(init=False, default_factory=dict, repr=False, compare=False)
    """Sentences without values, the same for every caller; a changed set begins anew."""

    def __contains__(self, prompt: object) -> bool:
        return prompt in self._scripts

    def utterance(self, *sentences: Sentence) -> Utterance:
        """The clips of these sentences, in order; Unsaid where a value has no words."""
        return reduce(Utterance.then, map(self._one, sentences))

    def _one(self, said: Sentence) -> Utterance:
        if said.values:
            return self._put_together(said)
        if said.prompt not in self._kept:
            self._kept[said.prompt] = self._put_together(said)
        return self._kept[said.prompt]

    def _put_together(self, said: Sentence) -> Utterance:
        clips: list[Clip] = []
        figures = 0
        for piece, heard in self._pieces(said):
            clips += heard
            if heard and isinstance(piece, _Slot):
                figures = len(clips)
        figures_end = _seconds(clips[:figures]) if figures else None
        return Utterance((said.prompt,), tuple(clips), figures_end=figures_end)

    def wordings(self) -> dict[str, str]:
        """Every sentence in words, `…` for a value."""
        return {
            prompt: "".join(
                self.clips[piece.clip].text if isinstance(piece, _Words) else "…"
                for piece in pieces
            )
            for prompt, pieces in self._scripts.items()
        }

    def unknown_codes(self, said: Sentence) -> tuple[str, ...]:
        """The columns whose code stands in no table: their part of the sentence is left out."""
        return tuple(
            piece.name
            for piece in self._scripts[said.prompt]
            if isinstance(piece, _Slot)
            and piece.codes is not None
            and (value := _plain(said.values.get(piece.name))) is not None
            and piece.word(value) is None
        )

    def breaches(self, contract: Contract) -> list[str]:
        """What the code would speak, fill in or be asked for, and this set does not allow."""
        told = [node.prompt for branch in self.information.values() for node in branch.walk()]
        needed = (*contract.spoken, *told)
        faults = [f"prompt {name} is missing" for name in dict.fromkeys(needed) if name not in self]
        for name, clause in contract.clauses.items():
            known = "".join(clause.keys)
            offered = self.keys.get(name, "")
            faults += [f"prompt {name} offers key {key}" for key in offered if key not in known]
            faults += [
                f"prompt {name} has a value {{{piece.name}:{piece.read}}}"
                for piece in self._scripts.get(name, ())
                if isinstance(piece, _Slot) and not clause.fills(piece.name, piece.read)
            ]
        return [*faults, *(f"branch {key} is missing" for key in self._lost_branches(contract))]

    def _lost_branches(self, contract: Contract) -> list[str]:
        return [key for key in contract.branches if key not in self.information]

    def missing_clips(self) -> list[str]:
        """What its sentences need and it does not have, in words."""
        return [
            f"prompt {prompt} needs clip {clip}, which is missing"
            for prompt, pieces in self._scripts.items()
            for piece in pieces
            for clip in _clips_of(piece)
            if clip not in self.clips
        ]

    def _pieces(self, said: Sentence) -> Iterator[tuple[_Words | _Slot, list[Clip]]]:
        """What is said of the script, and the clips of each piece of it."""
        script = _told(self._scripts[said.prompt], said.values)
        last = next((piece for piece in reversed(script) if _is_heard(piece)), None)
        for piece in script:
            if isinstance(piece, _Words):
                yield piece, [self.clips[piece.clip]]
            else:
                ends = piece.ends or piece is last
                yield piece, self._read(piece, said.values.get(piece.name), ends)

    def _read(self, slot: _Slot, value: Value | None, ends: bool) -> list[Clip]:
        plain = _plain(value)
        if slot.codes is not None:
            return [self.clips[clip] for clip in [slot.word(plain)] if clip]
        try:
            reading = numbers.read(slot.read, "" if plain is None else plain)
            names = reading.clips if ends else reading.clips_within
        except numbers.Unreadable:
            raise Unsaid(slot.name) from None
        return [self.clips[name] for name in names]


def _seconds(clips: Iterable[Clip]) -> float:
    return math.fsum(map(_LENGTH, clips))


def _plain(value: Value | None) -> Any:
    return value.reveal() if isinstance(value, Sensitive) else value


def _told(
    script: tuple[_Words | _Slot, ...], values: Mapping[str, Value | None]
) -> list[_Words | _Slot]:
    """The script without the optional parts that nothing is known for."""
    gone = {
        piece.part
        for piece in script
        if isinstance(piece, _Slot)
        and piece.part
        and piece.falls_away(_plain(values.get(piece.name)))
    }
    return [piece for piece in script if piece.part not in gone]


def _clips_of(piece: _Words | _Slot) -> Iterable[str]:
    """What a piece needs of its set, besides the numbers that every set has."""
    if isinstance(piece, _Words):
        return (piece.clip,)
    return (clip for clip in (piece.codes or {}).values() if clip)


def _is_heard(piece: _Words | _Slot) -> bool:
    """No mere pause."""
    return isinstance(piece, _Slot) or not piece.clip.startswith("pause.")


def load(audio: Path, contract: Contract, file: Path | None = None) -> PromptSet:
    """The published set in `audio`; PromptSetError when it breaks the contract or lacks a file.

    Everything is checked here, since Asterisk plays a missing file as silence without a word.
    `file`: the set that this manifest describes instead.
    """
    file = file or audio / MANIFEST
    manifest = _manifest(audio, file)
    found = described(manifest, audio.resolve())
    faults = found.breaches(contract)
    needed = (*numbers.inventory(), BEEP)
    faults += [f"clip {name} is missing" for name in needed if name not in found.clips]
    faults += found.missing_clips()
    faults += _missing_files(audio.resolve(), manifest["prompts"])
    if faults:
        raise PromptSetError(_refusal(file, found.number, faults))
    return found


def described(manifest: Mapping[str, Any], root: Path) -> PromptSet:
    """The set that a manifest describes, its files below `root`; nothing is checked."""
    clips = {name: _clip(root, name, entry) for name, entry in manifest["prompts"].items()}
    scripts = {name: _script(pieces) for name, pieces in manifest["scripts"].items()}
    return PromptSet(
        number=manifest.get("set", 0),
        version=manifest["catalog"],
        keys=MappingProxyType(manifest["keys"]),
        information=_nodes(manifest["information"]),
        clips=MappingProxyType(clips),
        _scripts=MappingProxyType(scripts),
    )


def _manifest(audio: Path, path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PromptSetError(
            f"{audio} 里没有语音 · no prompts in {audio}: run `ivr build-prompts`"
        ) from None
    except (OSError, ValueError) as unreadable:
        raise PromptSetError(f"{path} cannot be read ({unreadable}): build again") from unreadable
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise PromptSetError(f"{path} is not of format {FORMAT}: run `ivr build-prompts`")
    return manifest


def _clip(root: Path, name: str, entry: Mapping[str, Any]) -> Clip:
    first = next(iter(entry["files"].values()))
    return Clip(name, entry["text"], str((root / first).with_suffix("")), entry["seconds"])


def _script(pieces: Sequence[Mapping[str, Any]]) -> tuple[_Words | _Slot, ...]:
    return tuple(
        _Words(piece["clip"], piece.get("part", 0)) if "clip" in piece else _slot(piece)
        for piece in pieces
    )


def _slot(piece: Mapping[str, Any]) -> _Slot:
    codes = piece.get("codes")
    return _Slot(
        name=piece["slot"],
        read=piece["read"],
        ends=piece.get("ends", False),
        part=piece.get("part", 0),
        codes=None if codes is None else {code(each): clip for each, clip in codes.items()},
    )


def _nodes(entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Node]:
    return MappingProxyType(
        {
            key: Node(entry["prompt"], entry["title"], _nodes(entry.get("children", {})))
            for key, entry in entries.items()
        }
    )


def _missing_files(root: Path, entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Callers wait while a service starts: each file is looked for, no folder gone through."""
    return [
        f"clip {name}: file {file} is missing"
        for name, entry in entries.items()
        for file in entry["files"].values()
        if not os.path.isfile(os.path.join(root, file))  # noqa: PTH113, PTH118  four times as fast
    ]


def _refusal(file: Path, number: int, faults: list[str], shown: int = 20) -> str:
    more = [f"… and {len(faults) - shown} more"] if len(faults) > shown else []
    remedy = (
        f"第 {number} 版语音说不了 · set {number} ({file}) cannot be spoken;"
        " run `ivr build-prompts`:"
    )
    return "\n  ".join([remedy, *faults[:shown], *more])


def _now() -> datetime:
    return datetime.now(UTC)


class Shelf:
    """The set for new calls: loaded once, and again when callers are to hear another one.

    That is when one was published, and when the moment comes from which on, or until which, one
    was published. A set that cannot be spoken is refused, and `refused` says why: a running
    service keeps the set that it has, one that starts takes the newest that can be spoken.
    """

    def __init__(
        self, audio: Path, contract: Contract, clock: Callable[[], datetime] = _now
    ) -> None:
        self._audio = audio
        self._contract = contract
        self._clock = clock
        self.refused = ""
        """Why callers do not hear the published set; empty while they do."""
        self._published: Publication | None = None
        self._noted = (-1, -1)
        self._stamp = self._look()
        self._set = self._first()

    def current(self) -> PromptSet:
        """What callers are to hear now; where it is broken, the known one is kept."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._set = load(self._audio, self._contract, stamp[0])
                self.refused = ""
            except PromptSetError as refusal:
                self._refuse(refusal, self._set)
        return self._set

    def turns(self) -> list[Turn]:
        """When callers will hear another set, without anybody doing anything; in order."""
        self._look()
        return [] if self._published is None else list(self._published.turns(self._clock()))

    def _first(self) -> PromptSet:
        try:
            return load(self._audio, self._contract, self._stamp[0])
        except PromptSetError as refusal:
            instead = _spare(self._audio, self._contract)
            if instead is None:
                raise
            self._refuse(refusal, instead)
            return instead

    def _refuse(self, refusal: PromptSetError, instead: PromptSet) -> None:
        self.refused = str(refusal)
        log.error("set %d is spoken instead of the published one: %s", instead.number, refusal)

    def _look(self) -> tuple[Path, tuple[int, int]]:
        """The manifest of what is to be heard, and which file that is."""
        noted = _stamp(self._audio / LOG)
        if noted != self._noted:
            self._noted = noted
            self._published = last(self._audio)
        file = file_of(self._audio, self._published, self._clock())
        return file, _stamp(file)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        seen = file.stat()
    except FileNotFoundError:
        return (0, 0)
    return (seen.st_ino, seen.st_mtime_ns)


def _spare(audio: Path, contract: Contract) -> PromptSet | None:
    """The newest kept set that can be spoken; those that callers have heard before all others."""
    for number in _numbers(audio):
        try:
            return load(audio, contract, kept(audio, number))
        except PromptSetError:
            continue
    return None


def _numbers(audio: Path) -> list[int]:
    """All kept sets, the one heard last first, drafts that nobody heard at the end."""
    try:
        heard = [each.set for each in read(audio)]
    except (OSError, ValueError, TypeError, KeyError):
        heard = []
    names = [re.fullmatch(r"(\d{4,})\.json", file.name) for file in (audio / SETS).glob("*.json")]
    known = sorted((int(name[1]) for name in names if name), reverse=True)
    return [n for n in dict.fromkeys((*reversed(heard), *known)) if n in known]
