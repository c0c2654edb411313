"""The catalog for those who read it: as a prompt set without sound, and sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ivr.speech import numbers
from ivr.speech.prompts import PromptSet, described
from prompt_build.catalog.content import Catalog, Prompt, Slot, Spoken
from prompt_build.hearing import EXAMPLES
from prompt_build.recipe import PAUSES, TONES, clips_of, script


def silent_set(catalog: Catalog) -> PromptSet:
    """What a build would publish, but for the sound: enough to lead a dialogue in words."""
    texts = {**numbers.inventory(), **dict.fromkeys(TONES, "")}
    for prompt in catalog.prompts.values():
        texts |= dict(clips_of(prompt))
    return described(
        {
            "catalog": catalog.version,
            "prompts": {name: _silent(name, text) for name, text in texts.items()},
            "scripts": {name: script(prompt) for name, prompt in catalog.prompts.items()},
            "keys": {name: prompt.keys for name, prompt in catalog.prompts.items() if prompt.keys},
            "information": dict(catalog.information),
        },
        Path(),
    )


def _silent(name: str, text: str) -> dict[str, Any]:
    return {"text": text, "files": {"none": name}, "seconds": PAUSES.get(name, 0.0)}


def words(prompt: Prompt) -> str:
    """The sentence as it is heard, with an example in each place that a call fills in."""
    return "".join(
        piece.text if isinstance(piece, Spoken) else f"〔{_example(piece)}〕"
        for piece in prompt.pieces
    )


def _example(slot: Slot) -> str:
    """What a call could fill in; of a column of codes the first that has words."""
    if slot.codes:
        return next((said for said in slot.codes.values() if said), "")
    return numbers.read(slot.read, EXAMPLES[slot.read]).text


def seconds(prompt: Prompt, built: Mapping[str, Any]) -> float | None:
    """How long its own words take in a set; None where the set says something else, or nothing."""
    entries = [(text, built.get(name)) for name, text in clips_of(prompt)]
    if any(entry is None or entry["text"] != text for text, entry in entries):
        return None
    return sum(float(entry["seconds"]) for _, entry in entries if entry is not None)
