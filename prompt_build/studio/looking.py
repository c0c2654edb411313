"""What the studio compares: the catalog as it is written, the newest set, the published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.config import Settings
from prompt_build import lexicon, sets
from prompt_build.catalog.content import Catalog, Prompt
from prompt_build.catalog.faults import CatalogError
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source, source_of
from prompt_build.choosing import choose, speaking
from prompt_build.hearing import clips_of
from prompt_build.kokoro import KOKORO
from prompt_build.mastering import Measured
from prompt_build.recipe import recipes, script
from prompt_build.report import measured

_NOTHING: sets.Manifest = {
    "prompts": {},
    "scripts": {},
    "keys": {},
    "information": {},
}


@dataclass(frozen=True, slots=True)
class Seen:
    """All that there was to see at one moment."""

    wanted: sets.Manifest
    """What the next build would make; the newest set while the catalog has faults."""
    built: sets.Manifest | None
    """The newest set."""
    published: sets.Manifest | None
    prompts: Mapping[str, Prompt]
    """Of the catalog, for their dates; none while it has faults."""
    faults: tuple[str, ...]
    version: str
    """Of the catalog; empty while it has faults."""
    measures: Mapping[str, Measured]
    """By recipe, of every clip of the two sets that a sentence plays, examples included."""


def look(settings: Settings, source: Source | None = None) -> Seen:
    """Read the catalog (or a draft of it) and the sets as they are now."""
    audio = settings.audio
    published = sets.published(audio)
    known = sets.numbers_of(audio)
    built = sets.load(audio, known[-1]) if known else published
    measures = _measures(audio, built) | _measures(audio, published)
    try:
        content = load(source or source_of(settings))
        wanted = _wanted(content, settings, built)
    except (CatalogError, lexicon.LexiconError) as faulty:
        faults = tuple(map(str, faulty.faults))
        return Seen(built or _NOTHING, built, published, {}, faults, "", measures)
    return Seen(wanted, built, published, content.prompts, (), content.version, measures)


def _wanted(content: Catalog, settings: Settings, built: sets.Manifest | None) -> sets.Manifest:
    """What a manifest of this catalog would say, in the voice that a build would take."""
    voice = built["voice"]["name"] if built else KOKORO.name
    speaks = speaking(
        settings.speech, choose(settings.speech, voice), lexicon.load(settings.lexicons)
    )
    return {
        "prompts": {
            each.name: {"text": each.text, "recipe": each.id} for each in recipes(content, speaks)
        },
        "scripts": {name: script(prompt) for name, prompt in content.prompts.items()},
        "keys": {name: prompt.keys for name, prompt in content.prompts.items()},
        "information": content.information,
    }


def _measures(audio: Path, manifest: sets.Manifest | None) -> dict[str, Measured]:
    if manifest is None:
        return {}
    played = {clip for name in manifest["scripts"] for clip in clips_of(manifest, name)}
    entries = [manifest["prompts"][clip] for clip in played]
    return {each["recipe"]: found for each in entries if (found := _measured(audio, each))}


def _measured(audio: Path, entry: Mapping[str, Any]) -> Measured | None:
    """None where somebody removed the file."""
    try:
        return measured(audio, entry)
    except (OSError, ValueError):
        return None
