"""What a sentence of the catalog is made of: its name and values in, the clips to play out."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ivr.people.sensitive import Sensitive
from ivr.speech import numbers

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FORMAT = 1
BEEP = "tone.beep"
"""The clip after which a caller speaks."""

Value = str | int | Decimal | Sensitive[str] | Sensitive[Decimal]


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


@dataclass(frozen=True, slots=True)
class Sentence:
    """A prompt of the catalog with the values of its slots; the values are never shown."""

    prompt: str
    values: Mapping[str, Value] = field(default_factory=dict, repr=False)


def sentence(prompt: str, **values: Value) -> Sentence:
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

    @property
    def seconds(self) -> float:
        """How long it takes to say."""
        return sum(clip.seconds for clip in self.clips)

    @property
    def text(self) -> str:
        """The words, as the caller hears them."""
        return "".join(clip.text for clip in self.clips)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in a sentence that the call fills in, and how its value is read."""

    name: str
    read: str
    ends: bool
    """Whether the sentence ends with it."""


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

    version: str
    keys: Mapping[str, str]
    """Menu prompt → the keys that its sentence names."""
    information: Mapping[str, Node]
    """The tree behind keys 3, 4 and 5, by key."""
    clips: Mapping[str, Clip] = field(repr=False)
    _scripts: Mapping[str, tuple[str | _Slot, ...]] = field(repr=False)

    def __contains__(self, prompt: object) -> bool:
        return prompt in self._scripts

    def utterance(self, *sentences: Sentence) -> Utterance:
        """The clips of these sentences, in order; numbers.Unreadable where a value has no words."""
        clips: list[Clip] = []
        at = last_begins = 0.0
        figures_end = None
        for each in sentences:
            last_begins = at
            for clip, is_value in self._pieces(each):
                clips.append(clip)
                at += clip.seconds
                figures_end = at if is_value else figures_end
        prompts = tuple(each.prompt for each in sentences)
        return Utterance(prompts, tuple(clips), last_begins, figures_end)

    def wordings(self) -> dict[str, str]:
        """Every sentence in words, `…` for a value."""
        return {
            prompt: "".join(
                self.clips[piece].text if isinstance(piece, str) else "…" for piece in pieces
            )
            for prompt, pieces in self._scripts.items()
        }

    def missing_clips(self) -> list[str]:
        """What its sentences need and it does not have, in words."""
        return [
            f"prompt {prompt} needs clip {piece}, which is missing"
            for prompt, pieces in self._scripts.items()
            for piece in pieces
            if isinstance(piece, str) and piece not in self.clips
        ]

    def _pieces(self, said: Sentence) -> Iterable[tuple[Clip, bool]]:
        """Each clip, and whether it says a value."""
        for piece in self._scripts[said.prompt]:
            if isinstance(piece, str):
                yield self.clips[piece], False
            else:
                for clip in self._read(piece, said.values[piece.name]):
                    yield clip, True

    def _read(self, slot: _Slot, value: Value) -> Iterable[Clip]:
        plain = value.reveal() if isinstance(value, Sensitive) else value
        reading = numbers.read(slot.read, plain)
        names = reading.clips if slot.ends else reading.clips_within
        return (self.clips[name] for name in names)


def load(audio: Path, spoken: Iterable[str] = ()) -> PromptSet:
    """The published set in `audio`; PromptSetError when it lacks a `spoken` prompt or a file.

    Everything is checked here, since Asterisk plays a missing file as silence without a word.
    """
    manifest = _manifest(audio)
    found = described(manifest, audio.resolve())
    told = [node.prompt for branch in found.information.values() for node in branch.walk()]
    faults = [f"prompt {name} is missing" for name in (*spoken, *told) if name not in found]
    needed = (*numbers.inventory(), BEEP)
    faults += [f"clip {name} is missing" for name in needed if name not in found.clips]
    faults += found.missing_clips()
    faults += _missing_files(audio.resolve(), manifest["prompts"])
    if faults:
        raise PromptSetError(_refusal(audio, faults))
    return found


def described(manifest: Mapping[str, Any], root: Path) -> PromptSet:
    """The set that a manifest describes, its files below `root`; nothing is checked."""
    clips = {name: _clip(root, name, entry) for name, entry in manifest["prompts"].items()}
    scripts = {name: _script(pieces) for name, pieces in manifest["scripts"].items()}
    return PromptSet(
        version=manifest["catalog"],
        keys=MappingProxyType(manifest["keys"]),
        information=_nodes(manifest["information"]),
        clips=MappingProxyType(clips),
        _scripts=MappingProxyType(scripts),
    )


def _manifest(audio: Path) -> dict[str, Any]:
    path = audio / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PromptSetError(f"no prompts in {audio}: run `ivr build-prompts`") from None
    except (OSError, ValueError) as unreadable:
        raise PromptSetError(f"{path} cannot be read ({unreadable}): build again") from unreadable
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise PromptSetError(f"{path} is not of format {FORMAT}: run `ivr build-prompts`")
    return manifest


def _clip(root: Path, name: str, entry: Mapping[str, Any]) -> Clip:
    first = next(iter(entry["files"].values()))
    return Clip(name, entry["text"], str((root / first).with_suffix("")), entry["seconds"])


def _script(pieces: Sequence[Mapping[str, Any]]) -> tuple[str | _Slot, ...]:
    return tuple(
        piece["clip"]
        if "clip" in piece
        else _Slot(piece["slot"], piece["read"], piece.get("ends", False))
        for piece in pieces
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


def _refusal(audio: Path, faults: list[str], shown: int = 20) -> str:
    more = [f"… and {len(faults) - shown} more"] if len(faults) > shown else []
    remedy = f"the prompts in {audio} cannot be spoken; run `ivr build-prompts`:"
    return "\n  ".join([remedy, *faults[:shown], *more])


class Shelf:
    """The set for new calls: loaded once, and again when another one has been published."""

    def __init__(self, audio: Path, spoken: Iterable[str]) -> None:
        self._audio = audio
        self._spoken = tuple(spoken)
        self._stamp = self._look()
        self._set = load(audio, self._spoken)

    def current(self) -> PromptSet:
        """The newest whole set; a broken newer one is left alone and the known one kept."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._set = load(self._audio, self._spoken)
            except PromptSetError:
                log.exception("the newly published prompts are not taken; the old ones stay")
        return self._set

    def _look(self) -> tuple[int, int]:
        try:
            seen = (self._audio / MANIFEST).stat()
        except FileNotFoundError:
            return (0, 0)
        return (seen.st_ino, seen.st_mtime_ns)
