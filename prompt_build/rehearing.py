"""A sentence as the catalog has it now, heard before anything is built; for an editor's own ears.

What was made before is taken from the line's clips; what is new is spoken into the user's cache.
Neither the checkout nor the line's folder is written to.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ivr.config import Settings
from prompt_build import choosing, lexicon, sets
from prompt_build.build import BuildFailed, Made, make_one
from prompt_build.cache import cache_folder
from prompt_build.catalog.content import Catalog
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source, source_of
from prompt_build.hearing import clips_of
from prompt_build.recipe import Recipe, recipes, script
from prompt_build.synthesis import needs_voice
from prompt_build.voices import Engine

_one_voice = threading.Lock()
"""A voice says one thing after the other."""


def as_written(settings: Settings, prompt: str, source: Source | None = None) -> sets.Manifest:
    """A manifest in which this prompt can be heard as the catalog says it; its paths are absolute.

    `source`: another catalog than the line's, a draft. Raises CatalogError, NoSuchSet for a
    prompt that it does not have, BuildFailed or VoiceUnavailable.
    """
    catalog = load(source or source_of(settings))
    heard = sets.published(settings.audio) or _newest(settings.audio) or {}
    engine = choosing.choose(settings.speech, heard.get("voice", {}).get("name"))
    speaks = choosing.speaking(settings.speech, engine, lexicon.load(settings.lexicons))
    wanted = {each.name: each for each in recipes(catalog, speaks)}
    manifest = _silent(catalog, wanted)
    with _one_voice:
        for clip in dict.fromkeys(clips_of(manifest, prompt)):
            manifest["prompts"][clip]["files"] = _files(wanted[clip], settings.audio, engine)
    return manifest


def _newest(audio: Path) -> dict[str, Any] | None:
    known = sets.numbers_of(audio)
    return sets.load(audio, known[-1]) if known else None


def _silent(catalog: Catalog, wanted: dict[str, Recipe]) -> dict[str, Any]:
    return {
        "prompts": {name: {"text": each.text, "files": {}} for name, each in wanted.items()},
        "scripts": {name: script(prompt) for name, prompt in catalog.prompts.items()},
    }


def _files(recipe: Recipe, audio: Path, engine: Engine) -> dict[str, str]:
    """Where the clip lies: among the line's, or among those that editors have heard."""
    there = audio
    if not all((audio / file).is_file() for file in recipe.files):
        there = cache_folder() / "heard"
        if not all((there / file).is_file() for file in recipe.files):
            _make(recipe, there, engine)
    return {coding: str((there / recipe.file(coding)).resolve()) for coding in recipe.formats}


def _make(recipe: Recipe, there: Path, engine: Engine) -> None:
    if needs_voice(recipe, engine):
        engine.prepare()
    made = make_one(recipe, there, engine)
    if not isinstance(made, Made):
        raise BuildFailed(f"{recipe.name}: {made}")
