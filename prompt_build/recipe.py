"""Decide what a set of prompts consists of and which clips are not made yet; pure.

A clip is identified by the hash of its recipe: what is said, by which voice, mastered how. The
same recipe is the same file, whoever asks for it and whenever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ivr.speech import numbers
from prompt_build.catalog.content import Catalog, Prompt, Slot, Spoken
from prompt_build.lexicon import EMPTY, Lexicon
from prompt_build.mastering import TARGET_DBOV, VERSION
from prompt_build.pronounce import phonemes
from prompt_build.syllables import NOTHING, Words
from prompt_build.voices import Spell

PAUSES = {"pause.250": 0.25, "pause.600": 0.6}
"""Clips of silence: name → seconds."""
_BREATH = {"clip": "pause.250"}
_SINK_IN = {"clip": "pause.600"}
BEEP = "tone.beep"
MUSIC = "music.hold"
TONES = (*PAUSES, BEEP, MUSIC)
"""Clips that nobody speaks."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """Who speaks the set, and how: one voice for all of it."""

    voice: str
    """The engine's name."""
    rate: int = 24000
    """At which its samples are played."""
    spell: Spell = phonemes
    """What the engine is given for a text."""
    lexicon: Lexicon = EMPTY
    """How the words of the trade are said, in all its sentences."""
    pace: float = 1.0
    """Of sentences."""
    number_pace: float = 1.0
    """Of the chunks that numbers are joined from."""
    one: str = "幺"
    """How a 1 is said in strings of digits: 幺 or 一."""
    formats: tuple[str, ...] = ("alaw", "ulaw")

    def said(self, text: str) -> str:
        """The words as they are spoken."""
        return text.replace("幺", self.one)


@dataclass(frozen=True)
class Recipe:
    """How one clip is made: by a voice from `sounds`, from a recording, or by its name alone."""

    name: str
    text: str
    voice: str
    sounds: str = ""
    pace: float = 1.0
    rate: int = 0
    """At which the voice's samples are played; a recording and a tone have their own."""
    recorded: Path | None = None
    recording: str = ""
    """Hash of the recording's content."""
    formats: tuple[str, ...] = field(default=("alaw", "ulaw"), compare=False)

    @cached_property
    def synthesis(self) -> str:
        """Identity of what the voice makes of it, before mastering."""
        return _hash({"voice": self.voice, "sounds": self.sounds, "pace": self.pace})

    @cached_property
    def id(self) -> str:
        """Identity of the finished clip; a recording is checked again when its words change."""
        said = f"{self.recording} {self.text}" if self.recording else self.sounds
        made_of = {
            "voice": self.voice,
            "sounds": said or self.name,
            "pace": self.pace,
            "rate": self.rate,
            "mastering": VERSION,
            "level": TARGET_DBOV,
        }
        return _hash(made_of)

    def file(self, coding: str) -> str:
        """Where it lies below the audio folder, for one coding (or `json`, its measures)."""
        return f"clips/{self.id[:2]}/{self.id}.{coding}"

    @property
    def files(self) -> tuple[str, ...]:
        """All that a finished clip consists of; the measures are written last."""
        return (*(self.file(coding) for coding in self.formats), self.file("json"))


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def recipes(catalog: Catalog, speaking: Speaking) -> tuple[Recipe, ...]:
    """Every clip that the catalog and the numbers need, in a fixed order."""
    return (*_of_catalog(catalog, speaking), *_of_numbers(speaking), *_of_tones(speaking))


def _of_catalog(catalog: Catalog, speaking: Speaking) -> Iterator[Recipe]:
    for prompt in catalog.prompts.values():
        for name, text in clips_of(prompt):
            if prompt.recorded is not None:
                yield _recorded(name, text, prompt.recorded, speaking)
            else:
                yield _spoken(
                    name, text, speaking, hints=prompt.hints, pace=speaking.pace * prompt.pace
                )


def _of_numbers(speaking: Speaking) -> Iterator[Recipe]:
    """Both forms of a chunk; a voice that speaks them alike has one recipe for both."""
    for name, text in numbers.inventory().items():
        if name not in PAUSES:
            mark = numbers.STOP if name.endswith(numbers.STOP) else numbers.PAUSE
            yield replace(
                _spoken(name, text + mark, speaking, pace=speaking.number_pace),
                text=speaking.said(text),
            )


def _of_tones(speaking: Speaking) -> Iterator[Recipe]:
    for name in TONES:
        yield Recipe(name, "", "tone", formats=speaking.formats)


def _spoken(
    name: str, text: str, speaking: Speaking, *, hints: Words = NOTHING, pace: float
) -> Recipe:
    said = speaking.said(text)
    return Recipe(
        name=name,
        text=said,
        voice=speaking.voice,
        sounds=speaking.spell(said, hints, speaking.lexicon.words),
        pace=round(pace, 3),
        rate=speaking.rate,
        formats=speaking.formats,
    )


def _recorded(name: str, text: str, recording: Path, speaking: Speaking) -> Recipe:
    return Recipe(
        name=name,
        text=speaking.said(text),
        voice="recorded",
        recorded=recording,
        recording=hashlib.sha256(recording.read_bytes()).hexdigest(),
        formats=speaking.formats,
    )


def clips_of(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """The spoken pieces of a prompt: their clips' names and their words."""
    pieces = [
        piece for piece in prompt.pieces if isinstance(piece, Spoken) and _has_words(piece.text)
    ]
    if len(prompt.pieces) == 1:
        yield from ((prompt.name, piece.text) for piece in pieces)
    else:
        yield from (
            (f"{prompt.name}.{number}", piece.text) for number, piece in enumerate(pieces, 1)
        )
    for slot in prompt.slots:
        yield from (
            (_of_code(prompt, slot, code), said) for code, said in slot.codes.items() if said
        )


def _of_code(prompt: Prompt, slot: Slot, code: str) -> str:
    """The clip of what is said for a code."""
    return f"{prompt.name}.{slot.name}.{code}"


def script(prompt: Prompt) -> list[dict[str, Any]]:
    """The prompt as the manifest has it: clips and slots in order, with their pauses.

    A comma or full stop where speech meets a value is heard as a pause; after an amount at the
    end, 600 ms of quiet let it sink in (rules, 4.1.11). What can fall away has its `part`.
    """
    names = iter([name for name, _ in clips_of(prompt)])
    played: list[dict[str, Any]] = []
    for at, piece in enumerate(prompt.pieces):
        part = {"part": piece.part} if piece.part else {}
        if isinstance(piece, Slot):
            ends = _ends_sentence(prompt.pieces[at + 1 :])
            codes = {c: _of_code(prompt, piece, c) if w else "" for c, w in piece.codes.items()}
            listed = {"codes": codes} if codes else {}
            played.append({"slot": piece.name, "read": piece.read, "ends": ends, **part, **listed})
            continue
        if played and piece.text[0] in "，。；：":
            played.append({**_BREATH, **part})
        if _has_words(piece.text):
            played.append({"clip": next(names), **part})
    if _ends_with_amount(prompt):
        if played[-1] == _BREATH:
            played.pop()
        played.append(_SINK_IN)
    return played


def _ends_with_amount(prompt: Prompt) -> bool:
    slots = [piece for piece in prompt.pieces if isinstance(piece, Slot)]
    last = prompt.pieces[-1]
    after = last.text if isinstance(last, Spoken) else ""
    return bool(slots) and slots[-1].read == "amount" and not _has_words(after)


def _ends_sentence(after: Sequence[Spoken | Slot]) -> bool:
    """Whether nothing of the same sentence follows."""
    return not after or (isinstance(after[0], Spoken) and after[0].text[0] in "。！？")


def _has_words(text: str) -> bool:
    return any(character.isalpha() for character in text)


def missing(wanted: Iterable[Recipe], present: frozenset[str]) -> tuple[Recipe, ...]:
    """The recipes with no file yet in some coding, each once; the longest first.

    `present`: paths below the audio folder. Long ones first, so that no core idles at the end.
    """
    absent = {
        recipe.id: recipe for recipe in wanted if any(file not in present for file in recipe.files)
    }
    return tuple(sorted(absent.values(), key=lambda recipe: -len(recipe.sounds)))
