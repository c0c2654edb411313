"""Decide what a set of prompts consists of and which clips are not made yet; pure.

A clip is identified by the hash of its recipe: what is said, by which voice, mastered how. The
same recipe is the same file, whoever asks for it and whenever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ivr import numbers
from prompt_build.catalog import Catalog, Prompt, Slot, Spoken
from prompt_build.mastering import FORMATS, TARGET_DBOV, VERSION
from prompt_build.pronounce import phonemes

PAUSES = {"pause.250": 0.25, "pause.600": 0.6}
"""Clips of silence: name → seconds."""
BEEP = "tone.beep"


@dataclass(frozen=True)
class Recipe:
    """How one clip is made. `sounds` is what the voice is given; other clips have none."""

    name: str
    text: str
    voice: str
    sounds: str = ""

    @cached_property
    def synthesis(self) -> str:
        """Identity of what the voice makes of it, before mastering."""
        return _hash({"voice": self.voice, "sounds": self.sounds})

    @cached_property
    def id(self) -> str:
        """Identity of the finished clip."""
        made_of = {
            "voice": self.voice,
            "sounds": self.sounds or self.name,
            "mastering": VERSION,
            "level": TARGET_DBOV,
            "formats": FORMATS,
        }
        return _hash(made_of)

    def file(self, law: str) -> str:
        """Where it lies below the audio folder, for one coding."""
        return f"clips/{self.id[:2]}/{self.id}.{law}"


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def recipes(catalog: Catalog, voice: str) -> tuple[Recipe, ...]:
    """Every clip that the catalog and the numbers need, in a fixed order."""
    return (*_of_catalog(catalog, voice), *_of_numbers(voice), *_of_tones(voice))


def _of_catalog(catalog: Catalog, voice: str) -> Iterator[Recipe]:
    for prompt in catalog.prompts.values():
        for name, text in clips_of(prompt):
            yield Recipe(name, text, voice, phonemes(text, prompt.hints))


def _of_numbers(voice: str) -> Iterator[Recipe]:
    for name, text in numbers.inventory().items():
        if name not in PAUSES:
            yield Recipe(name, text, voice, phonemes(text))


def _of_tones(voice: str) -> Iterator[Recipe]:
    for name in (*PAUSES, BEEP):
        yield Recipe(name, "", voice)


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


def script(prompt: Prompt) -> list[dict[str, str]]:
    """The prompt as the manifest has it: clips and slots in order, with their pauses.

    A comma or full stop where speech meets a value is heard as a pause; after an amount at the
    end, 600 ms of quiet let it sink in (rules, 4.1.11).
    """
    names = iter([name for name, _ in clips_of(prompt)])
    played: list[dict[str, str]] = []
    for piece in prompt.pieces:
        if isinstance(piece, Slot):
            played.append({"slot": piece.name, "read": piece.read})
            continue
        if played and piece.text[0] in "，。；：":
            played.append({"clip": "pause.250"})
        if _has_words(piece.text):
            played.append({"clip": next(names)})
    if len(prompt.pieces) > 1 and _ends_with_amount(prompt):
        played.append({"clip": "pause.600"})
    return played


def _ends_with_amount(prompt: Prompt) -> bool:
    slots = [piece for piece in prompt.pieces if isinstance(piece, Slot)]
    last = prompt.pieces[-1]
    after = last.text if isinstance(last, Spoken) else ""
    return bool(slots) and slots[-1].read == "amount" and not _has_words(after)


def _has_words(text: str) -> bool:
    return any(character.isalpha() for character in text)


def missing(wanted: Iterable[Recipe], present: frozenset[str]) -> tuple[Recipe, ...]:
    """The recipes with no file yet in some coding, each once; the longest first.

    `present`: paths below the audio folder. Long ones first, so that no core idles at the end.
    """
    absent = {
        recipe.id: recipe
        for recipe in wanted
        if any(recipe.file(law) not in present for law in FORMATS)
    }
    return tuple(sorted(absent.values(), key=lambda recipe: -len(recipe.sounds)))
