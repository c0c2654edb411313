"""The real catalog as a prompt set without sound: every clip lasts as long as its words would."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from ivr.config import PROJECT
from ivr.speech import prompts
from ivr.speech.contract import CONTRACT
from prompt_build import recipe
from prompt_build.catalog.content import Catalog
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source

SECONDS_A_HANZI = 0.25
NUMBERS = "clips/00/numbers.alaw"
"""Thousands of clips without sound need no file each."""
Content = tuple[Catalog, tuple[recipe.Recipe, ...]]


@cache
def text_set(folder: Path, source: Source | None = None) -> prompts.PromptSet:
    """Written to `folder` as a build writes it, and loaded as the service loads it."""
    content, wanted = _content(source) if source else _shipped()
    entries, made = {}, set[str]()
    for each in wanted:
        name = NUMBERS if each.name.startswith("number.") else each.file("alaw")
        made.add(name)
        seconds = recipe.PAUSES.get(each.name, len(each.text) * SECONDS_A_HANZI)
        files = {"alaw": name}
        entries[each.name] = {
            "text": each.text,
            "files": files,
            "seconds": seconds,
            "recipe": each.id,
        }
    for name in made:
        _touch(folder / name)
    manifest = {
        "format": prompts.FORMAT,
        "catalog": content.version,
        "prompts": entries,
        "scripts": {name: recipe.script(prompt) for name, prompt in content.prompts.items()},
        "keys": {name: prompt.keys for name, prompt in content.prompts.items() if prompt.keys},
        "information": dict(content.information),
    }
    (folder / prompts.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return prompts.load(folder, CONTRACT)


def _touch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


@cache
def _shipped() -> Content:
    """How every sentence is spoken takes seconds to say: once for all sets of this catalog."""
    return _content(Source(PROJECT / "scripts.zh.toml"))


def _content(source: Source) -> Content:
    content = load(source)
    return content, recipe.recipes(content, recipe.Speaking("silent"))
