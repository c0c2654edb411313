"""The real catalog as a prompt set without sound: every clip lasts as long as its words would."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from ivr.config import PROJECT
from ivr.speech import prompts
from ivr.speech.contract import CONTRACT
from prompt_build import recipe
from prompt_build.catalog.reading import load
from prompt_build.catalog.source import Source

SECONDS_A_HANZI = 0.25


@cache
def text_set(folder: Path, source: Source | None = None) -> prompts.PromptSet:
    """Written to `folder` as a build writes it, and loaded as the service loads it."""
    content = load(source or Source(PROJECT / "scripts.zh.toml"))
    wanted = recipe.recipes(content, recipe.Speaking("silent"))
    entries = {}
    for each in wanted:
        file = folder / each.file("alaw")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        seconds = recipe.PAUSES.get(each.name, len(each.text) * SECONDS_A_HANZI)
        files = {"alaw": each.file("alaw")}
        entries[each.name] = {
            "text": each.text,
            "files": files,
            "seconds": seconds,
            "recipe": each.id,
        }
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
