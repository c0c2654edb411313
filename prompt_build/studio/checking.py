"""A sentence while it is being typed: what is wrong with it, and how it will be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ivr.config import Settings
from ivr.speech import numbers
from prompt_build import lexicon
from prompt_build.catalog.city import where_of
from prompt_build.catalog.content import Prompt, Slot
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.layers import laid
from prompt_build.catalog.reading import examined
from prompt_build.catalog.source import Source
from prompt_build.hearing import EXAMPLES
from prompt_build.syllables import NOTHING, Words, stretches

_SYLLABLES_A_SECOND = 4.2
"""As sentences are spoken (docs/decisions/prompts.md)."""


@dataclass(frozen=True, slots=True)
class Said:
    """Some words with their pinyin, and by whose word: hint, lexicon or dictionary."""

    words: str
    pinyin: str = ""
    source: str = ""
    example_of: str = ""
    """A value of the call, of which `words` is an example."""
    unsure: str = ""
    """What to look at: a character of several readings that nobody has confirmed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence as it will be heard."""

    prompt: str
    said: tuple[Said, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Checked:
    """What an editor is told while typing."""

    faults: tuple[str, ...]
    readings: tuple[Reading, ...]
    """Of the sentence; of a variable, of all sentences that say it."""


def check(settings: Settings, source: Source, prompts: Sequence[str]) -> Checked:
    """The catalog of `source` as it would be; readings of these of its sentences."""
    try:
        known = lexicon.load(settings.lexicons)
        catalog, faults = examined(laid(source), source)
    except (CatalogError, lexicon.LexiconError) as broken:
        return Checked(tuple(map(_told, broken.faults)), ())
    there = [catalog.prompts[name] for name in prompts if name in catalog.prompts]
    return Checked(
        tuple(dict.fromkeys(map(_told, faults))),
        tuple(_reading(prompt, known) for prompt in there),
    )


def _told(fault: Any) -> str:
    return str(getattr(fault, "chinese", fault))


def spoken_by(prompts: Mapping[str, Prompt], name: str, used_by: Sequence[str]) -> list[str]:
    """The sentences in which an entry is heard: itself, or those that say a variable or a code."""
    where = where_of(name)
    if where[0] == "codes":
        return [n for n, each in prompts.items() if any(s.read == where[1] for s in each.slots)]
    return list(used_by) if where[0] == "variables" else [name]


def _reading(prompt: Prompt, known: lexicon.Lexicon) -> Reading:
    said: list[Said] = []
    for piece in prompt.pieces:
        if isinstance(piece, Slot):
            said.append(Said(_example(piece), example_of=piece.name))
        else:
            said += _stretched(piece.text, prompt.hints, known)
    hanzi = sum("一" <= character <= "鿿" for each in said for character in each.words)
    return Reading(prompt.name, tuple(said), hanzi / _SYLLABLES_A_SECOND / prompt.pace)


def _example(slot: Slot) -> str:
    if slot.codes:
        return next(filter(None, slot.codes.values()), "")
    return numbers.read(slot.read, EXAMPLES[slot.read]).text if slot.read in EXAMPLES else ""


def _stretched(text: str, hints: Words, known: lexicon.Lexicon) -> list[Said]:
    """Hanzi with their pinyin, and what stands between them."""
    unsure = {each.word: each for each in lexicon.unconfirmed(text, hints, known)}
    found: list[Said] = []
    rest = text
    for each in stretches(text, hints or NOTHING, known.words):
        between, _, rest = rest.partition(each.text)
        if between:
            found.append(Said(between))
        open_ = next((u for word, u in unsure.items() if _touches(each.text, word, u)), None)
        found.append(Said(each.text, each.pinyin, each.source, unsure=_doubt(open_)))
    return [*found, Said(rest)] if rest else found


def _touches(stretch: str, word: str, doubt: lexicon.Unconfirmed) -> bool:
    return doubt.character in stretch and (word in stretch or stretch in word)


def _doubt(found: lexicon.Unconfirmed | None) -> str:
    if found is None:
        return ""
    others = "、".join(found.readings)
    return f"“{found.character}”念 {found.said}，还可以念 {others}，没有人确认过"
