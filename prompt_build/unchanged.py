"""Was the very same build done before? Answered without the voice and its dictionaries.

What a set is made of is decided by recipes; they take a second to work out for a whole catalog.
A build that was asked for the same, by the same code, and whose files are all there, needs none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ivr.records.durable import write
from ivr.speech import numbers
from prompt_build import sets
from prompt_build.catalog.content import Catalog
from prompt_build.recipe import Speaking

_NOTE = "built.json"
_ROOM = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Before:
    """The set that such a build gave."""

    number: int
    clips: int


def asked(catalog: Catalog, speaking: Speaking) -> str:
    """Identity of what is asked for: the catalog, its recordings, the voice, and our code."""
    whole = hashlib.sha256()
    paces = (speaking.pace, speaking.number_pace)
    parts = (catalog.version, speaking.lexicon.version, speaking.voice, *paces, speaking.one)
    whole.update("\n".join(map(str, (*parts, *speaking.formats))).encode())
    recordings = {prompt.recorded for prompt in catalog.prompts.values() if prompt.recorded}
    code = [*_ROOM.rglob("*.py"), *_ROOM.glob("*.tsv"), Path(numbers.__file__)]
    for file in sorted((*recordings, *code)):
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def same(audio: Path, wanted: str) -> Before | None:
    """The set of the last build, if that was asked for the same and is still whole."""
    try:
        note = json.loads((audio / _NOTE).read_bytes())
        manifest = sets.load(audio, note["set"])
    except (OSError, ValueError, sets.NoSuchSet):
        return None
    if note["asked"] != wanted or sets.lost(audio, manifest):
        return None
    return Before(note["set"], len({entry["recipe"] for entry in manifest["prompts"].values()}))


def remember(audio: Path, wanted: str, number: int) -> None:
    """Note what this build was asked for, beside the set that it gave."""
    write(audio / _NOTE, json.dumps({"asked": wanted, "set": number}).encode())
